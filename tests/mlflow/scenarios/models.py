"""Registered models: create, read, describe, rename, delete."""

from mlflow.exceptions import MlflowException

from kit import refused, same, scenario


@scenario
def a_model_is_created_and_read(world):
    name = world.model(tags={"team": "credit", "year": 2026}, description="says yes or no")
    found = world.client.get_registered_model(name)
    same((found.name, found.description, found.tags), (name, "says yes or no", {"team": "credit", "year": "2026"}))
    same((found.latest_versions, found.aliases), ([], {}))
    same(found.creation_timestamp, found.last_updated_timestamp)
    assert found.creation_timestamp > 1_700_000_000_000, "milliseconds since the epoch"


@scenario
def creating_a_model_twice_is_refused(world):
    name = world.model()
    refused("RESOURCE_ALREADY_EXISTS", lambda: world.client.create_registered_model(name), f"Registered Model (name={name}) already exists.")


@scenario
def an_unknown_model_is_not_found(world):
    client, name = world.client, world.name
    text = f"Registered Model with name={name} not found"
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model(name), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.update_registered_model(name, "text"), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_registered_model(name), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.rename_registered_model(name, name + "-new"), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.set_registered_model_tag(name, "k", "v"), text)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.create_model_version(name, "s3://bucket/x"), text)


@scenario
def a_description_is_updated_and_cleared(world):
    name = world.model()
    before = world.client.get_registered_model(name).last_updated_timestamp
    changed = world.client.update_registered_model(name, "Größe, 模型, \"quotes\"\nand a second line")
    same(changed.description, "Größe, 模型, \"quotes\"\nand a second line")
    same(world.client.get_registered_model(name).description, changed.description)
    assert changed.last_updated_timestamp >= before
    assert not world.client.update_registered_model(name, "").description
    assert not world.client.get_registered_model(name).description


@scenario
def a_model_is_renamed_with_its_versions(world):
    client = world.client
    old, new = world.model(tags={"k": "v"}), world.name + " renamed"
    world.versions(2, old, tags={"n": "1"})
    client.set_registered_model_alias(old, "best", 2)
    before = client.get_model_version(old, 1).last_updated_timestamp
    client.rename_registered_model(old, new)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model(old))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version(old, 1), f"Model Version (name={old}, version=1) not found")
    found = client.get_registered_model(new)
    same((found.tags, {alias: str(version) for alias, version in found.aliases.items()}), ({"k": "v"}, {"best": "2"}))
    same(client.get_model_version_by_alias(new, "best").version, "2")
    first = client.get_model_version(new, 1)
    same((first.name, first.tags), (new, {"n": "1"}))
    assert first.last_updated_timestamp >= before
    same(sorted(found.version for found in client.search_model_versions(f"name = '{new}'")), ["1", "2"])
    same(world.versions(1, new), ["3"])


@scenario
def renaming_to_a_taken_name_is_refused(world):
    first, second = world.model("-a"), world.model("-b")
    refused("RESOURCE_ALREADY_EXISTS", lambda: world.client.rename_registered_model(first, second), f"Registered Model (name={second}) already exists")
    same(world.client.get_registered_model(first).name, first)
    # Its own name is no other name.
    world.client.rename_registered_model(first, first)
    same(world.client.get_registered_model(first).name, first)


@scenario
def a_deleted_model_is_gone_and_its_name_can_be_used_again(world):
    client, name = world.client, world.model(tags={"k": "v"})
    client.delete_registered_model(name)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model(name))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_registered_model(name))
    same(list(client.search_registered_models(f"name = '{name}'")), [])
    client.create_registered_model(name)
    found = client.get_registered_model(name)
    same((found.tags, found.latest_versions, found.description or ""), ({}, [], ""))


@scenario(modes=("warn",))
def a_deleted_model_takes_its_versions_with_it(world):
    client, name = world.client, world.model()
    world.versions(2, tags={"k": "v"})
    client.delete_registered_model(name)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version(name, 1))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version_download_uri(name, 2))
    same(list(client.search_model_versions(f"name = '{name}'")), [])
    client.create_registered_model(name)
    same(list(client.search_model_versions(f"name = '{name}'")), [])
    same(client.get_registered_model(name).latest_versions, [])


@scenario
def names_are_of_any_script(world):
    client = world.client
    for suffix in [" Modell für Kredite", " 模型", " 🦀", " 100% 'sure'", ' "quoted"', " a.b_c-d", " a+b&c=d", " x#y?z"]:
        name = world.model(suffix)
        version = world.versions(1, name)[0]
        client.set_model_version_tag(name, version, "k", suffix)
        same(client.get_registered_model(name).name, name)
        same(client.get_model_version(name, version).tags, {"k": suffix})
        quote = '"' if "'" in name else "'"
        same([found.name for found in client.search_registered_models(f"name = {quote}{name}{quote}")], [name])


@scenario
def bad_names_are_refused(world):
    for name in ["a/b", "a:b", "."]:
        refused("INVALID_PARAMETER_VALUE", lambda name=name: world.client.create_registered_model(name))
        world_model = world.name + "-good"
        try:
            world.client.create_registered_model(world_model)
        except MlflowException as error:
            same(error.error_code, "RESOURCE_ALREADY_EXISTS")
        refused("INVALID_PARAMETER_VALUE", lambda name=name: world.client.rename_registered_model(world_model, name))
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.create_registered_model(""), "Missing value for required parameter 'name'")


@scenario(only="chancery", modes=("warn",))
def numbers_go_on_in_a_name_that_is_used_again(world):
    name = world.model()
    same(world.versions(2), ["1", "2"])
    world.client.delete_registered_model(name)
    same(world.versions(1, world.model()), ["3"])


@scenario(only="chancery")
def names_that_deceive_are_refused(world):
    for suffix in ["\n", " ", "\u202e", "x" * 256]:
        refused("INVALID_PARAMETER_VALUE", lambda suffix=suffix: world.model(suffix))
