//! The local store of bytes by their SHA-256 digest, and the uploads that fill it.
//!
//! On disk, under one root:
//! - `sha256/ab/abcdef…`: finished blobs, mode 0444, never written again;
//! - `incoming/up…` and `incoming/up….json`: the bytes of an upload so far, and its sidecar (what was declared, by whom);
//! - `incoming/put…`: bytes that arrive within one request; nobody resumes them;
//! - `parts/up…/NUMBER`: parts of a file that will be put together;
//! - `lock`: held by the process that may tidy `incoming`.
//!
//! INVARIANT: a file under `sha256` is complete, on disk, and its bytes had the digest of its name when it was placed:
//! `place::place` is the only code that makes one, by a rename after the bytes were synced.
//! INVARIANT: every name is made here from a parsed [`Digest`] or [`UploadId`]; no path of a caller is ever opened.

mod fault;
mod parts;
mod place;
pub mod range;
mod read;
mod receive;
mod sidecar;
mod step;
mod tidy;
mod upload;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod upload_tests;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::names::Digest;
use chancery_core::refusal::{Code, Refusal};
use futures_util::Stream;
use tokio::sync::Semaphore;

pub use fault::{BlobError, BlobFault};
pub use parts::MAX_PART_BYTES;
pub use range::Part;
pub use read::{Download, Fixity};
pub use sidecar::UploadId;
pub use upload::{NewUpload, Upload};

use crate::crash::CrashPoint;
use fault::{At, blocking};
use receive::Declared;

/// Most uploads that one actor may have open at once.
pub const MAX_OPEN_UPLOADS: usize = 1_000;
/// Largest blob unless [`Limits`] says otherwise, in bytes (1 TiB).
pub const MAX_BLOB_BYTES: u64 = 1 << 40;
/// Most bodies that are received at once: each holds a blocking thread, of which tokio has 512 for everything.
pub const MAX_RUNNING: usize = 256;

/// What the store accepts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest blob, in bytes.
    pub blob_bytes: u64,
    /// Most open uploads of one actor.
    pub open_uploads: usize,
    /// How long a body may send nothing before it counts as broken off: it holds a thread and the lock of its upload.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blob_bytes: MAX_BLOB_BYTES, open_uploads: MAX_OPEN_UPLOADS, silence: Duration::from_secs(60) }
    }
}

/// A finished blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// The store. Clones share one state.
#[derive(Clone, Debug)]
pub struct Blobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: Root,
    limits: Limits,
    running: Arc<Semaphore>,
    /// Uploads that are not finished; finished ones are known by their sidecar alone.
    open: Mutex<HashMap<UploadId, Arc<upload::Slot>>>,
    /// Files that were hashed and found intact, as they were then.
    intact: Mutex<HashMap<Digest, read::Identity>>,
    /// Keeps the lock of the root until the last clone is gone.
    tidier: Tidier,
}

/// Whether this process may remove leftovers in `incoming`.
#[derive(Debug)]
enum Tidier {
    /// It holds the lock, so no other process has files there that it still needs.
    Us { _lock: File },
    /// Another process does (the server runs and this is the command line): uploads are not ours to touch.
    Another,
}

/// Makes every path in the store, and goes along with everything that touches files.
#[derive(Clone, Debug)]
struct Root {
    path: PathBuf,
    /// Where the process ends itself in a test.
    crash: Option<CrashPoint>,
}

impl Root {
    fn incoming(&self) -> PathBuf {
        self.path.join("incoming")
    }

    fn all_parts(&self) -> PathBuf {
        self.path.join("parts")
    }

    fn shards(&self) -> PathBuf {
        self.path.join("sha256")
    }

    fn shard(&self, digest: &Digest) -> PathBuf {
        self.shards().join(digest.to_string().chars().take(2).collect::<String>())
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.to_string())
    }

    fn data(&self, id: &UploadId) -> PathBuf {
        self.incoming().join(id.as_str())
    }

    fn sidecar(&self, id: &UploadId) -> PathBuf {
        self.incoming().join(format!("{id}.json"))
    }
}

impl Blobs {
    /// Opens the store under `root` with the default limits; blocking, for use at start.
    ///
    /// Makes the folders, ends completions that a crash interrupted, and removes temporary files that no sidecar names.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, BlobFault> {
        Self::open_with(root, Limits::default(), None)
    }

    /// As [`Blobs::open`], with other limits, and with the point where the process ends itself in a test.
    pub fn open_with(root: impl AsRef<Path>, limits: Limits, crash: Option<CrashPoint>) -> Result<Self, BlobFault> {
        let root = Root { path: root.as_ref().to_owned(), crash };
        make_folders(&root)?;
        let tidier = tidier(&root)?;
        let open = match &tidier {
            Tidier::Us { .. } => tidy::recover(&root)?,
            Tidier::Another => HashMap::new(),
        };
        let running = Arc::new(Semaphore::new(MAX_RUNNING));
        Ok(Self { inner: Arc::new(Inner { root, limits, running, open: Mutex::new(open), intact: Mutex::default(), tidier }) })
    }

    /// Stores one body in one request: the digest and size of what came.
    ///
    /// Refuses a body that is larger than `size` or the limit, shorter than `size`, has another digest than `digest`, or
    /// breaks off; nothing is kept then, nor after a fault.
    pub async fn put<E>(&self, digest: Option<Digest>, size: Option<u64>, body: impl Stream<Item = Result<Bytes, E>>) -> Result<Stored, BlobError> {
        let declared = self.declared(digest, size)?;
        let permit = self.running()?;
        let (root, path) = (self.inner.root.clone(), place::temporary(&self.inner.root)?);
        let (sender, receiver) = receive::channel();
        let thread = blocking(move || {
            let _permit = permit;
            receive::whole(&root, &path, declared, receiver)
        });
        let ((), stored) = tokio::join!(receive::pump(body, sender, self.inner.limits.silence), thread);
        stored?
    }

    /// Stores bytes that are in memory and gives their digest once they are durable. Storing them again is cheap.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Digest, BlobFault> {
        let root = self.inner.root.clone();
        blocking(move || {
            let path = place::temporary(&root)?;
            receive::bytes(&root, &path, &bytes)
        })
        .await?
    }

    fn declared(&self, digest: Option<Digest>, size: Option<u64>) -> Result<Declared, Refusal> {
        let limit = self.inner.limits.blob_bytes;
        match size {
            Some(size) if size > limit => {
                Err(Refusal::new(Code::TooLarge, &format!("a file of {size} bytes is over the limit of {limit} bytes")).field("size"))
            }
            Some(_) | None => Ok(Declared { size, digest, limit }),
        }
    }

    fn running(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.inner.running)
            .try_acquire_owned()
            .map_err(|_| Refusal::new(Code::RateLimited, &format!("{MAX_RUNNING} uploads are running")).remedy("try again in a few seconds"))
    }
}

fn make_folders(root: &Root) -> Result<(), BlobFault> {
    let incoming = root.incoming();
    std::fs::create_dir_all(&incoming).at("make folder", &incoming)?;
    let parts = root.all_parts();
    std::fs::create_dir_all(&parts).at("make folder", &parts)?;
    // All 256 folders exist from here on, so that no completion has to make one durable.
    for shard in 0..=u8::MAX {
        let path = root.shards().join(hex::encode([shard]));
        std::fs::create_dir_all(&path).at("make folder", &path)?;
    }
    place::sync_folder(&root.shards())?;
    place::sync_folder(&root.path)?;
    match root.path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => place::sync_folder(parent),
        Some(_) | None => Ok(()),
    }
}

fn tidier(root: &Root) -> Result<Tidier, BlobFault> {
    let path = root.path.join("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Tidier::Us { _lock: lock }),
        Err(std::fs::TryLockError::WouldBlock) => Ok(Tidier::Another),
        Err(std::fs::TryLockError::Error(error)) => Err(error).at("lock", &path),
    }
}
