"""The documents about a version: facts, model card, and the comparison of both versions. All numbers come from the results."""

import platform
from dataclasses import dataclass
from importlib.metadata import version

from data import LEFT_OUT, SPLIT_SEED, URI, VERSION, Data
from evaluate import LEVEL, Metric
from models import RECOMMENDED_SHARE, TRAINING_SEED, Recipe

LIBRARIES = ["mlflow", "numpy", "pandas", "scikit-learn", "scipy"]
GATE = ("auc_roc", 0.70)  # the training pipeline's own check; it knows nothing of parity
MEASURED_ON_A_MACHINE = ["latency_p95_ms", "cpu_seconds_per_million_predictions"]
STUDY_YEAR = {"from": "1990-01-01", "to": "1990-12-31"}

PURPOSE = (
    "Sorts mortgage applications into `recommend approval` (1) and `refer to a human underwriter` (0). "
    "A person decides every application that is referred; the model never refuses one."
)
LIMITS = {
    1: "Trained on applications of one city (Boston) in one year (1990). AUC-ROC is moderate. Groups other than white "
    "applicants are small, so their rates have wide intervals. The target is what lenders decided, not who repaid.",
    2: "Trained on applications of one city (Boston) in one year (1990). Black applicants are recommended far less often than "
    "white ones. Groups other than white applicants are small, so their rates have wide intervals. The target is what lenders "
    "decided, not who repaid. The gain in AUC-ROC over version 1 is smaller than its interval.",
}
ETHICS = {
    1: "Past decisions carry the lenders' bias, and the model learns from them. Race and sex are no inputs; race is used in training "
    "only, to weigh rows so that race and outcome are independent (reweighing). Parity is measured for each release, by race and sex.",
    2: "Past decisions carry the lenders' bias, and the model learns from them. Race and sex are no inputs, but inputs such as "
    "credit history, wealth and neighbourhood are related to race, and no mitigation was applied. Parity by race is below four fifths.",
}


@dataclass(frozen=True)
class Circumstances:
    """What no retraining can repeat: when and from which code the version was trained, and the speed measured there."""

    date: str
    commit: str
    dirty: bool
    speed: list[Metric]


def facts(recipe: Recipe, model, data: Data, metrics: list[Metric], when: Circumstances, run_id: str) -> dict:
    """The facts that `chancery register` seals with the version."""
    return {
        "semver": recipe.semver,
        "description": recipe.description,
        "framework": {
            "name": "scikit-learn",
            "version": version("scikit-learn"),
            "libraries": [{"name": "python", "version": platform.python_version()}]
            + [{"name": name, "version": version(name)} for name in LIBRARIES],
        },
        "flavour": "sklearn",
        "model_type": recipe.model_type,
        "training": {
            "date": when.date,
            "run_id": run_id,
            "pipeline_run": f"train.py {when.date}",
            "code": {"repository": "chancery", "commit": when.commit, "dirty": when.dirty},
            "hyperparameters": recipe.hyperparameters(model),
            "reproducible": True,
            "seed": TRAINING_SEED,
        },
        "datasets": [
            {
                "role": role,
                "name": part.name,
                "version": VERSION,
                "digest": part.digest,
                "rows": len(part.rows),
                "time_window": dict(STUDY_YEAR),
                "quality_score": data.completeness,
                "uri": URI,
                "datasheet": "datasheet.md",
            }
            for role, part in (("training", data.train), ("evaluation", data.test))
        ],
        "features": {
            "engineering_version": recipe.engineering_version,
            "feature_store": "none",
            "inputs": list(recipe.features),
        },
        "metrics": [_sealed(metric, data.test.name) for metric in metrics if metric.name not in MEASURED_ON_A_MACHINE],
        "validation_gate": {"name": f"{GATE[0]} at least {GATE[1]:.2f}", "result": _gate(metrics)},
        "intended_use": PURPOSE,
        "limitations": LIMITS[recipe.number],
        "ethical_considerations": ETHICS[recipe.number],
        "parents": [],
    }


def model_card(recipe: Recipe, data: Data, metrics: list[Metric]) -> str:
    """The model card, with the sections that the registry asks for."""
    figures = {(metric.name, metric.slice): metric for metric in metrics}
    overall = [m for m in metrics if not m.slice and m.name != "selection_rate"]
    interval = f"{LEVEL:.0%} interval"
    group_head = ["group", "applications", "recommended", interval, "recommended, of those the lender approved"]
    left_out = "\n".join(f"- {reason}: {', '.join(f'`{c}`' for c in columns)}" for reason, columns in LEFT_OUT.items())
    return f"""# Model card: loan-approval {recipe.semver}

{recipe.description} Type: {recipe.model_type}.

## Intended use

{PURPOSE}

For staff of a credit-risk team who study or demonstrate how such a model is governed.
Not for decisions about real people: the data is a sample of 1990.
Creditworthiness of natural persons is a high-risk use under the EU AI Act (Annex III, point 5b).

## Performance

On the {len(data.test.rows)} applications of the test part, which training never saw; {LEVEL:.0%} bootstrap intervals.

{_table(["metric", "value", interval], [[m.name, _value(m), _interval(m)] for m in overall])}

A parity or opportunity figure without a group is that of the worse attribute, race or sex.

By group:

{_table(group_head, _group_rows(figures))}

{_table(["metric", "by race", interval, "by sex", interval], _attribute_rows(figures))}

## Limitations

{LIMITS[recipe.number]}

The threshold recommends {RECOMMENDED_SHARE:.0%} of applications like those in training; another population needs another threshold, and a new evaluation.

## Ethical considerations

{ETHICS[recipe.number]}

## Data

The table `loanapp` ({VERSION}), {data.rows_in_source} applications, of which {data.rows_kept} are complete enough to use:
{len(data.train.rows)} for training and {len(data.test.rows)} for the test (split by race and outcome, seed {SPLIT_SEED}).
SHA-256 of the canonical CSV: table `{data.digest}`,
training part `{data.train.digest}`, test part `{data.test.digest}`. See `datasheet.md`.

Inputs: {", ".join(f"`{name}`" for name in recipe.features)}.

Left out of every version:

{left_out}
"""


def comparison(results: list[tuple[Recipe, list[Metric]]], repeats: list[list[tuple[float, float]]]) -> str:
    """Both versions side by side, and what other splits give: `repeats` has (AUC-ROC, parity) per version per split."""
    first, second = ({(m.name, m.slice): m for m in metrics} for _, metrics in results)
    rows = [
        [m.name, m.slice.replace("attribute=", "by ") or "all", *(f"{_value(x)} ({_interval(x)})" for x in (m, second[key]))]
        for key, m in first.items()
        if m.name not in MEASURED_ON_A_MACHINE
    ]
    better = sum(two[0] > one[0] for one, two in repeats)
    worse = sum(two[1] < one[1] for one, two in repeats)
    below = [sum(pair[index][1] < 0.8 for pair in repeats) for index in (0, 1)]
    mean = [[sum(pair[v][f] for pair in repeats) / len(repeats) for f in (0, 1)] for v in (0, 1)]
    splits = [
        ["mean auc_roc", f"{mean[0][0]:.3f}", f"{mean[1][0]:.3f}"],
        ["mean demographic_parity_ratio", f"{mean[0][1]:.3f}", f"{mean[1][1]:.3f}"],
        ["splits with a parity ratio below 0.80", str(below[0]), str(below[1])],
    ]
    return f"""# Version 1 and version 2 on the same test rows

Written by `train.py`. In brackets: {LEVEL:.0%} bootstrap interval.

{_table(["metric", "slice", "version 1", "version 2"], rows)}

## Other splits

One split can flatter. Both recipes were trained and tested again on {len(repeats)} other splits (seeds 0 to {len(repeats) - 1}):

{_table(["", "version 1", "version 2"], splits)}

Version 2 had the better AUC-ROC in {better} of {len(repeats)} splits and the worse parity in {worse} of {len(repeats)}.
"""


def _sealed(metric: Metric, dataset: str) -> dict:
    entry = {"name": metric.name, "value": metric.value, "unit": metric.unit()}
    if metric.slice:
        entry["slice"] = metric.slice
    return entry | {"dataset": dataset, "higher_is_better": metric.higher_is_better()}


def _gate(metrics: list[Metric]) -> str:
    value = next(metric.value for metric in metrics if (metric.name, metric.slice) == (GATE[0], ""))
    return "passed" if value >= GATE[1] else "failed"


def _group_rows(figures: dict) -> list[list[str]]:
    rows = []
    for (name, where), metric in figures.items():
        if name == "selection_rate" and where:
            rows.append([where, str(metric.n), _value(metric), _interval(metric), _value(figures["true_positive_rate", where])])
    return rows


def _attribute_rows(figures: dict) -> list[list[str]]:
    names = ["demographic_parity_ratio", "demographic_parity_difference", "equal_opportunity_difference"]
    rows = []
    for name in names:
        cells = [figures[name, f"attribute={attribute}"] for attribute in ("race", "sex")]
        rows.append([name, *(text for metric in cells for text in (_value(metric), _interval(metric)))])
    return rows


def _value(metric: Metric) -> str:
    return f"{metric.value} {metric.unit()}" if metric.name in MEASURED_ON_A_MACHINE else f"{metric.value:.3f}"


def _interval(metric: Metric) -> str:
    return "" if metric.low is None else f"{metric.low:.3f} to {metric.high:.3f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
