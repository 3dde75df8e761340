"""What becomes of the bytes: sealed with the version, or a claim."""

import mlflow
import mlflow.pyfunc
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from kit import refused, same, scenario


def version(world, number=1):
    return world.api(f"models/{world.name}/versions/{number}")


@scenario(only="chancery")
def a_later_overwrite_changes_nothing(world):
    source, _ = world.upload(world.package(1))
    mlflow.register_model(source, world.name)
    get_artifact_repository(source).log_artifacts(str(world.package(10)))
    same(mlflow.pyfunc.load_model(f"models:/{world.name}/1").predict([1]), [2])
    get_artifact_repository(source).delete_artifacts()
    same(mlflow.pyfunc.load_model(f"models:/{world.name}/1").predict([1]), [2])


@scenario(only="chancery")
def what_was_uploaded_is_sealed(world):
    package = world.package(1)
    source, _ = world.upload(package)
    mlflow.register_model(source, world.name)
    found = version(world)
    same((found["held"], found["source"]), (True, source))
    same(found["files"], sum(file.is_file() for file in package.rglob("*")))
    same(found["grades"]["environment"], "read")
    again = mlflow.register_model(source, world.name)
    same(version(world, again.version)["content_digest"], found["content_digest"])


@scenario(only="chancery")
def a_source_elsewhere_is_a_claim(world):
    world.model()
    world.versions(1, source="s3://bucket/model")
    found = version(world)
    same((found["held"], found["files"], found["source"]), (False, 0, "s3://bucket/model"))


@scenario(only="chancery", modes=("enforce",))
def a_claim_does_not_pass_the_gate(world):
    world.model()
    world.versions(1, source="s3://bucket/model")
    refused("PERMISSION_DENIED", lambda: world.client.transition_model_version_stage(world.name, 1, "Production"), "artifact.intact", "s3://bucket/model", "chancery version attach")


@scenario(only="chancery", clients=(3,))
def a_model_of_another_tracking_store_is_a_claim(world):
    """What a 3.x client with a local tracking store sends: an id that only that store knows."""
    model_id = "m-0123456789abcdef0123456789abcdef"
    name, client = world.model(), world.client
    made = client._get_registry_client().create_model_version(name, f"models:/{model_id}", model_id=model_id)
    same(made.source, f"models:/{model_id}")
    same(client.get_model_version_download_uri(name, 1), f"models:/{model_id}")
    same(version(world)["held"], False)


@scenario(only="chancery")
def reserved_tags_become_facts(world):
    source, _ = world.upload(world.package(1))
    tags = {"chancery.semver": "2.5.0", "chancery.dataset": "applications-2026", "colour": "red"}
    world.model()
    world.client.create_model_version(world.name, source, tags=tags)
    found = version(world)
    same((found["semver"], found["tags"]["colour"]), ("2.5.0", "red"))
    same([dataset["name"] for dataset in found["facts"]["datasets"]], ["applications-2026"])
    same(found["grades"]["datasets"], "claimed")


@scenario(only="chancery")
def a_tag_does_not_change_a_governed_fact(world):
    name = world.model(tags={"risk_tier": "minimal", "owner": "me"})
    world.client.set_registered_model_tag(name, "risk_tier", "limited")
    same(world.client.get_registered_model(name).tags, {"risk_tier": "limited", "owner": "me"})
    same(world.api(f"models/{name}")["risk_tier"], "unclassified")
