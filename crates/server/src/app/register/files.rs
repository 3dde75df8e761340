//! The files of a manifest for the inspection: prefixes of blobs.

use std::io;
use std::sync::LazyLock;

use chancery_core::manifest::Manifest;
use chancery_core::names::Digest;
use chancery_inspect::{FileEntry, Files, Inspection};
use tokio::sync::Semaphore;

use crate::blobs::{BlobError, Blobs};
use crate::fault::{Fault, chain};

/// Inspections at once: one that waits for the disk for each that takes a processor.
static RUNNING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)));

struct Held {
    blobs: Blobs,
    entries: Vec<FileEntry>,
    digests: Vec<Digest>,
}

impl Files for Held {
    fn list(&self) -> &[FileEntry] {
        &self.entries
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).map_err(|_| io::ErrorKind::NotFound)?;
        let digest = self.digests.get(at).ok_or(io::ErrorKind::NotFound)?;
        self.blobs.prefix_now(digest, limit).map_err(|error| match error {
            BlobError::Refused(refusal) => io::Error::other(refusal.message),
            BlobError::Fault(fault) => io::Error::other(chain(&fault)),
        })
    }
}

/// What a look at the files of a manifest finds.
pub(super) enum Found {
    /// All bytes are held, and this is in them. What cannot be read is among the problems.
    Held(Box<Inspection>),
    /// These blobs are missing or have another size.
    Absent(Vec<Digest>),
}

/// Says whether the bytes of the files are held, and what is in them: one visit to a blocking thread.
pub(super) async fn inspect(blobs: Blobs, manifest: &Manifest) -> Result<Found, Fault> {
    let failed = |error| Fault::database("inspect the files", error);
    let _permit = RUNNING.acquire().await.map_err(|error| failed(error.into()))?;
    let held = Held {
        blobs,
        // The manifest is sorted by the bytes of the paths, as the inspection wants it.
        entries: manifest.files().iter().map(|file| FileEntry { path: file.path.to_string(), size: file.size }).collect(),
        digests: manifest.files().iter().map(|file| file.digest).collect(),
    };
    let look = move || {
        let mut absent = Vec::new();
        for (entry, digest) in held.entries.iter().zip(&held.digests) {
            if held.blobs.size_now(digest)? != Some(entry.size) && !absent.contains(digest) {
                absent.push(*digest);
            }
        }
        Ok::<_, crate::blobs::BlobFault>(if absent.is_empty() { Found::Held(Box::new(chancery_inspect::inspect(&held))) } else { Found::Absent(absent) })
    };
    let found = tokio::task::spawn_blocking(look).await.map_err(|error| failed(crate::fault::Source::from(error)))?;
    found.map_err(|fault| failed(fault.into()))
}
