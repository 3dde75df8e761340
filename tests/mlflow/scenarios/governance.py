"""What the rules of the registry look like through an old client."""

from pathlib import Path

from kit import refused, same, scenario


def promotions(world):
    return world.api(f"promotions?model={world.name}")["items"]


@scenario(only="chancery", modes=("enforce",))
def production_is_refused_with_what_is_missing(world):
    world.registered()
    error = refused("PERMISSION_DENIED", lambda: world.client.transition_model_version_stage(world.name, 1, "Production"))
    text = str(error)
    # The rules that failed, and what to do about each, one a line.
    for word in ["entry.complete", "evaluation.baseline", "model.ownership.owner"]:
        assert word in text, f"`{word}` is not in: {text}"
    lines = [line for line in text.splitlines() if "entry.complete" in line or "evaluation.baseline" in line]
    same((len(lines), max(len(line) for line in text.splitlines()) < 4_000), (2, True))
    same(world.client.get_model_version(world.name, 1).current_stage, "None")


@scenario(only="chancery", modes=("enforce",))
def a_refused_transition_opens_one_promotion(world):
    world.registered()
    transition = world.client.transition_model_version_stage
    refused("PERMISSION_DENIED", lambda: transition(world.name, 1, "Production"))
    first = promotions(world)
    same([(found["status"], found["target"]) for found in first], [("open", "production")])
    error = refused("PERMISSION_DENIED", lambda: transition(world.name, 1, "production"))
    again = promotions(world)
    same([found["id"] for found in again], [found["id"] for found in first])
    assert first[0]["id"] in str(error), f"the message does not name the promotion: {error}"


@scenario(only="chancery", modes=("enforce",))
def staging_is_a_gate_too(world):
    world.registered()
    refused("PERMISSION_DENIED", lambda: world.client.transition_model_version_stage(world.name, 1, "Staging"), "entry.complete")
    same(world.client.get_model_version(world.name, 1).current_stage, "None")


@scenario(only="chancery", modes=("warn",))
def in_warn_everything_passes_and_is_noted(world):
    world.registered()
    same(world.client.transition_model_version_stage(world.name, 1, "Production").current_stage, "Production")
    found = world.api(f"models/{world.name}/versions/1")
    same((found["state"], found["ungated"]), ("production", True))


@scenario(only="chancery", modes=("enforce",))
def an_alias_may_need_a_state(world):
    world.registered()
    error = refused("PERMISSION_DENIED", lambda: world.client.set_registered_model_alias(world.name, "champion", 1))
    assert "production" in str(error), error
    world.client.set_registered_model_alias(world.name, "mine", 1)
    same(world.client.get_model_version_by_alias(world.name, "mine").version, "1")


@scenario(only="chancery", modes=("enforce",))
def what_was_named_is_not_deleted(world):
    world.registered()
    world.registered()
    world.client.set_registered_model_alias(world.name, "mine", 1)
    refused("PERMISSION_DENIED", lambda: world.client.delete_model_version(world.name, 1))
    same(world.client.get_model_version(world.name, 1).version, "1")
    world.client.delete_model_version(world.name, 2)


@scenario(only="chancery")
def stages_are_states(world):
    world.model()
    world.versions(1)
    world.client.transition_model_version_stage(world.name, 1, "Archived")
    same(world.api(f"models/{world.name}/versions/1")["state"], "deprecated")


@scenario(only="chancery")
def everything_is_in_the_history(world):
    world.registered()
    world.client.set_registered_model_alias(world.name, "mine", 1)
    world.client.set_model_version_tag(world.name, "1", "k", "v")
    kinds = {entry["kind"] for entry in world.api(f"models/{world.name}/history?limit=50")["items"]}
    assert {"model.created", "version.registered", "alias.set", "tag.set"} <= kinds, kinds


@scenario(only="chancery", modes=("enforce",))
def a_model_with_versions_is_not_deleted(world):
    world.registered()
    refused("PERMISSION_DENIED", lambda: world.client.delete_registered_model(world.name), "has versions")
    same(world.client.get_registered_model(world.name).name, world.name)


EXAMPLE = Path(__file__).parents[3] / "examples" / "loan-approval" / "v1"


@scenario(only="chancery", modes=("enforce",))
def what_was_missing_is_added_and_the_same_line_passes(world):
    """A model of minimal risk: profile, evaluation, one approval; the rest came with the package."""
    client, name = world.client, world.name
    source, _ = world.upload(EXAMPLE / "model")
    world.model(description="Sorts applications before anybody reads them.")
    world.client.create_model_version(name, source)
    error = refused("PERMISSION_DENIED", lambda: client.transition_model_version_stage(name, 1, "Production"), "entry.complete")
    assert "model.description" not in str(error), error
    profile = {
        "description": "Sorts applications before anybody reads them.",
        "ownership": {"owner": "back-office-lead"},
    }
    world.api(f"models/{name}", "PUT", profile)
    # Which team owns it is agreed by two: one offers it, an owner of the team takes it.
    offered = {"to": "back-office", "reason": "they sort the applications"}
    world.api(f"models/{name}/transfer", "POST", offered)
    world.api(f"models/{name}/transfer/accept", "POST", {"to": "back-office"}, token=world.users["approver"])
    minimal = {"risk_tier": "minimal", "reason": "sorts paper"}
    world.api(f"models/{name}/risk-tier", "POST", minimal)
    world.api(f"models/{name}/tier-proposal/confirm", "POST", minimal, token=world.users["approver"])
    evaluation = (EXAMPLE / "evaluation.json").read_bytes()
    world.api(f"models/{name}/versions/1/evidence?type=evaluation&title=evaluation.json", "POST", evaluation)
    error = refused("PERMISSION_DENIED", lambda: client.transition_model_version_stage(name, 1, "Production"), "approval.complete")
    assert "entry.complete" not in str(error), error
    [promotion] = promotions(world)
    promotion = world.api(f"promotions/{promotion['id']}")
    verdict = {"role": "product", "verdict": "approve", "evidence_set": promotion["evidence_set"]}
    world.api(f"promotions/{promotion['id']}/approvals", "POST", verdict, token=world.users["approver"])
    same(client.transition_model_version_stage(name, 1, "Production").current_stage, "Production")
    found = world.api(f"models/{name}/versions/1")
    same((found["state"], found["ungated"]), ("production", False))
    client.set_registered_model_alias(name, "champion", 1)
    same(client.get_model_version_by_alias(name, "champion").version, "1")
