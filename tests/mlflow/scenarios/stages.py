"""Stages. In mode enforce the gates decide, which `governance.py` has."""

from kit import refused, same, scenario


@scenario(modes=("warn",))
def stages_are_known_in_any_case(world):
    client, name = world.client, world.model()
    world.versions(1)
    for given, stage in [("staging", "Staging"), ("PRODUCTION", "Production"), ("Archived", "Archived"), ("none", "None")]:
        same(client.transition_model_version_stage(name, 1, given).current_stage, stage)
        same(client.get_model_version(name, 1).current_stage, stage)
        same([found.current_stage for found in client.get_latest_versions(name, [given])], [stage])
    text = "Invalid Model Version stage: Live. Value must be one of None, Staging, Production, Archived."
    refused("INVALID_PARAMETER_VALUE", lambda: client.transition_model_version_stage(name, 1, "Live"), text)
    refused("INVALID_PARAMETER_VALUE", lambda: client.get_latest_versions(name, ["Live"]))


@scenario(modes=("warn",))
def archiving_moves_the_others(world):
    client, name = world.client, world.model()
    world.versions(4)
    for number in (1, 2):
        client.transition_model_version_stage(name, number, "Production")
    client.transition_model_version_stage(name, 3, "Staging")
    client.transition_model_version_stage(name, 4, "Production", archive_existing_versions=True)
    stages = {found.version: found.current_stage for found in client.search_model_versions(f"name = '{name}'")}
    same(stages, {"1": "Archived", "2": "Archived", "3": "Staging", "4": "Production"})


@scenario(modes=("warn",))
def without_archiving_the_others_stay(world):
    client, name = world.client, world.model()
    world.versions(2)
    for number in (1, 2):
        client.transition_model_version_stage(name, number, "Production")
    same([client.get_model_version(name, number).current_stage for number in (1, 2)], ["Production", "Production"])
    same([found.version for found in client.get_latest_versions(name, ["Production"])], ["2"])


@scenario(modes=("warn",))
def there_is_one_latest_version_for_each_stage(world):
    client, name = world.client, world.model()
    world.versions(6)
    for number, stage in [(1, "Production"), (2, "Production"), (3, "Staging"), (4, "Archived")]:
        client.transition_model_version_stage(name, number, stage)
    expected = {"None": "6", "Production": "2", "Staging": "3", "Archived": "4"}
    same({found.current_stage: found.version for found in client.get_latest_versions(name)}, expected)
    same({found.current_stage: found.version for found in client.get_registered_model(name).latest_versions}, expected)
    same([found.version for found in client.get_latest_versions(name, ["Staging"])], ["3"])
    same(sorted(found.version for found in client.get_latest_versions(name, ["staging", "None"])), ["3", "6"])
    client.delete_model_version(name, 6)
    same([found.version for found in client.get_latest_versions(name, ["None"])], ["5"])


@scenario(modes=("warn",))
def a_transition_touches_version_and_model(world):
    client, name = world.client, world.model()
    world.versions(1)
    before = client.get_model_version(name, 1)
    after = client.transition_model_version_stage(name, 1, "Staging")
    assert after.last_updated_timestamp >= before.last_updated_timestamp
    same(client.get_registered_model(name).last_updated_timestamp, after.last_updated_timestamp)
    same(client.transition_model_version_stage(name, 1, "Staging").current_stage, "Staging")


@scenario(only="chancery", modes=("warn",))
def archiving_into_an_inactive_stage_is_refused(world):
    client, name = world.client, world.model()
    world.versions(1)
    text = "Model version transition cannot archive existing model versions because 'Archived' is not an Active stage."
    refused("INVALID_PARAMETER_VALUE", lambda: client.transition_model_version_stage(name, 1, "Archived", archive_existing_versions=True), text)


@scenario(modes=("enforce",))
def a_draft_is_archived_and_taken_back(world):
    client, name = world.client, world.model()
    world.versions(1)
    same(client.transition_model_version_stage(name, 1, "Archived").current_stage, "Archived")
    same(client.transition_model_version_stage(name, 1, "None").current_stage, "None")
