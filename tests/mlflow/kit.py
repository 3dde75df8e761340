"""What the scenarios stand on: the server they talk to, names that nobody else uses, a small model, and plain assertions."""

import base64
import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import mlflow
import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

MAJOR = int(mlflow.__version__.split(".")[0])

# A model from code: nothing is pickled, nothing but the client is needed to load it.
MODEL = """
import mlflow.pyfunc
from mlflow.models import set_model


class Plus(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [value + {add} for value in model_input]


set_model(Plus())
"""


@dataclass(frozen=True)
class Scenario:
    """One story. `only` is `chancery` for what the reference server does not have; `modes` are the policy modes in which it holds."""

    name: str
    run: Callable
    only: str | None
    modes: tuple[str, ...]
    clients: tuple[int, ...]


SCENARIOS: list[Scenario] = []


def scenario(run=None, *, only=None, modes=("warn", "enforce"), clients=(2, 3)):
    """Marks a function as a scenario."""

    def mark(run):
        SCENARIOS.append(Scenario(run.__name__, run, only, modes, clients))
        return run

    return mark(run) if run else mark


@dataclass
class World:
    """The server, and one scenario's name space in it."""

    url: str
    mode: str
    token: str | None = None
    users: dict[str, str] = field(default_factory=dict)
    pid: int | None = None
    soak: bool = False
    name: str = ""
    folder: Path = Path()
    client: MlflowClient = None

    @property
    def is_reference(self) -> bool:
        return self.mode == "reference"

    def fresh(self, scenario: str) -> "World":
        """The same server for another scenario: a name and a folder that are new."""
        self.name = f"{scenario}-{uuid.uuid4().hex[:8]}"
        self.folder = Path(tempfile.mkdtemp(prefix="mlflow-scenario-"))
        self.client = MlflowClient()
        return self

    def tidy(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def model(self, suffix: str = "", **arguments) -> str:
        """A new model; gives its name."""
        name = self.name + suffix
        self.client.create_registered_model(name, **arguments)
        return name

    def versions(self, count: int, name: str | None = None, **arguments) -> list[str]:
        """New versions whose bytes are elsewhere; gives their numbers."""
        name = name or self.name
        source = arguments.pop("source", f"s3://bucket/{name.encode().hex()[:40]}")
        return [self.client.create_model_version(name, source, **arguments).version for _ in range(count)]

    def package(self, add: int = 1, **extra: bytes) -> Path:
        """A folder with a model that adds a number."""
        code = self.folder / f"plus_{add}.py"
        code.write_text(MODEL.format(add=add))
        path = self.folder / f"model-{add}-{uuid.uuid4().hex[:6]}"
        mlflow.pyfunc.save_model(path, python_model=str(code), pip_requirements=["mlflow"])
        for name, content in extra.items():
            (path / name).write_bytes(content)
        return path

    def upload(self, folder: Path) -> tuple[str, str | None]:
        """Uploads a folder through the proxy; gives its address, and the run that the reference wants."""
        if self.is_reference:
            run = self.client.create_run("0")
            uri, run_id = f"{run.info.artifact_uri}/model", run.info.run_id
        else:
            uri, run_id = f"mlflow-artifacts:/{self.name}/{uuid.uuid4().hex[:8]}", None
        get_artifact_repository(uri).log_artifacts(str(folder))
        return uri, run_id

    def registered(self, add: int = 1, name: str | None = None, **arguments):
        """A version whose bytes went through the proxy."""
        name = name or self.name
        source, run_id = self.upload(self.package(add))
        if run_id is None:
            return mlflow.register_model(source, name)
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            assert error.error_code == "RESOURCE_ALREADY_EXISTS", error
        return self.client.create_model_version(name, source, run_id, **arguments)

    def api(self, path: str, method: str = "GET", body=None, token: str | None = None):
        """A call of Chancery's own API; gives the body."""
        status, answer = self.call(f"/api/v1/{path}", method, body, token)
        assert status < 300, f"{status} {answer}"
        return answer

    def call(self, path: str, method: str = "GET", body=None, token: str | None = None, headers=None):
        """Any call; gives status and body, decoded if it is JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = dict(headers or {})
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        if token or self.token:
            headers.setdefault("Authorization", f"Bearer {token or self.token}")
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def memory(self) -> int:
        """The most memory that the server ever had resident, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")


def login(token: str | None) -> None:
    """How the client says who it is, from now on."""
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        os.environ.pop(name, None)
    if token:
        os.environ["MLFLOW_TRACKING_TOKEN"] = token


def refused(code: str, run: Callable, *words: str) -> MlflowException:
    """The call must fail with this error code and these words in the message; gives the error."""
    try:
        answer = run()
    except MlflowException as error:
        assert error.error_code == code, f"{error.error_code} instead of {code}: {error}"
        for word in words:
            assert word in str(error), f"`{word}` is not in: {error}"
        return error
    raise AssertionError(f"was not refused with {code}: {str(answer)[:200]}")


def same(found, expected) -> None:
    """Both are equal."""
    assert found == expected, f"\n  found    {found!r:.2000}\n  expected {expected!r:.2000}"


def basic(user: str, password: str) -> str:
    """The value of a header for basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
