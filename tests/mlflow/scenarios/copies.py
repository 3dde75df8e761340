"""Copies: a version registered under another name."""

from kit import refused, same, scenario


@scenario
def a_version_is_copied_by_number_and_by_alias(world):
    client, name = world.client, world.model()
    client.create_model_version(name, "s3://bucket/a", "0123456789abcdef0123456789abcdef", run_link="https://example.com", description="origin")
    client.set_registered_model_alias(name, "best", 1)
    first = client.copy_model_version(f"models:/{name}/1", name + "-copy")
    second = client.copy_model_version(f"models:/{name}@best", name + "-copy")
    for version, number in [(first, "1"), (second, "2")]:
        same((version.name, version.version, version.source), (name + "-copy", number, f"models:/{name}/1"))
        same((version.run_id, version.run_link, version.description), ("0123456789abcdef0123456789abcdef", "https://example.com", "origin"))
        same(client.get_model_version_download_uri(name + "-copy", number), "s3://bucket/a")


@scenario(modes=("warn",))
def a_copy_survives_its_origin(world):
    client, name = world.client, world.model()
    client.create_model_version(name, "s3://bucket/a")
    client.copy_model_version(f"models:/{name}/1", name + "-copy")
    client.copy_model_version(f"models:/{name}-copy/1", name + "-copy of copy")
    client.rename_registered_model(name, name + "-renamed")
    client.delete_registered_model(name + "-renamed")
    same(client.get_model_version_download_uri(name + "-copy", 1), "s3://bucket/a")
    same(client.get_model_version_download_uri(name + "-copy of copy", 1), "s3://bucket/a")


@scenario
def a_copy_of_nothing_is_refused(world):
    client, name = world.client, world.model()
    # The client wraps the answer in an error of its own.
    refused("INTERNAL_ERROR", lambda: client.copy_model_version(f"models:/{name}/7", name + "-copy"), f"Model Version (name={name}, version=7) not found")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.create_model_version(name, f"models:/{name}-nobody/1"))
    refused("INVALID_PARAMETER_VALUE", lambda: client.create_model_version(name, f"models:/{name}@nobody"))


@scenario
def a_source_by_alias_stage_or_latest_is_kept_as_a_number(world):
    client, name = world.client, world.model()
    world.versions(2)
    client.set_registered_model_alias(name, "best", 1)
    for source, number in [(f"models:/{name}@best", 1), (f"models:/{name}/latest", 2), (f"models:/{name}/None", 2)]:
        version = client.create_model_version(world.name, source)
        same(version.source, f"models:/{name}/{number}")
        client.delete_model_version(name, version.version)
