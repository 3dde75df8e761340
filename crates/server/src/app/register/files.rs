//! The files of a manifest for the inspection: prefixes of blobs.

use std::io;

use chancery_core::manifest::Manifest;
use chancery_core::names::Digest;
use chancery_inspect::{FileEntry, Files, Inspection};
use futures_util::TryStreamExt;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::blobs::{BlobError, Blobs, Part};
use crate::fault::{Fault, chain};

/// Inspections at once: each holds a blocking thread and asks for others, of which there must be some left.
static RUNNING: Semaphore = Semaphore::const_new(16);

struct Held {
    blobs: Blobs,
    runtime: Handle,
    entries: Vec<FileEntry>,
    digests: Vec<Digest>,
}

impl Files for Held {
    fn list(&self) -> &[FileEntry] {
        &self.entries
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).map_err(|_| io::ErrorKind::NotFound)?;
        let (Some(entry), Some(digest)) = (self.entries.get(at), self.digests.get(at)) else { return Err(io::ErrorKind::NotFound.into()) };
        let part = if entry.size <= limit { Part::Whole } else { Part::Bytes(0..limit) };
        self.runtime.block_on(async {
            let download = self.blobs.read(digest, part).await.map_err(|error| match error {
                BlobError::Refused(refusal) => io::Error::other(refusal.message),
                BlobError::Fault(fault) => io::Error::other(chain(&fault)),
            })?;
            let blocks: Vec<bytes::Bytes> = download.body.try_collect().await?;
            Ok(blocks.concat())
        })
    }
}

/// Says what is in the files. What cannot be read is among the problems.
pub(super) async fn inspect(blobs: Blobs, manifest: &Manifest) -> Result<Inspection, Fault> {
    let failed = |error| Fault::database("inspect the files", error);
    let _permit = RUNNING.acquire().await.map_err(|error| failed(error.into()))?;
    let held = Held {
        blobs,
        runtime: Handle::current(),
        // The manifest is sorted by the bytes of the paths, as the inspection wants it.
        entries: manifest.files().iter().map(|file| FileEntry { path: file.path.to_string(), size: file.size }).collect(),
        digests: manifest.files().iter().map(|file| file.digest).collect(),
    };
    tokio::task::spawn_blocking(move || chancery_inspect::inspect(&held)).await.map_err(|error| failed(crate::fault::Source::from(error)))
}
