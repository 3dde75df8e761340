"""Trains both versions of loan-approval and writes everything about them that is committed beside this file.

    python train.py           trains, evaluates and writes v1/, v2/ and comparison.md
    python train.py --check   does the same in a temporary folder and compares with what is committed
    python train.py --record  does what --check does, and writes into vN/reproducibility.json what the second build gave

Training is deterministic: the same packages (requirements-train.txt) give the same files. Only the date, the commit
and the measured speed differ from run to run; `--check` takes those from the committed files.
"""

import argparse
import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# MLflow must neither look for a server nor write a run.
os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///:memory:"

import mlflow.sklearn
import pandas as pd
import yaml
from mlflow.models import infer_signature

import data as dataset
import documents
import evaluate
from documents import MEASURED_ON_A_MACHINE, Circumstances
from models import RECIPES, Recipe
from pipeline import content_digest

HERE = Path(__file__).resolve().parent
SCRIPTS = ["train.py", "data.py", "models.py", "evaluate.py", "documents.py", "requirements-train.txt"]
REQUIREMENTS = [f"{name}=={version(name)}" for name in documents.LIBRARIES]
OTHER_SPLITS = 20
TOLERANCE = 1e-6


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="compare a new training with the committed files")
    arguments.add_argument("--record", action="store_true", help="the same, and write what came out")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    given = arguments.parse_args()
    if not given.check and not given.record:
        train_all(HERE, committed=None)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        train_all(Path(folder), committed=HERE)
        if given.record:
            record_second_build(HERE, Path(folder))
        return compare(HERE, Path(folder))


def train_all(target: Path, committed: Path | None) -> None:
    """Writes v1/, v2/ and comparison.md into `target`; with `committed`, under the circumstances recorded there."""
    data = dataset.load()
    results = []
    for recipe in RECIPES:
        model = recipe.fit(data.train)
        inputs = recipe.inputs(data.test.rows)
        when = recorded(committed / f"v{recipe.number}") if committed else now(evaluate.measure_speed(model, inputs))
        metrics = evaluate.evaluate(model, inputs, data.test) + when.speed
        write_version(target / f"v{recipe.number}", recipe, model, data, metrics, when)
        results.append((recipe, metrics))
        print(f"version {recipe.number}: " + summary(metrics), flush=True)
    (target / "comparison.md").write_text(documents.comparison(results, other_splits()))


def write_version(folder: Path, recipe: Recipe, model, data: dataset.Data, metrics: list, when: Circumstances) -> None:
    """The model in MLflow's format, its facts, its evaluation package and its card."""
    folder.mkdir(exist_ok=True)
    # No tracking server gives a run id, so it is derived from what decides the run.
    run_id = hashlib.sha256(f"{data.digest} {recipe} {when.date}".encode()).hexdigest()[:32]
    save_model(folder / "model", recipe, model, data, when, run_id)
    facts = documents.facts(recipe, model, data, metrics, when, run_id)
    (folder / "facts.yaml").write_text(yaml.safe_dump(facts, sort_keys=False, width=120, allow_unicode=True))
    tool = {"name": "scikit-learn", "version": version("scikit-learn")}
    package = evaluate.package(metrics, data.test, dataset.VERSION, when.date, tool)
    (folder / "evaluation.json").write_text(json.dumps(package, indent=2) + "\n")
    (folder / "model-card.md").write_text(documents.model_card(recipe, data, metrics))


def save_model(folder: Path, recipe: Recipe, model, data: dataset.Data, when: Circumstances, run_id: str) -> None:
    """MLflow's folder format. What MLflow draws at random or reads from the clock is replaced by what was recorded."""
    shutil.rmtree(folder, ignore_errors=True)
    example = recipe.inputs(data.train.rows).head(2)
    mlflow.sklearn.save_model(
        model,
        str(folder),
        signature=infer_signature(example, pd.Series(model.predict(example), name="recommended")),
        input_example=example,
        pip_requirements=REQUIREMENTS,
        serialization_format="pickle",
    )
    description = yaml.safe_load((folder / "MLmodel").read_text())
    description["model_uuid"] = uuid.UUID(run_id).hex
    description["utc_time_created"] = when.date.replace("T", " ").replace("Z", ".000000")
    (folder / "MLmodel").write_text(yaml.safe_dump(description, sort_keys=True))


def now(speed: list) -> Circumstances:
    """The present: time, commit of the training code, and whether that code differs from the commit."""
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Circumstances(date, git("rev-parse", "HEAD").strip(), bool(git("status", "--porcelain", "--", *SCRIPTS)), speed)


def git(*words: str) -> str:
    """What git answers in this folder."""
    return subprocess.run(["git", *words], cwd=HERE, check=True, capture_output=True, text=True).stdout


def recorded(folder: Path) -> Circumstances:
    """The circumstances under which the version in `folder` was trained."""
    training = yaml.safe_load((folder / "facts.yaml").read_text())["training"]
    speed = [
        evaluate.Metric(metric["name"], "", metric["value"], None, None, metric["n"])
        for metric in json.loads((folder / "evaluation.json").read_text())["metrics"]
        if metric["name"] in MEASURED_ON_A_MACHINE
    ]
    return Circumstances(training["date"], training["code"]["commit"], training["code"]["dirty"], speed)


def other_splits() -> list[list[tuple[float, float]]]:
    """(AUC-ROC, parity ratio) of each version for each of the other splits."""
    repeats = []
    for seed in range(OTHER_SPLITS):
        data = dataset.load(seed)
        pair = []
        for recipe in RECIPES:
            model = recipe.fit(data.train)
            found = evaluate.measure(evaluate.predict(model, recipe.inputs(data.test.rows), data.test))
            pair.append((found["auc_roc", ""][0], found["demographic_parity_ratio", ""][0]))
        repeats.append(pair)
    return repeats


def compare(old: Path, new: Path) -> int:
    """0 when the new training in `new` tells what the committed files in `old` tell.

    Documents must be the same, with figures within 1e-6. The files of the model may differ in bytes, because another
    processor rounds differently; that is said, and its effect is bounded by the figures.
    """
    wrong = []
    for path in sorted(path for path in new.rglob("*") if path.is_file()):
        name = path.relative_to(new)
        same = (old / name).is_file() and (old / name).read_bytes() == path.read_bytes()
        print(f"{'same bytes' if same else 'other bytes'}  {name}")
        if not same and name.parent.name != "model" and not same_document(old / name, path):
            wrong.append(str(name))
    print("reproduced" if not wrong else f"not reproduced: {', '.join(wrong)}")
    return 1 if wrong else 0


def record_second_build(old: Path, new: Path) -> None:
    """Writes beside each committed version whether the training in `new` gave the same files of the model, byte for byte."""
    for recipe in RECIPES:
        folder = f"v{recipe.number}"
        second = content_digest(new / folder / "model")
        record = {
            "schema": "chancery.reproducibility/v1",
            "content_digest": second,
            "same": second == content_digest(old / folder / "model"),
            "method": "train.py --record: trained again with the packages of requirements-train.txt, under the recorded date and commit",
            "builder": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        (old / folder / "reproducibility.json").write_text(json.dumps(record, indent=2) + "\n")


def same_document(one: Path, two: Path) -> bool:
    """Whether two JSON or YAML files say the same, with numbers within the tolerance; other files must be identical."""
    if one.suffix not in (".json", ".yaml") or not one.is_file():
        return False
    return same_value(yaml.safe_load(one.read_text()), yaml.safe_load(two.read_text()))


def same_value(one, two) -> bool:
    """Equality of parsed documents, where numbers may differ by the tolerance."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same_value(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same_value, one, two))
    if isinstance(one, float) and isinstance(two, float):
        return abs(one - two) <= TOLERANCE
    return one == two


def summary(metrics: list) -> str:
    shown = ["auc_roc", "accuracy", "f1", "log_loss", "demographic_parity_ratio", "equal_opportunity_difference"]
    return ", ".join(f"{m.name} {m.value:.3f}" for m in metrics if m.name in shown and not m.slice)


if __name__ == "__main__":
    sys.exit(main())
