//! What can go wrong below the rules: disk, database, clock, configuration.
//!
//! A fault keeps its chain of sources for the log; a client is shown a request id only. When the rules say no, that is a
//! `Refusal` of the core, never a fault.

use std::error::Error;
use std::path::PathBuf;

use chancery_core::rows::BadRow;

/// Where a fault came from.
pub type Source = Box<dyn Error + Send + Sync>;

/// A failure of the machinery.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database or the disk refused an operation. Nothing of the transaction is stored.
    #[error("could not {doing}")]
    Database {
        /// What was attempted, after "could not".
        doing: String,
        /// What the database or the operating system said.
        #[source]
        source: Source,
    },
    /// A stored row does not fit its type: the database was altered or belongs to another version.
    #[error(transparent)]
    BadRow(#[from] BadRow),
    /// Another process has the data folder.
    #[error("another process uses the data folder `{}`", .0.display())]
    Locked(PathBuf),
    /// The clock of the database is more than five seconds from ours: times in entries could not be trusted.
    #[error("the clock of the database is {milliseconds} ms from ours: set both by the same time server")]
    ClockSkew {
        /// Database minus ours.
        milliseconds: i64,
    },
    /// The connection was lost during COMMIT: the transaction is stored or it is not. Reconnect, then look.
    #[error("the outcome of a commit is unknown")]
    UnknownCommit(#[source] Source),
    /// The configuration or the state of the database does not allow to start or to go on; the text says what to do.
    #[error("{0}")]
    Config(String),
}

impl Fault {
    /// A [`Fault::Database`]: takes what was attempted ("could not" is put before it) and what was said.
    pub fn database(doing: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Database { doing: doing.into(), source: source.into() }
    }
}
