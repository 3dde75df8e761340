"""Prompts: models and versions of another kind, in the same name space."""

import mlflow

from kit import MAJOR, refused, same, scenario

if MAJOR == 3:
    import mlflow.genai


@scenario(clients=(3,))
def a_prompt_is_registered_and_loaded(world):
    name = world.name
    first = mlflow.genai.register_prompt(name, "Hello {{who}}", commit_message="first", tags={"tone": "warm"})
    second = mlflow.genai.register_prompt(name, "Goodbye {{who}}, „bis bald“")
    same((first.version, second.version), (1, 2))
    found = mlflow.genai.load_prompt(name, version=1)
    same((found.template, found.commit_message, found.tags), ("Hello {{who}}", "first", {"tone": "warm"}))
    same(found.format(who="world"), "Hello world")
    same(mlflow.genai.load_prompt(f"prompts:/{name}/2").template, "Goodbye {{who}}, „bis bald“")
    same(mlflow.genai.load_prompt(name).version, 2)
    same(mlflow.genai.load_prompt(name, version=7, allow_missing=True), None)
    same(mlflow.genai.load_prompt(name + "-other", allow_missing=True), None)


@scenario(clients=(2,))
def a_prompt_is_registered_by_the_old_client(world):
    name = world.name
    same(int(mlflow.register_prompt(name, "Hello {{who}}", commit_message="first").version), 1)
    same(int(mlflow.register_prompt(name, "Goodbye {{who}}").version), 2)
    same(mlflow.load_prompt(name, version=1).template, "Hello {{who}}")
    mlflow.set_prompt_alias(name, "best", 2)
    same(mlflow.load_prompt(f"prompts:/{name}@best").template, "Goodbye {{who}}")


@scenario(clients=(3,))
def a_prompt_is_loaded_by_its_alias(world):
    name = world.name
    for text in ["one", "two"]:
        mlflow.genai.register_prompt(name, text)
    mlflow.genai.set_prompt_alias(name, "best", 1)
    same(mlflow.genai.load_prompt(f"prompts:/{name}@best").template, "one")
    same(mlflow.genai.load_prompt(f"prompts:/{name}@latest").template, "two")
    mlflow.genai.set_prompt_alias(name, "next", 2)
    same(mlflow.genai.load_prompt(f"prompts:/{name}@next").template, "two")
    mlflow.genai.delete_prompt_alias(name, "next")
    same(mlflow.genai.load_prompt(f"prompts:/{name}@next", allow_missing=True), None)


@scenario(clients=(3,))
def a_chat_prompt_comes_back_as_messages(world):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{question}}"}]
    mlflow.genai.register_prompt(world.name, messages, response_format={"type": "object"}, model_config={"model_name": "m", "temperature": 0.5})
    found = mlflow.genai.load_prompt(world.name, version=1)
    same((found.template, found.response_format), (messages, {"type": "object"}))
    same(found.model_config["temperature"], 0.5)


@scenario(clients=(3,))
def prompts_and_models_are_not_mixed(world):
    client, name = world.client, world.name
    world.model("-model")
    mlflow.genai.register_prompt(name + "-prompt", "text")
    own = f"name LIKE '{name}%'"
    same([model.name for model in client.search_registered_models(own)], [name + "-model"])
    same([prompt.name for prompt in mlflow.genai.search_prompts(own)], [name + "-prompt"])
    same([version.name for version in client.search_model_versions(own)], [])
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model(name + "-prompt"), "already taken by")
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_prompt(name + "-model"), "already taken by")
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_prompt(name + "-prompt"), f"Prompt (name={name}-prompt) already exists.")


@scenario(clients=(3,))
def prompts_are_searched_by_their_tags(world):
    for suffix, tone in [("-a", "warm"), ("-b", "cold"), ("-c", None)]:
        world.client.create_prompt(world.name + suffix, tags={"tone": tone} if tone else {})
    own = f"name LIKE '{world.name}%'"
    same([prompt.name for prompt in mlflow.genai.search_prompts(own)], [world.name + suffix for suffix in ("-a", "-b", "-c")])
    same([prompt.name for prompt in mlflow.genai.search_prompts(f"{own} AND tags.tone = 'cold'")], [world.name + "-b"])
    page = world.client.search_prompts(own, max_results=2)
    same((len(page), len(world.client.search_prompts(own, max_results=2, page_token=page.token))), (2, 1))


@scenario(clients=(3,))
def tags_of_prompts_and_their_versions(world):
    name = world.name
    mlflow.genai.register_prompt(name, "text", tags={"k": "v"})
    mlflow.genai.set_prompt_tag(name, "owner", "team")
    mlflow.genai.set_prompt_version_tag(name, 1, "checked", "yes")
    same(mlflow.genai.get_prompt_tags(name)["owner"], "team")
    same(world.client.get_prompt_version(name, 1).tags, {"k": "v", "checked": "yes"})
    mlflow.genai.delete_prompt_tag(name, "owner")
    mlflow.genai.delete_prompt_version_tag(name, 1, "checked")
    assert "owner" not in mlflow.genai.get_prompt_tags(name)
    same(world.client.get_prompt_version(name, 1).tags, {"k": "v"})


@scenario(modes=("warn",), clients=(3,))
def a_prompt_is_deleted(world):
    client, name = world.client, world.name
    for text in ["one", "two"]:
        mlflow.genai.register_prompt(name, text)
    client.delete_prompt_version(name, "1")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_prompt_version(name, 1))
    same(client.get_prompt_version(name, 2).template, "two")
    client.delete_prompt(name)
    same(client.get_prompt(name), None)


@scenario(only="chancery", clients=(3,))
def a_prompt_takes_only_versions_of_prompts(world):
    mlflow.genai.register_prompt(world.name, "text")
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.create_model_version(world.name, "s3://bucket/x"))
    same(world.api(f"models/{world.name}")["kind"], "prompt")
