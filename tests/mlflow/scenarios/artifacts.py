"""The artifact proxy: upload, list, download, names, sizes."""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

import mlflow
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from kit import same, scenario

STORE = "/api/2.0/mlflow-artifacts/artifacts"


def repository(world, path=""):
    """The artifact store of the server, at a place of the scenario's own."""
    return get_artifact_repository(f"mlflow-artifacts:/{world.name}{path}")


def content(path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in Path(path).rglob("*") if file.is_file()}


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@scenario
def a_folder_goes_up_and_comes_back(world):
    files = {"a.txt": b"a", "deep/er/b.bin": bytes(range(256)), "deep/empty": b"", "MLmodel": b"flavors: {}"}
    store = repository(world)
    store.log_artifacts(str(put(world.folder / "up", files)))
    (world.folder / "down").mkdir()
    same(content(store.download_artifacts("", str(world.folder / "down"))), files)
    (world.folder / "part").mkdir()
    same(content(store.download_artifacts("deep", str(world.folder / "part"))), {"er/b.bin": files["deep/er/b.bin"], "empty": b""})


@scenario
def folders_are_listed(world):
    store = repository(world)
    store.log_artifacts(str(put(world.folder / "up", {"a.txt": b"abc", "deep/b": b"b", "deep/er/c": b"c"})))

    def listed(path=None):
        return [(file.path, file.is_dir, file.file_size) for file in store.list_artifacts(path)]

    same(listed(), [("a.txt", False, 3), ("deep", True, None)])
    same(listed("deep"), [("deep/b", False, 1), ("deep/er", True, None)])
    same((listed("a.txt"), listed("nothing")), ([], []))


@scenario
def names_of_files_may_be_awkward(world):
    names = ["with blank.txt", "grün.txt", "a&b.txt", "a+b.txt", "100%.txt", "a=b;c.txt", "a'b.txt", "模型 🦀/x y.bin", "@at~.txt", "(1) [2].txt", "a,b$!.txt"]
    files = {name: name.encode() for name in names}
    store = repository(world, "/ein Ordner & mehr")
    store.log_artifacts(str(put(world.folder / "up", files)))
    same(sorted(file.path for file in store.list_artifacts()), sorted({name.split("/")[0] for name in names}))
    (world.folder / "down").mkdir()
    same(content(store.download_artifacts("", str(world.folder / "down"))), files)


@scenario(only="chancery")
def encoded_names_are_decoded_once(world):
    """The client cuts a name at `#` and `?`; whoever encodes them gets them through."""
    for name in ["a#b", "a?b", "100%25", "a%2Fb.txt", "ü+ &"]:
        path = f"{STORE}/{world.name}/{quote(name, safe='')}"
        same(world.call(path, "PUT", name.encode())[0], 200)
        same((name, world.call(path)), (name, (200, name.encode() if not name.isdigit() else int(name))))


@scenario
def a_later_upload_replaces(world):
    store = repository(world)
    for text in [b"first", b"second, longer", b"3"]:
        file = world.folder / "file.txt"
        file.write_bytes(text)
        store.log_artifact(str(file))
        same([(found.path, found.file_size) for found in store.list_artifacts()], [("file.txt", len(text))])
        same(world.call(f"{STORE}/{world.name}/file.txt")[1] if text != b"3" else b"3", text)


@scenario
def artifacts_are_deleted(world):
    store = repository(world)
    store.log_artifacts(str(put(world.folder / "up", {"a": b"a", "deep/b": b"b", "deep/c": b"c", "deeper": b"d"})))
    store.delete_artifacts("deep")
    same([found.path for found in store.list_artifacts()], ["a", "deeper"])
    store.delete_artifacts("a")
    store.delete_artifacts("a")
    same([found.path for found in store.list_artifacts()], ["deeper"])


@scenario(only="chancery")
def paths_that_climb_are_refused(world):
    for path in ["../x", "%2e%2e/x", "a/../../x", "a/%2E%2E/%2e%2e/x", "%2Fetc/passwd", "a%5c..%5cx", "%252e%252e/x"]:
        for method, body in [("PUT", b"x"), ("GET", None), ("DELETE", None)]:
            status, answer = world.call(f"{STORE}/{path}", method, body)
            same((path, method, status), (path, method, 400))
            same(answer["error_code"], "INVALID_PARAMETER_VALUE")
    same(world.call(f"{STORE}?path=..%2Fx")[0], 400)


@scenario
def what_is_not_there_is_not_found(world):
    status, answer = world.call(f"{STORE}/{world.name}/nothing")
    same((status, answer["error_code"]), (404, "RESOURCE_DOES_NOT_EXIST"))


@scenario(only="chancery")
def a_part_of_a_file_is_read(world):
    path = f"{STORE}/{world.name}/data.bin"
    same(world.call(path, "PUT", bytes(range(100)))[0], 200)
    same(world.call(path, headers={"Range": "bytes=10-19"}), (206, bytes(range(10, 20))))
    same(world.call(path, headers={"Range": "bytes=-5"}), (206, bytes(range(95, 100))))
    same(world.call(path, headers={"Range": "bytes=200-"})[0], 416)


def large(path: Path, megabytes: int) -> str:
    """Writes a file of this size that does not compress; gives its digest."""
    digest, block = hashlib.sha256(), os.urandom(1 << 20)
    with path.open("wb") as file:
        for number in range(megabytes):
            piece = number.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@scenario(only="chancery")
def a_large_file_goes_through_with_flat_memory(world):
    store, megabytes = repository(world), 1024 if world.soak else 64
    small = world.folder / "small.bin"
    small.write_bytes(b"warm")
    store.log_artifact(str(small))
    before = world.memory()
    file = world.folder / "large.bin"
    expected = large(file, megabytes)
    store.log_artifact(str(file))
    mlflow.register_model(f"mlflow-artifacts:/{world.name}", world.name)
    (world.folder / "down").mkdir()
    mlflow.artifacts.download_artifacts(f"models:/{world.name}/1", dst_path=str(world.folder / "down"))
    same(digest_of(world.folder / "down" / "large.bin"), expected)
    grown = world.memory() - before
    # Blocks of 1 MiB are on their way at both ends; a file that is kept in memory would take all of its size.
    assert grown < 32 << 20, f"{megabytes} MB took {grown >> 20} MB of memory"


@scenario(only="chancery", clients=(3,))
def a_file_goes_up_in_parts(world):
    """What the client does from 500 MB on, brought down to 5."""
    settings = {"MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "5000000", "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": "5242880", "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true"}
    os.environ.update(settings)
    try:
        file = world.folder / "large & größer.bin"
        expected = large(file, 17)
        repository(world).log_artifact(str(file), "in parts")
    finally:
        for name in settings:
            del os.environ[name]
    (world.folder / "down").mkdir()
    path = repository(world).download_artifacts(f"in parts/{file.name}", str(world.folder / "down"))
    same(digest_of(Path(path)), expected)
    same([(found.path, found.file_size) for found in repository(world).list_artifacts("in parts")], [(f"in parts/{file.name}", 17 << 20)])
