//! When the jobs of this server ran last and run next: what the page of jobs shows. Another server has its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_core::names::Timestamp;

/// A job that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// The scheduled checks.
    Checks,
    /// The anchor of the access log.
    AccessLog,
    /// The checkpoint.
    Checkpoint,
    /// Who sent bytes long ago is forgotten.
    Senders,
}

impl Job {
    /// All of them, in the order in which they are shown.
    pub const ALL: &'static [Self] = &[Self::Checks, Self::AccessLog, Self::Checkpoint, Self::Senders];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checks => "Scheduled checks",
            Self::AccessLog => "Anchor of the access log",
            Self::Checkpoint => "Checkpoint",
            Self::Senders => "Senders of bytes",
        }
    }

    /// What it does.
    pub fn what(self) -> &'static str {
        match self {
            Self::Checks => "looks at what should have been reviewed and at what is not as the rules want it, and opens and closes findings",
            Self::AccessLog => "writes the digest of each finished day of the access log into the ledger",
            Self::Checkpoint => "signs the newest checkpoint over every entry",
            Self::Senders => "forgets who sent which bytes a week ago or earlier",
        }
    }

    /// How often.
    pub fn every(self) -> &'static str {
        match self {
            Self::Checks | Self::AccessLog | Self::Senders => "every hour",
            Self::Checkpoint => "within a second of each change",
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it is for: in words.
    Done(String),
    /// It did not; why is in the log of the server.
    Failed,
}

/// A run that is over, and the one that comes.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// When it ran last and how it ended; none before its first run.
    pub last: Option<(Timestamp, Outcome)>,
    /// When it runs next; none for what waits for changes.
    pub next: Option<Timestamp>,
}

impl Turn {
    /// Whether the last run failed.
    pub fn has_failed(&self) -> bool {
        matches!(self.last, Some((_, Outcome::Failed)))
    }
}

/// The jobs of this server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Timetable(Arc<Mutex<BTreeMap<Job, Turn>>>);

impl Timetable {
    /// Says when a job runs next.
    pub fn comes(&self, job: Job, at: Timestamp) {
        self.change(job, |turn| turn.next = Some(at));
    }

    /// Says how a run ended.
    pub fn ran(&self, job: Job, at: Timestamp, outcome: Outcome) {
        self.change(job, |turn| turn.last = Some((at, outcome)));
    }

    /// Where a job stands.
    pub fn turn(&self, job: Job) -> Turn {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&job).cloned().unwrap_or_default()
    }

    fn change(&self, job: Job, change: impl FnOnce(&mut Turn)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(job).or_default());
    }
}
