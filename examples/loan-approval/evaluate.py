"""The evaluation suite: quality, bias by race and sex, robustness, latency and cost of one fitted model.

Every figure but latency and cost is a function of the model and the test rows, with a 95% percentile bootstrap
interval (rows drawn again within each race, so that every group keeps its size).
"""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from data import Split, groups

SUITE = {"name": "loan-approval-evaluation", "version": "1.0.0"}
CATEGORIES = ["quality", "bias", "robustness", "latency", "cost"]
RESAMPLES = 1000
LEVEL = 0.95
BOOTSTRAP_SEED = 7
NOISE_SEED = 11
NOISE_REPEATS = 20
NOISE_SCALE = 0.05  # of the standard deviation of each input that is not a code or a yes/no
CALIBRATION_BINS = 10
SPEED_ROUNDS = 5
SPEED_ROWS = 500
LOWER_IS_BETTER = {
    "log_loss",
    "brier_score",
    "expected_calibration_error",
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "latency_p95_ms",
    "cpu_seconds_per_million_predictions",
}


@dataclass(frozen=True)
class Metric:
    """One figure. `slice` is empty for all rows, else `race=black` or `attribute=race`; `n` counts the rows behind it."""

    name: str
    slice: str
    value: float
    low: float | None
    high: float | None
    n: int

    def higher_is_better(self) -> bool:
        """For a selection rate: yes, because a recommendation is the outcome that an applicant wants."""
        return self.name not in LOWER_IS_BETTER

    def unit(self) -> str:
        """`ms`, `s`, `nat` for log loss, else `1` (a pure number)."""
        return {"latency_p95_ms": "ms", "cpu_seconds_per_million_predictions": "s", "log_loss": "nat"}.get(self.name, "1")


@dataclass(frozen=True)
class Predictions:
    """What a model said about the test rows; `noisy` is the share of noisy copies of a row that it got right."""

    target: np.ndarray
    probability: np.ndarray
    chosen: np.ndarray
    noisy: np.ndarray
    groups: dict[str, np.ndarray]

    def take(self, rows: np.ndarray) -> "Predictions":
        return Predictions(
            self.target[rows],
            self.probability[rows],
            self.chosen[rows],
            self.noisy[rows],
            {name: values[rows] for name, values in self.groups.items()},
        )


def evaluate(model, inputs: pd.DataFrame, test: Split) -> list[Metric]:
    """All figures that the model and the test rows alone decide. `inputs` are the model's columns of `test`."""
    said = predict(model, inputs, test)
    points = measure(said)
    resampled = [measure(said.take(rows)) for rows in _resamples(said.groups["race"])]
    metrics = []
    for key, (value, n) in points.items():
        edges = np.quantile([one[key][0] for one in resampled], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        metrics.append(Metric(key[0], key[1], round(value, 6), round(edges[0], 6), round(edges[1], 6), n))
    return metrics


def predict(model, inputs: pd.DataFrame, test: Split) -> Predictions:
    """Runs the model on the test rows, and on copies of them with a little noise."""
    target = test.target()
    continuous = [column for column in inputs if inputs[column].nunique() > 10]
    spread = inputs[continuous].std().to_numpy() * NOISE_SCALE
    chooser = np.random.default_rng(NOISE_SEED)
    right = np.zeros(len(target))
    for _ in range(NOISE_REPEATS):
        noisy = inputs.copy()
        noisy[continuous] += chooser.normal(size=(len(inputs), len(continuous))) * spread
        right += model.predict(noisy) == target
    probability = model.predict_proba(inputs)[:, 1]
    return Predictions(target, probability, model.predict(inputs), right / NOISE_REPEATS, groups(test.rows))


def measure(said: Predictions) -> dict[tuple[str, str], tuple[float, int]]:
    """(name, slice) → (value, rows). The fairness figures without a slice are those of the worse attribute."""
    target, probability, chosen, n = said.target, said.probability, said.chosen, len(said.target)
    found = {
        ("auc_roc", ""): (roc_auc_score(target, probability), n),
        ("accuracy", ""): (accuracy_score(target, chosen), n),
        ("f1", ""): (f1_score(target, chosen), n),
        ("log_loss", ""): (log_loss(target, probability), n),
        ("brier_score", ""): (brier_score_loss(target, probability), n),
        ("expected_calibration_error", ""): (calibration_error(target, probability), n),
        ("accuracy_under_noise", ""): (said.noisy.mean(), n),
        ("selection_rate", ""): (chosen.mean(), n),
    }
    sliced, gaps = {}, {"ratio": [], "difference": [], "opportunity": []}
    for attribute, values in said.groups.items():
        selected, kept = {}, {}
        for group in np.unique(values):
            rows, able = values == group, (values == group) & (target == 1)
            selected[group], kept[group] = chosen[rows].mean(), chosen[able].mean()
            sliced["selection_rate", f"{attribute}={group}"] = (selected[group], int(rows.sum()))
            sliced["true_positive_rate", f"{attribute}={group}"] = (kept[group], int(able.sum()))
        gaps["ratio"].append((f"attribute={attribute}", min(selected.values()) / max(selected.values())))
        gaps["difference"].append((f"attribute={attribute}", max(selected.values()) - min(selected.values())))
        gaps["opportunity"].append((f"attribute={attribute}", max(kept.values()) - min(kept.values())))
    for name, key, worse in (
        ("demographic_parity_ratio", "ratio", min),
        ("demographic_parity_difference", "difference", max),
        ("equal_opportunity_difference", "opportunity", max),
    ):
        found[name, ""] = (worse(value for _, value in gaps[key]), n)
        found |= {(name, where): (value, n) for where, value in gaps[key]}
    return {key: (float(value), rows) for key, (value, rows) in (found | sliced).items()}


def calibration_error(target: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error over bins of equal size: the mean gap between predicted and observed approval."""
    bins = np.array_split(np.argsort(probability, kind="stable"), CALIBRATION_BINS)
    return float(sum(abs(probability[b].mean() - target[b].mean()) * len(b) for b in bins) / len(target))


def measure_speed(model, inputs: pd.DataFrame) -> list[Metric]:
    """Latency of one application at a time (p95) and CPU time in batch, on this machine, rounded.

    The quietest of five rounds counts, so that other work on the machine does not.
    """
    waits, seconds, batch = [], [], pd.concat([inputs] * 20)
    for _ in range(SPEED_ROUNDS):
        waits.append(np.quantile([_time_of(model, inputs.iloc[[row]]) for row in range(SPEED_ROWS)], 0.95))
        start = time.process_time()
        model.predict(batch)
        seconds.append(time.process_time() - start)
    per_million = min(seconds) / len(batch) * 1e6
    return [
        Metric("latency_p95_ms", "", round(float(min(waits)) * 1000, 1), None, None, SPEED_ROWS),
        Metric("cpu_seconds_per_million_predictions", "", round(per_million, 2), None, None, len(batch)),
    ]


def package(metrics: list[Metric], test: Split, version: str, created_at: str, tool: dict) -> dict:
    """The evaluation package that is uploaded as evidence. The client adds the subject's digest."""
    listed = []
    for metric in metrics:
        entry = {"name": metric.name, "value": metric.value, "unit": metric.unit(), "higher_is_better": metric.higher_is_better()}
        if metric.slice:
            entry["slice"] = metric.slice
        if metric.low is not None:
            entry["confidence_interval"] = {"low": metric.low, "high": metric.high, "level": LEVEL}
        listed.append(entry | {"n": metric.n})
    return {
        "schema": "chancery.evaluation/v1",
        "suite": SUITE,
        "dataset": {"name": test.name, "version": version, "digest": test.digest},
        "created_at": created_at,
        "tool": tool,
        "categories": CATEGORIES,
        "metrics": listed,
    }


def _time_of(model, row: pd.DataFrame) -> float:
    start = time.perf_counter()
    model.predict(row)
    return time.perf_counter() - start


def _resamples(strata: np.ndarray):
    """Row numbers of each bootstrap sample, drawn with replacement within each stratum."""
    chooser = np.random.default_rng(BOOTSTRAP_SEED)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for _ in range(RESAMPLES):
        yield np.concatenate([chooser.choice(rows, size=len(rows)) for rows in members])
