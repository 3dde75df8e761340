"""Aliases: names of versions that move."""

from kit import refused, same, scenario


@scenario
def an_alias_moves(world):
    client, name = world.client, world.model()
    world.versions(2)
    client.set_registered_model_alias(name, "best", 1)
    same(client.get_model_version_by_alias(name, "best").version, "1")
    client.set_registered_model_alias(name, "best", "2")
    same(client.get_model_version_by_alias(name, "best").version, "2")
    same(list(client.get_model_version(name, 1).aliases), [])
    same(list(client.get_model_version(name, 2).aliases), ["best"])
    client.set_registered_model_alias(name, "best", 2)
    same({alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}, {"best": "2"})


@scenario
def a_version_may_have_many_aliases(world):
    client, name = world.client, world.model()
    world.versions(1)
    aliases = ["Best", "best", "größte", "a-b_c", "x" * 255]
    for alias in aliases:
        client.set_registered_model_alias(name, alias, 1)
    same(sorted(client.get_model_version(name, 1).aliases), sorted(aliases))
    same(client.get_model_version_by_alias(name, "größte").version, "1")
    refused("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias(name, "BEST"), "Registered model alias BEST not found.")


@scenario
def deleting_an_alias_twice_is_fine(world):
    client, name = world.client, world.model()
    world.versions(1)
    client.set_registered_model_alias(name, "best", 1)
    client.delete_registered_model_alias(name, "best")
    client.delete_registered_model_alias(name, "best")
    refused("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias(name, "best"), "Registered model alias best not found.")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_registered_model_alias(name + "-other", "best"))


@scenario
def reserved_and_malformed_aliases_are_refused(world):
    client, name = world.client, world.model()
    world.versions(1)
    for alias, words in [("latest", "reserved"), ("Latest", "reserved"), ("v1", "reserved"), ("V22", "reserved"), ("a b", "alphanumerics"), ("x" * 256, "255")]:
        refused("INVALID_PARAMETER_VALUE", lambda alias=alias: client.set_registered_model_alias(name, alias, 1), words)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.set_registered_model_alias(name, "best", 2))


@scenario
def the_alias_latest_is_the_highest_number(world):
    client, name = world.client, world.model()
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version_by_alias(name, "latest"), f"Latest version not found for model {name}.")
    world.versions(2)
    same(client.get_model_version_by_alias(name, "latest").version, "2")


@scenario(modes=("warn",))
def the_alias_of_a_deleted_version_is_gone(world):
    client, name = world.client, world.model()
    world.versions(2)
    client.set_registered_model_alias(name, "best", 2)
    client.delete_model_version(name, 2)
    same(client.get_registered_model(name).aliases, {})
    refused("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias(name, "best"))
