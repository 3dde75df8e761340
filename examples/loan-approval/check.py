"""Loads both committed models with plain scikit-learn and checks that evaluation.json tells the truth about them.

AUC-ROC, demographic parity and the selection rates are worked out here on their own, not by the code of evaluate.py.
Loading a pickle runs code: do it only, as here, with files that you wrote yourself.
"""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import yaml
from scipy.stats import rankdata

import data as dataset

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-6


def main() -> int:
    test = dataset.load().test
    found = [check_version(HERE / f"v{number}", test) for number in (1, 2)]
    story = found[1]["auc_roc", None] > found[0]["auc_roc", None] and (
        found[1]["demographic_parity_ratio", None] < found[0]["demographic_parity_ratio", None] - 0.02
    )
    print("version 2 scores better and regresses on parity: " + ("yes" if story else "NO"))
    return 0 if story and not any(figures["mistakes", None] for figures in found) else 1


def check_version(folder: Path, test: dataset.Split) -> dict:
    """Prints each figure worked out again beside the committed one; counts those that differ."""
    features = yaml.safe_load((folder / "facts.yaml").read_text())["features"]["inputs"]
    package = json.loads((folder / "evaluation.json").read_text())
    committed = {(m["name"], m.get("slice")): m["value"] for m in package["metrics"]}
    with (folder / "model" / "model.pkl").open("rb") as file:
        model = pickle.load(file)
    figures = work_out(model, test, features)
    mistakes = int(package["dataset"]["digest"] != test.digest)
    for key, value in figures.items():
        right = abs(value - committed[key]) <= TOLERANCE
        mistakes += not right
        print(f"{folder.name}  {'right' if right else 'WRONG'}  {key[0]} {key[1] or ''} {value:.6f}")
    return figures | {("mistakes", None): mistakes}


def work_out(model, test: dataset.Split, features: list[str]) -> dict:
    """AUC-ROC by the rank-sum formula, selection rates by group, and the parity of the worse attribute."""
    inputs, target = test.rows[features].astype(float), test.target()
    ranks = rankdata(model.predict_proba(inputs)[:, 1])
    good, bad = int(target.sum()), int((1 - target).sum())
    figures = {("auc_roc", None): (ranks[target == 1].sum() - good * (good + 1) / 2) / (good * bad)}
    chosen, ratios = model.predict(inputs), []
    for attribute, values in dataset.groups(test.rows).items():
        rates = {f"{attribute}={group}": float(chosen[values == group].mean()) for group in np.unique(values)}
        figures |= {("selection_rate", where): rate for where, rate in rates.items()}
        ratios.append(min(rates.values()) / max(rates.values()))
    return figures | {("demographic_parity_ratio", None): min(ratios)}


if __name__ == "__main__":
    sys.exit(main())
