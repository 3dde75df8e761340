"""Tags of models and versions."""

from kit import refused, same, scenario


@scenario
def tags_are_set_replaced_and_deleted(world):
    client, name = world.client, world.model(tags={"a": "1"})
    world.versions(1, tags={"a": "1"})
    client.set_registered_model_tag(name, "a", "2")
    client.set_registered_model_tag(name, "b", 3)
    client.set_model_version_tag(name, "1", "a", "2")
    client.set_model_version_tag(name, "1", "b", "")
    same(client.get_registered_model(name).tags, {"a": "2", "b": "3"})
    same(client.get_model_version(name, 1).tags, {"a": "2", "b": ""})
    for _ in range(2):  # the second time there is nothing, and that is fine
        client.delete_registered_model_tag(name, "a")
        client.delete_model_version_tag(name, "1", "a")
    same(client.get_registered_model(name).tags, {"b": "3"})
    same(client.get_model_version(name, 1).tags, {"b": ""})


@scenario
def tags_do_not_touch_timestamps(world):
    client, name = world.client, world.model()
    world.versions(1)
    before = client.get_registered_model(name).last_updated_timestamp, client.get_model_version(name, 1).last_updated_timestamp
    client.set_registered_model_tag(name, "k", "v")
    client.set_model_version_tag(name, "1", "k", "v")
    client.set_registered_model_alias(name, "best", 1)
    after = client.get_registered_model(name).last_updated_timestamp, client.get_model_version(name, 1).last_updated_timestamp
    same(after, before)


@scenario
def a_tag_may_have_a_hundred_thousand_characters(world):
    client, name, text = world.client, world.model(), "ü" * 100_000
    client.create_model_version(name, "s3://bucket/x", tags={"long": text})
    client.set_registered_model_tag(name, "long", text)
    client.set_model_version_tag(name, "1", "longer", text[::-1])
    same(client.get_registered_model(name).tags["long"] == text, True)
    same({key: value == text for key, value in client.get_model_version(name, 1).tags.items()}, {"long": True, "longer": True})
    refused("INVALID_PARAMETER_VALUE", lambda: client.set_registered_model_tag(name, "long", text + "x"), "exceeds the maximum length of 100000 characters")
    refused("INVALID_PARAMETER_VALUE", lambda: client.set_model_version_tag(name, "1", "long", text + "x"))


@scenario
def keys_of_tags(world):
    client, name = world.client, world.model()
    good = ["a b", "a.b", "a/b", "a-b", "a:b", "a_b", "schlüssel", "键", "k" * 250, "ü" * 250]
    for key in good:
        client.set_registered_model_tag(name, key, "v")
    same(client.get_registered_model(name).tags, dict.fromkeys(good, "v"))
    for key in ["bad!", "a//b", "..", "/a", "k" * 251]:
        refused("INVALID_PARAMETER_VALUE", lambda key=key: client.set_registered_model_tag(name, key, "v"))
    refused("INVALID_PARAMETER_VALUE", lambda: client.set_registered_model_tag(name, "", "v"))
