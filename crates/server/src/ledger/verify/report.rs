//! What a verification found, for programs (JSON) and for people (text).

use std::fmt;

use serde::Serialize;

/// Problems that are kept; further ones are counted.
const KEPT: usize = 20;

/// How much is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Entries, tree and checkpoints.
    Tree,
    /// Also payloads and every derived row.
    Full,
}

/// What a problem is about, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The record itself: entries, payloads, tiles, checkpoints.
    Log,
    /// The key has signed more than the database has.
    Behind,
    /// A table that is computed from the entries.
    Derived,
    /// A file.
    Blob,
}

/// The result in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing was changed.
    Intact,
    /// The record was altered.
    LogAltered,
    /// The database is older than what was signed: a restored backup.
    Behind,
    /// The record is whole, but rows computed from it are not what it says: `ledger rebuild` makes them anew.
    DerivedAltered,
    /// The record and its rows are whole, but files are missing or corrupt.
    BlobsDamaged,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is about.
    pub area: Area,
    /// Where: `entry 17`, `tile 0/3`, `checkpoint 512`, `table tags, key …`, `blob …`.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// Column, for a row that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl Problem {
    /// A problem without values.
    pub(super) fn new(area: Area, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { area, place: place.into(), message: message.into(), column: None, expected: None, found: None }
    }

    /// With what was expected and found.
    pub(super) fn values(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)?;
        if let (Some(expected), Some(found)) = (&self.expected, &self.found) {
            write!(formatter, " (expected {expected}, found {found})")?;
        }
        Ok(())
    }
}

/// What was checked and what was found. `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How much was verified.
    pub mode: Mode,
    /// The log.
    pub origin: String,
    /// Entries whose hash was computed.
    pub entries: u64,
    /// Root over them, hexadecimal; nothing when entries are missing.
    pub root: Option<String>,
    /// Tiles that were computed and compared.
    pub tiles: u64,
    /// Published checkpoints whose signature and root were compared.
    pub checkpoints: u64,
    /// Payloads that were hashed (full mode).
    pub payloads: u64,
    /// Derived rows that were compared (full mode).
    pub derived_rows: u64,
    /// Files that were hashed.
    pub blobs: u64,
    /// The result.
    pub verdict: Verdict,
    /// How many problems there are in all.
    pub problem_count: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
    #[serde(skip)]
    worst: Option<Area>,
}

impl Report {
    pub(super) fn new(mode: Mode, origin: &str) -> Self {
        Self {
            mode,
            origin: origin.to_owned(),
            entries: 0,
            root: None,
            tiles: 0,
            checkpoints: 0,
            payloads: 0,
            derived_rows: 0,
            blobs: 0,
            verdict: Verdict::Intact,
            problem_count: 0,
            problems: Vec::new(),
            worst: None,
        }
    }

    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.verdict == Verdict::Intact
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        let worst = self.worst.map_or(problem.area, |worst| worst.min(problem.area));
        self.worst = Some(worst);
        self.verdict = match worst {
            Area::Log => Verdict::LogAltered,
            Area::Behind => Verdict::Behind,
            Area::Derived => Verdict::DerivedAltered,
            Area::Blob => Verdict::BlobsDamaged,
        };
        self.problem_count += 1;
        if self.problems.len() < KEPT {
            self.problems.push(problem);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "log {}", self.origin)?;
        let root = self.root.as_deref().unwrap_or("not computable");
        writeln!(formatter, "checked {} entries, {} tiles, {} checkpoints; root {root}", self.entries, self.tiles, self.checkpoints)?;
        match self.mode {
            Mode::Tree => {}
            Mode::Full => writeln!(formatter, "checked {} payloads and {} derived rows", self.payloads, self.derived_rows)?,
        }
        if self.blobs > 0 {
            writeln!(formatter, "checked {} files", self.blobs)?;
        }
        for problem in &self.problems {
            writeln!(formatter, "problem: {problem}")?;
        }
        let more = self.problem_count.saturating_sub(self.problems.len() as u64);
        if more > 0 {
            writeln!(formatter, "and {more} more problems")?;
        }
        let text = match self.verdict {
            Verdict::Intact => "INTACT: everything is as it was committed",
            Verdict::LogAltered => "ALTERED: the log itself was changed; it no longer proves what happened",
            Verdict::Behind => "BEHIND: the key has signed more than this database has; a backup was restored",
            Verdict::DerivedAltered => "ROWS ALTERED: the log is whole; `chancery ledger rebuild` restores the rows that are not what it says",
            Verdict::BlobsDamaged => "FILES DAMAGED: the log is whole; restore the files named above from a backup",
        };
        writeln!(formatter, "{text}")
    }
}
