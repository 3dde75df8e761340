"""Models come back through the client and say what they said."""

import mlflow
import mlflow.pyfunc

from kit import refused, same, scenario


def says(uri: str) -> list[int]:
    return mlflow.pyfunc.load_model(uri).predict([1, 2])


@scenario
def a_model_is_loaded_by_its_number(world):
    same((world.registered(1).version, world.registered(10).version), ("1", "2"))
    same(says(f"models:/{world.name}/1"), [2, 3])
    same(says(f"models:/{world.name}/2"), [11, 12])


@scenario
def a_model_is_loaded_by_its_alias(world):
    world.registered(1)
    world.registered(10)
    world.client.set_registered_model_alias(world.name, "best", 1)
    same(says(f"models:/{world.name}@best"), [2, 3])
    world.client.set_registered_model_alias(world.name, "best", 2)
    same(says(f"models:/{world.name}@best"), [11, 12])


@scenario
def the_latest_model_is_loaded(world):
    world.registered(1)
    world.registered(10)
    same(says(f"models:/{world.name}/latest"), [11, 12])


@scenario
def a_model_is_loaded_by_its_stage(world):
    world.registered(1)
    world.registered(10)
    if world.mode != "enforce":
        world.client.transition_model_version_stage(world.name, 1, "Production")
        same(says(f"models:/{world.name}/Production"), [2, 3])
    same(says(f"models:/{world.name}/None"), [11, 12])


@scenario
def a_copy_is_loaded(world):
    world.registered(10)
    world.client.copy_model_version(f"models:/{world.name}/1", world.name + "-copy")
    same(says(f"models:/{world.name}-copy/1"), [11, 12])


@scenario
def a_model_with_a_difficult_name_is_loaded(world):
    name = world.name + " Größe 100% 'a'"
    world.registered(10, name)
    same(says(f"models:/{name}/1"), [11, 12])


@scenario
def a_model_is_downloaded_whole(world):
    package = world.package(3)
    source, run_id = world.upload(package)
    world.model()
    world.client.create_model_version(world.name, source, run_id)
    path = world.folder / "down"
    mlflow.artifacts.download_artifacts(f"models:/{world.name}/1", dst_path=str(path))
    expected = {file.relative_to(package): file.read_bytes() for file in package.rglob("*") if file.is_file()}
    found = {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    # The client adds this one itself.
    found = {name: content for name, content in found.items() if name.name != "registered_model_meta"}
    same(found, expected)


@scenario
def what_is_not_there_is_not_loaded(world):
    world.registered(1)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: says(f"models:/{world.name}/7"))
    refused("INVALID_PARAMETER_VALUE", lambda: says(f"models:/{world.name}@nobody"))


@scenario
def the_flavours_of_a_model_are_read(world):
    world.registered(1)
    info = mlflow.models.get_model_info(f"models:/{world.name}/1")
    assert "python_function" in info.flavors, info.flavors
