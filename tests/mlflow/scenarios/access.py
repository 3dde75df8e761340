"""How the client says who it is."""

import os

import kit
from kit import refused, same, scenario


@scenario(only="chancery")
def the_token_is_taken_as_bearer_and_as_password(world):
    name = world.model()
    for settings in [
        {"MLFLOW_TRACKING_TOKEN": world.token},
        {"MLFLOW_TRACKING_USERNAME": "token", "MLFLOW_TRACKING_PASSWORD": world.token},
    ]:
        kit.login(None)
        os.environ.update(settings)
        same(world.client.get_registered_model(name).name, name)


@scenario(only="chancery")
def nobody_and_strangers_are_refused(world):
    name = world.model()
    for settings in [
        {},
        {"MLFLOW_TRACKING_TOKEN": "not-a-token"},
        {"MLFLOW_TRACKING_USERNAME": "token", "MLFLOW_TRACKING_PASSWORD": "not-a-token"},
    ]:
        kit.login(None)
        os.environ.update(settings)
        error = refused("UNAUTHENTICATED", lambda: world.client.get_registered_model(name))
        assert world.token not in str(error)
        for method in ("GET", "PUT"):
            headers = {"Authorization": "Bearer not-a-token"} if settings else {"Authorization": "none"}
            same(world.call(f"/api/2.0/mlflow-artifacts/artifacts/{name}/x", method, b"x" if method == "PUT" else None, headers=headers)[0], 401)


@scenario(only="chancery")
def a_reader_may_not_write(world):
    name = world.model()
    world.versions(1)
    kit.login(world.users["viewer"])
    same(world.client.get_model_version(name, 1).version, "1")
    for call in [
        lambda: world.client.create_registered_model(name + "-more"),
        lambda: world.client.create_model_version(name, "s3://bucket/x"),
        lambda: world.client.set_registered_model_tag(name, "k", "v"),
        lambda: world.client.set_registered_model_alias(name, "best", 1),
        lambda: world.client.transition_model_version_stage(name, 1, "Archived"),
        lambda: world.client.delete_registered_model(name),
    ]:
        refused("PERMISSION_DENIED", call)
    same(world.call(f"/api/2.0/mlflow-artifacts/artifacts/{name}/x", "PUT", b"x", token=world.users["viewer"])[0], 403)


@scenario(only="chancery")
def probes_need_no_login(world):
    nobody = {"Authorization": "none"}
    same(world.call("/health", headers=nobody), (200, b"OK"))
    same(world.call("/version", headers=nobody)[0], 200)
    for prefix in ("/api", "/ajax-api"):
        status, info = world.call(f"{prefix}/3.0/mlflow/server-info", headers=nobody)
        same((status, info["workspaces_enabled"]), (200, False))
