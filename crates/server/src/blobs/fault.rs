//! What can go wrong here: a refusal (the caller's mistake) or a fault (the disk's).

use std::io;
use std::path::{Path, PathBuf};

use chancery_core::names::Digest;
use chancery_core::refusal::Refusal;

/// The disk, not the caller, is the reason. The source chain is for the log; clients see a request id.
#[derive(Debug, thiserror::Error)]
pub enum BlobFault {
    /// No room is left, or the quota of the service account is used up.
    #[error("the disk is full: could not {action} `{path}`")]
    Full {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other error of the file system.
    #[error("could not {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A stored file no longer has the digest of its name.
    #[error("blob `{expected}` is corrupt: its bytes have the digest `{actual}`")]
    Corrupt {
        /// The digest that names the file.
        expected: Digest,
        /// The digest of what is on disk.
        actual: Digest,
    },
    /// The thread that worked on the file did not finish (shutdown).
    #[error("the blob thread stopped before it finished")]
    Stopped(#[source] tokio::task::JoinError),
}

/// A refusal or a fault.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The caller's mistake.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk's.
    #[error(transparent)]
    Fault(#[from] BlobFault),
}

/// Says which action on which file failed.
pub(super) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, BlobFault>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, BlobFault> {
        self.map_err(|source| {
            let path = path.to_owned();
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                BlobFault::Full { action, path, source }
            } else {
                BlobFault::Disk { action, path, source }
            }
        })
    }
}

/// Runs file work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, BlobFault> {
    // Spawned at the first poll, not before: nothing runs for a request that was dropped while it waited.
    tokio::task::spawn_blocking(work).await.map_err(BlobFault::Stopped)
}
