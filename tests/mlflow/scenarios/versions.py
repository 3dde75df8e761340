"""Model versions: create, read, describe, delete, numbers."""

from concurrent.futures import ThreadPoolExecutor

import mlflow

from kit import refused, same, scenario


@scenario
def a_version_keeps_what_it_was_created_with(world):
    name, run = world.model(), "0123456789abcdef0123456789abcdef"
    made = world.client.create_model_version(
        name, "s3://bucket/path?versionId=3#x", run, tags={"k": "v", "n": 7}, run_link="https://example.com/run", description="first"
    )
    found = world.client.get_model_version(name, "1")
    for version in (made, found):
        same((version.name, version.version, version.source, version.run_id), (name, "1", "s3://bucket/path?versionId=3#x", run))
        same((version.run_link, version.description, version.tags), ("https://example.com/run", "first", {"k": "v", "n": "7"}))
        same((version.status, version.current_stage, list(version.aliases)), ("READY", "None", []))
    same(found.creation_timestamp, made.creation_timestamp)
    same(world.client.get_registered_model(name).last_updated_timestamp, made.creation_timestamp)


@scenario
def register_model_makes_the_model_if_need_be(world):
    first = mlflow.register_model("s3://bucket/first", world.name, tags={"k": "v"})
    second = mlflow.register_model("s3://bucket/second", world.name)
    same((first.version, second.version, first.tags), ("1", "2", {"k": "v"}))
    same(world.client.get_registered_model(world.name).latest_versions[0].version, "2")


@scenario
def twenty_registrations_at_once_get_dense_numbers(world):
    name = world.model()
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda number: world.client.create_model_version(name, f"s3://bucket/{number}"), range(20)))
    same(sorted(int(version.version) for version in made), list(range(1, 21)))
    for version in made:
        same(world.client.get_model_version(name, version.version).source, version.source)


@scenario
def twenty_people_who_create_one_model_get_one(world):
    def create(_):
        try:
            return world.client.create_registered_model(world.name) and "made"
        except mlflow.exceptions.MlflowException as error:
            return error.error_code

    with ThreadPoolExecutor(20) as pool:
        same(sorted(pool.map(create, range(20))), ["RESOURCE_ALREADY_EXISTS"] * 19 + ["made"])


@scenario
def a_deleted_version_is_gone_and_its_number_is_not_used_again(world):
    client, name = world.client, world.model()
    world.versions(3, tags={"k": "v"})
    client.delete_model_version(name, 3)
    text = f"Model Version (name={name}, version=3) not found"
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version(name, 3), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_model_version(name, 3), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.update_model_version(name, 3, "text"), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version_download_uri(name, 3), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.set_model_version_tag(name, "3", "k", "v"), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.set_registered_model_alias(name, "best", 3), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.transition_model_version_stage(name, 3, "Staging"), text)
    same(sorted(found.version for found in client.search_model_versions(f"name = '{name}'")), ["1", "2"])
    same([found.version for found in client.get_registered_model(name).latest_versions], ["2"])
    same(world.versions(1), ["4"])


@scenario
def a_description_of_a_version_changes_and_the_model_does_not(world):
    client, name = world.client, world.model()
    world.versions(1, description="first")
    model, version = client.get_registered_model(name), client.get_model_version(name, 1)
    changed = client.update_model_version(name, 1, "second")
    same(changed.description, "second")
    assert changed.last_updated_timestamp >= version.last_updated_timestamp
    same(client.get_registered_model(name).last_updated_timestamp, model.last_updated_timestamp)
    same(client.update_model_version(name, 1, "").description, "")


@scenario
def numbers_of_versions_are_integers(world):
    client, name = world.client, world.model()
    world.versions(1)
    refused("INVALID_PARAMETER_VALUE", lambda: client.get_model_version(name, "abc"), "Parameter 'version' must be an integer")
    same(client.get_model_version(name, "01").version, "1")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version(name, 2))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version(name + "-other", 1))


@scenario
def sources_that_name_a_host_or_climb_are_refused(world):
    name = world.model()
    for source in ["http://example.com/model", "https://example.com/model", "ftp://example.com/model", "mlflow-artifacts://example.com/model"]:
        refused("INVALID_PARAMETER_VALUE", lambda source=source: world.client.create_model_version(name, source), "'source' cannot use the ")
    for source in ["s3://bucket/../x", "s3://bucket/%2e%2e/x", "/etc/passwd", "file:///etc/passwd", "relative/path"]:
        refused("INVALID_PARAMETER_VALUE", lambda source=source: world.client.create_model_version(name, source))
    same(list(world.client.search_model_versions(f"name = '{name}'")), [])


@scenario
def a_source_elsewhere_is_kept_as_it_is(world):
    name = world.model()
    for source in ["s3://bucket/model", "gs://bucket/model", "dbfs:/models/x", "wasbs://c@a.blob.core.windows.net/x", "s3:/bucket/x"]:
        version = world.client.create_model_version(name, source)
        same((version.source, world.client.get_model_version_download_uri(name, version.version)), (source, source))
