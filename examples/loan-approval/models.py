"""The two recipes. Each turns training rows into a fitted scikit-learn model whose `predict` is 1 or 0.

1 means "recommend approval", 0 means "refer to a human underwriter": the model never refuses anybody by itself.
Both versions use the same rule for the threshold: it is set on out-of-fold predictions of the training rows,
so that 93% of applications are recommended and 7% are referred. Test rows are never seen.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from data import Split, groups

TRAINING_SEED = 0
RECOMMENDED_SHARE = 0.93
FOLDS = 5

CAPACITY = ["loanprc", "obrat", "hrat", "self", "unem"]
CREDIT_HISTORY = ["pubrec", "mortg", "rep", "lines"]
LOAN_AND_WEALTH = ["netw", "cosign", "multi", "gift", "term", "income", "loanamt"]
NEIGHBOURHOOD = ["vr", "mi", "bd", "suffolk"]


@dataclass(frozen=True)
class Recipe:
    """How one version is made. `reweighed` says whether training rows get the weights of `fairness_weights`."""

    number: int
    semver: str
    features: list[str]
    estimator: Pipeline
    reweighed: bool
    model_type: str
    description: str
    engineering_version: str

    def inputs(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The feature columns of `rows`, all as double, in the order of the model's signature."""
        return rows[self.features].astype(float)

    def fit(self, train: Split) -> FixedThresholdClassifier:
        """Fits on `train` alone and sets the threshold from out-of-fold predictions."""
        inputs, target = self.inputs(train.rows), train.target()
        weights = fairness_weights(train) if self.reweighed else np.ones(len(target))
        held_out = np.zeros(len(target))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=TRAINING_SEED)
        for fit_rows, score_rows in folds.split(inputs, target):
            fitted = self._fit(inputs.iloc[fit_rows], target[fit_rows], weights[fit_rows])
            held_out[score_rows] = fitted.predict_proba(inputs.iloc[score_rows])[:, 1]
        threshold = float(np.quantile(held_out, 1 - RECOMMENDED_SHARE))
        final = FrozenEstimator(self._fit(inputs, target, weights))
        model = FixedThresholdClassifier(final, threshold=threshold, pos_label=1, response_method="predict_proba")
        return model.fit(inputs, target)

    def hyperparameters(self, model: FixedThresholdClassifier) -> dict:
        """What someone needs to repeat the training, including the threshold that was found."""
        last = self.estimator.steps[-1][1]
        chosen = ["C", "n_estimators", "max_depth", "learning_rate", "subsample", "max_features", "min_samples_leaf"]
        found = {name: value for name, value in last.get_params().items() if name in chosen}
        return found | {
            "recommended_share": RECOMMENDED_SHARE,
            "threshold": round(model.threshold, 6),
            "threshold_folds": FOLDS,
            "reweighed_by_race": self.reweighed,
        }

    def _fit(self, inputs: pd.DataFrame, target: np.ndarray, weights: np.ndarray) -> Pipeline:
        pipeline = clone(self.estimator)
        return pipeline.fit(inputs, target, **{f"{pipeline.steps[-1][0]}__sample_weight": weights})


def fairness_weights(train: Split) -> np.ndarray:
    """Reweighing (Kamiran and Calders, 2012): makes race and outcome independent in the weighted training rows."""
    race, target = groups(train.rows)["race"], train.target()
    weights = np.ones(len(target))
    for group in np.unique(race):
        for outcome in (0, 1):
            cell = (race == group) & (target == outcome)
            weights[cell] = (race == group).mean() * (target == outcome).mean() / cell.mean()
    return weights


RECIPES = [
    Recipe(
        number=1,
        semver="1.0.0",
        features=CAPACITY + ["cons"],
        estimator=Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression(C=0.1))]),
        reweighed=True,
        model_type="binary classification, logistic regression",
        description="Six inputs about the ability to pay and the consumer credit history; training rows reweighed by race.",
        engineering_version="1.0.0",
    ),
    Recipe(
        number=2,
        semver="2.0.0",
        features=CAPACITY + ["cons"] + CREDIT_HISTORY + LOAN_AND_WEALTH + NEIGHBOURHOOD,
        estimator=Pipeline(
            [
                ("impute", SimpleImputer(strategy="median")),
                (
                    "classify",
                    GradientBoostingClassifier(
                        n_estimators=150,
                        max_depth=3,
                        learning_rate=0.04,
                        subsample=0.8,
                        max_features="sqrt",
                        min_samples_leaf=20,
                        random_state=TRAINING_SEED,
                    ),
                ),
            ]
        ),
        reweighed=False,
        model_type="binary classification, gradient boosted trees",
        description="Twenty-one inputs, with the full credit history, wealth and the neighbourhood; tuned for AUC-ROC only.",
        engineering_version="2.0.0",
    ),
]
