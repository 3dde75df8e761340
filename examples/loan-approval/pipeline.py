"""Plays the pipeline that builds a version: looks at its files and writes what a registry asks a pipeline for.

    python pipeline.py FOLDER FACTS --to OUT

FOLDER is the model's folder, FACTS its facts.yaml. Only Python's standard library is used. Written are

    sbom.cdx.json         CycloneDX 1.6: the pinned packages and the files, about the content digest
    provenance.json       in-toto statement with SLSA provenance v1
    scan.json             what every file was found to be, see `scan`
    vulnerabilities.json  the shape of an OSV-Scanner report. AN EXAMPLE: no scanner ran, see `vulnerabilities`

and the content digest is printed: it is computed here, from the files, and must be the one under which the registry
keeps the version, or the registry refuses these documents.
"""

import argparse
import hashlib
import json
import os
import pickletools
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

NAME = "examples/loan-approval/pipeline.py"
BUILDER = "https://loan-approval.example/pipeline"
BUILD_TYPE = "https://loan-approval.example/train@v1"

# What a pickle of these models imports, and no more. Unpickling calls what a pickle imports, so anything else is for a person to see.
KNOWN_IMPORTS = {
    "numpy.dtype",
    "numpy.ndarray",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.random._mt19937.MT19937",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._pickle.__randomstate_ctor",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.dummy.DummyClassifier",
    "sklearn.ensemble._gb.GradientBoostingClassifier",
    "sklearn.frozen._frozen.FrozenEstimator",
    "sklearn.impute._base.SimpleImputer",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._tree.Tree",
}
# Modules through which a pickle runs what it likes.
DANGEROUS_MODULES = {"builtins", "ctypes", "importlib", "nt", "os", "posix", "pty", "runpy", "shutil", "socket", "subprocess", "sys"}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("facts", type=Path)
    arguments.add_argument("--to", type=Path, required=True)
    given = arguments.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    files = manifest(given.folder)
    content = content_digest(given.folder)
    facts = given.facts.read_text()
    report = scan(given.folder, files)
    write(given.to / "sbom.cdx.json", sbom(given.folder, files, content, fact(facts, "semver")))
    write(given.to / "provenance.json", provenance(files, content, facts))
    write(given.to / "scan.json", report)
    write(given.to / "vulnerabilities.json", vulnerabilities(given.folder))
    print(content)
    return 0 if report["verdict"] == "clean" else 1


def manifest(folder: Path) -> list[dict]:
    """Digest, path and size of every file, sorted by the bytes of the path."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    entries = [
        {"digest": hashlib.sha256(path.read_bytes()).hexdigest(), "path": path.relative_to(folder).as_posix(), "size": path.stat().st_size}
        for path in found
    ]
    return sorted(entries, key=lambda entry: entry["path"].encode())


def content_digest(folder: Path) -> str:
    """SHA-256 of the manifest in canonical JSON (RFC 8785): what the registry calls the content digest."""
    canonical = json.dumps({"files": manifest(folder), "v": 1}, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def fact(facts: str, name: str) -> str:
    """The first value of this name in facts.yaml. Enough for the plain texts of this example; it is no reader of YAML."""
    found = re.search(rf"^\s*(?:- )?{name}: '?([^'\n]+)'?$", facts, re.MULTILINE)
    if not found:
        raise SystemExit(f"the facts have no `{name}`")
    return found[1]


def requirements(folder: Path) -> list[tuple[str, str]]:
    """Name and version of each package that the model's requirements pin."""
    lines = (folder / "requirements.txt").read_text().split()
    return [(name, version) for name, _, version in (line.partition("==") for line in lines)]


def sbom(folder: Path, files: list[dict], content: str, semver: str) -> dict:
    """The bill of materials of the version: its packages and its files. Licences are not looked up, so none is stated."""
    packages = [
        {"type": "library", "bom-ref": f"pkg:pypi/{name}@{version}", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in requirements(folder)
    ]
    parts = [{"type": "file", "name": file["path"], "hashes": [{"alg": "SHA-256", "content": file["digest"]}]} for file in files]
    subject = {"type": "machine-learning-model", "bom-ref": "loan-approval", "name": "loan-approval", "version": semver}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": now(),
            "tools": {"components": [{"type": "application", "name": NAME}]},
            "component": subject | {"hashes": [{"alg": "SHA-256", "content": content}]},
        },
        "components": packages + parts,
        "dependencies": [{"ref": "loan-approval", "dependsOn": [package["bom-ref"] for package in packages]}],
    }


def provenance(files: list[dict], content: str, facts: str) -> dict:
    """Which code, data and run made the files, as the facts tell it."""
    table = {"uri": fact(facts, "uri"), "digest": {"sha256": fact(facts, "digest")}}
    code = {"uri": f"git+https://loan-approval.example/{fact(facts, 'repository')}", "digest": {"gitCommit": fact(facts, "commit")}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "content", "digest": {"sha256": content}}]
        + [{"name": file["path"], "digest": {"sha256": file["digest"]}} for file in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"script": "examples/loan-approval/train.py", "semver": fact(facts, "semver")},
                "resolvedDependencies": [code, table],
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"invocationId": fact(facts, "run_id"), "startedOn": fact(facts, "date")},
            },
        },
    }


def scan(folder: Path, files: list[dict]) -> dict:
    """What every file is. A pickle's opcodes are walked with `pickletools`, without loading it: what it imports must be in KNOWN_IMPORTS.

    Any other file must be text, and JSON where it says so. This knows these models and nothing else: a general scanner
    (picklescan, modelscan) has a longer memory of what is dangerous, and its report is read as well.
    """
    looked = [{"path": file["path"], "digest": file["digest"]} | look_at(folder / file["path"]) for file in files]
    worst = max((entry["verdict"] for entry in looked), key=["clean", "review", "malformed", "dangerous"].index)
    return {
        "schema": "chancery.scan/v1",
        "scanner": {"name": f"{NAME} (pickletools of Python, list of known imports)", "version": sys.version.split()[0]},
        "scanned_at": now(),
        "verdict": worst,
        "files": looked,
    }


def look_at(path: Path) -> dict:
    """Verdict on one file, and what it rests on."""
    content = path.read_bytes()
    try:
        if path.suffix in (".pkl", ".pickle"):
            return look_at_imports(imports(content))
        if path.suffix == ".json":
            json.loads(content)
            return {"verdict": "clean", "detail": "JSON"}
        if "\0" in content.decode():
            return {"verdict": "malformed", "detail": "a text with a NUL byte"}
        return {"verdict": "clean", "detail": "text"}
    except ValueError as error:  # what json, pickletools and UTF-8 raise
        return {"verdict": "malformed", "detail": str(error)[:200]}


def look_at_imports(imported: set[str]) -> dict:
    """Verdict on what a pickle imports."""
    bad = sorted(name for name in imported if name.split(".")[0] in DANGEROUS_MODULES)
    if bad:
        return {"verdict": "dangerous", "detail": f"imports {', '.join(bad)}"}
    unknown = sorted(imported - KNOWN_IMPORTS)
    if unknown:
        return {"verdict": "review", "detail": f"imports {', '.join(unknown)}"}
    return {"verdict": "clean", "detail": f"{len(imported)} imports, all of them known"}


def imports(content: bytes) -> set[str]:
    """Everything that a pickle imports, `module.name`. What cannot be followed is named `?`, which nothing allows."""
    found, texts, memo, top = set(), [], {}, None
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "MEMOIZE":
            memo[len(memo)] = top
        elif opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(argument)] = top
        elif opcode.name == "STACK_GLOBAL":
            found.add(".".join(texts[-2:]) if len(texts) > 1 else "?")
            top = None
        elif opcode.name in ("GLOBAL", "INST"):
            found.add(argument.replace(" ", "."))
            top = None
        elif opcode.name.startswith("EXT"):
            found.add("?")
            top = None
        else:
            top = memo.get(int(argument)) if opcode.name in ("GET", "BINGET", "LONG_BINGET") else argument
            top = top if isinstance(top, str) else None
            # The two operands of STACK_GLOBAL are the texts pushed last; anything else that is pushed between them stands as `?`.
            texts = texts[-1:] + [top if top is not None else "?"]
    return found


def vulnerabilities(folder: Path) -> dict:
    """The shape of an OSV-Scanner report about the pinned packages, with nothing found in it.

    AN EXAMPLE: the machine that runs the demo has no vulnerability database, so nobody looked anything up. In a real
    pipeline, `osv-scanner --format json` (or grype, or trivy) writes this file, and the pipeline adds the dates.
    """
    packages = [{"package": {"name": name, "version": version, "ecosystem": "PyPI"}, "vulnerabilities": []} for name, version in requirements(folder)]
    return {
        "results": [{"source": {"path": "requirements.txt", "type": "lockfile"}, "packages": packages}],
        "chancery": {"scanned_at": now(), "database_at": now(), "note": f"an example, written by {NAME}: no scanner ran"},
    }


def now() -> str:
    """The present, or the time that SOURCE_DATE_EPOCH gives (reproducible-builds.org); RFC 3339."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return (datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path: Path, document: dict) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
