"""Prints the tables of vN/explainability.md: what each input matters to the committed models, measured on the test rows.

Loading a pickle runs code: do it only, as here, with files that you wrote yourself.
"""

import pickle
from pathlib import Path

import yaml
from sklearn.inspection import permutation_importance

import data as dataset

HERE = Path(__file__).resolve().parent
REPEATS = 30


def main() -> None:
    test = dataset.load().test
    for number in (1, 2):
        folder = HERE / f"v{number}"
        names = yaml.safe_load((folder / "facts.yaml").read_text())["features"]["inputs"]
        with (folder / "model" / "model.pkl").open("rb") as file:
            model = pickle.load(file)
        inputs = test.rows[names].astype(float)
        found = permutation_importance(model, inputs, test.target(), scoring="roc_auc", n_repeats=REPEATS, random_state=0)
        weights = coefficients(model)
        print(f"version {number}")
        for index in sorted(range(len(names)), key=lambda index: -found.importances_mean[index]):
            row = [f"`{names[index]}`", f"{found.importances_mean[index]:.3f}", f"{found.importances_std[index]:.3f}"]
            print("| " + " | ".join(row + ([f"{weights[index]:+.2f}"] if weights is not None else [])) + " |")


def coefficients(model):
    """The weights of a logistic regression, per standard deviation of an input; nothing for another model."""
    last = model.estimator_.estimator.steps[-1][1]
    return last.coef_[0] if hasattr(last, "coef_") else None


if __name__ == "__main__":
    main()
