//! Reading blobs: whole, a part, or only to see whether they are still what their name says.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::PoisonError;

use bytes::Bytes;
use chancery_core::names::Digest;
use chancery_core::refusal::{Code, Refusal};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::fault::{At, BlobError, BlobFault, blocking};
use super::receive::{BLOCK_BYTES, Hashed};
use super::{Blobs, Part, Stored, place};

/// A blob on its way to a client.
pub struct Download {
    /// Size of the whole blob, in bytes.
    pub size: u64,
    /// Which of its bytes `body` gives.
    pub range: Range<u64>,
    /// The bytes, in blocks of 1 MiB; an error when the file ends early, so that a short body never looks complete.
    pub body: BoxStream<'static, io::Result<Bytes>>,
}

/// Most files whose hashing is remembered.
const REMEMBERED: usize = 100_000;

/// What a file was when it was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// The identity of a file, if it is there.
fn identity(path: &std::path::Path) -> Result<Option<Identity>, BlobFault> {
    use std::os::unix::fs::MetadataExt as _;
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(Identity { inode: metadata.ino(), size: metadata.len(), changed: (metadata.ctime(), metadata.ctime_nsec()) })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("look at", path),
    }
}

/// What re-hashing a blob found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixity {
    /// Its bytes have the digest of its name.
    Intact {
        /// Size in bytes.
        size: u64,
    },
    /// There is no such file.
    Missing,
    /// Its bytes have another digest.
    Corrupt {
        /// Digest of what is on disk.
        actual: Digest,
    },
}

impl Blobs {
    /// Size of the blob in bytes, if it is there.
    pub async fn contains(&self, digest: &Digest) -> Result<Option<u64>, BlobFault> {
        let path = self.inner.root.blob(digest);
        blocking(move || place::size_of(&path)).await?
    }

    /// Size of the blob in bytes, if it is there; blocking.
    pub fn size_now(&self, digest: &Digest) -> Result<Option<u64>, BlobFault> {
        place::size_of(&self.inner.root.blob(digest))
    }

    /// At most the first `limit` bytes of a blob; blocking. Refuses one that is not there. The digest is not checked.
    pub fn prefix_now(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let path = self.inner.root.blob(digest);
        let (file, size) = open(&path, digest)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or_default());
        file.take(limit).read_to_end(&mut bytes).at("read", &path)?;
        Ok(bytes)
    }

    /// Opens a blob for download. Refuses one that is not there, and a part that is not inside it.
    ///
    /// Memory is at most two blocks, and no thread waits for a slow client. The digest is for the client to check.
    pub async fn read(&self, digest: &Digest, part: Part) -> Result<Download, BlobError> {
        let (path, digest) = (self.inner.root.blob(digest), *digest);
        let (file, size, range) = blocking(move || {
            let (mut file, size) = open(&path, &digest)?;
            let range = match part {
                Part::Whole => 0..size,
                Part::Bytes(range) if range.start < range.end && range.end <= size => range,
                Part::Bytes(_) => return Err(Refusal::invalid("range", &format!("the range is not inside the {size} bytes")).into()),
            };
            file.seek(SeekFrom::Start(range.start)).at("seek in", &path)?;
            Ok::<_, BlobError>((file, size, range))
        })
        .await??;
        Ok(Download { size, body: blocks(file, range.end - range.start), range })
    }

    /// The whole blob, if it has at most `limit` bytes. Its digest is checked.
    pub async fn read_all(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let (path, expected) = (self.inner.root.blob(digest), *digest);
        blocking(move || {
            let (file, size) = open(&path, &expected)?;
            if size > limit {
                return Err(Refusal::new(Code::TooLarge, &format!("blob `{expected}` has {size} bytes, over the limit of {limit}")).into());
            }
            let mut bytes = Vec::new();
            file.take(size).read_to_end(&mut bytes).at("read", &path)?;
            let actual = Digest::of(&bytes);
            if actual == expected { Ok(bytes) } else { Err(BlobFault::Corrupt { expected, actual }.into()) }
        })
        .await?
    }

    /// Hashes the blob again.
    pub async fn verify(&self, digest: &Digest) -> Result<Fixity, BlobFault> {
        let (path, expected) = (self.inner.root.blob(digest), *digest);
        blocking(move || verify(&path, &expected)).await?
    }

    /// Hashes each blob again unless this very file was hashed before and nobody has touched it since; in the order of the digests.
    ///
    /// What was hashed is remembered by inode, size and time of change: no program can set the last, so an edit in place and a
    /// file put in its place are both seen. (A disk that rots silently is not; the scheduled fixity check hashes always.)
    pub async fn intact(&self, digests: Vec<Digest>) -> Result<Vec<Fixity>, BlobFault> {
        let blobs = self.clone();
        blocking(move || digests.iter().map(|digest| blobs.intact_now(digest)).collect()).await?
    }

    fn intact_now(&self, digest: &Digest) -> Result<Fixity, BlobFault> {
        let path = self.inner.root.blob(digest);
        let Some(before) = identity(&path)? else { return Ok(Fixity::Missing) };
        let known = self.inner.intact.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied();
        if known == Some(before) {
            return Ok(Fixity::Intact { size: before.size });
        }
        let fixity = verify(&path, digest)?;
        if matches!(fixity, Fixity::Intact { .. }) {
            let mut intact = self.inner.intact.lock().unwrap_or_else(PoisonError::into_inner);
            if intact.len() >= REMEMBERED {
                intact.clear();
            }
            intact.insert(*digest, before);
        }
        Ok(fixity)
    }

    /// Every blob, in order of the digest's first byte; blocking. Files that are not blobs are passed over.
    pub fn list(&self) -> impl Iterator<Item = Result<Stored, BlobFault>> + use<> {
        let shards = self.inner.root.shards();
        (0..=u8::MAX).flat_map(move |shard| {
            let path = shards.join(hex::encode([shard]));
            let entries = match fs::read_dir(&path).at("list", &path) {
                Ok(entries) => entries,
                Err(fault) => return vec![Err(fault)],
            };
            entries.filter_map(|entry| stored(entry).at("list", &path).transpose()).collect()
        })
    }
}

fn verify(path: &std::path::Path, expected: &Digest) -> Result<Fixity, BlobFault> {
    if place::size_of(path)?.is_none() {
        return Ok(Fixity::Missing);
    }
    let hashed = Hashed::of_file(path)?;
    let actual = hashed.digest();
    Ok(if actual == *expected { Fixity::Intact { size: hashed.length } } else { Fixity::Corrupt { actual } })
}

fn stored(entry: io::Result<fs::DirEntry>) -> io::Result<Option<Stored>> {
    let entry = entry?;
    let Some(digest) = entry.file_name().to_str().and_then(|name| Digest::parse(name).ok()) else { return Ok(None) };
    match entry.metadata() {
        Ok(found) => Ok(Some(Stored { digest, size: found.len() })),
        // Collected since the folder was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(path: &std::path::Path, digest: &Digest) -> Result<(File, u64), BlobError> {
    match File::open(path) {
        Ok(file) => {
            let size = file.metadata().at("look at", path)?.len();
            Ok((file, size))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Refusal::not_found("blob", &digest.to_string()).into()),
        Err(error) => Ok(Err(error).at("open", path)?),
    }
}

/// The next `left` bytes of a file. While the client takes one block, a thread reads the next; nothing else is held.
fn blocks(file: File, left: u64) -> BoxStream<'static, io::Result<Bytes>> {
    let first = tokio::task::spawn_blocking(move || next_block(file, left));
    stream::try_unfold(first, |reading| async move {
        let (file, bytes, left) = reading.await.map_err(io::Error::other)??;
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some((bytes, tokio::task::spawn_blocking(move || next_block(file, left)))))
    })
    .boxed()
}

fn next_block(mut file: File, left: u64) -> io::Result<(File, Bytes, u64)> {
    let wanted = left.min(BLOCK_BYTES as u64);
    let mut block = Vec::with_capacity(BLOCK_BYTES.min(usize::try_from(wanted).unwrap_or(BLOCK_BYTES)));
    file.by_ref().take(wanted).read_to_end(&mut block)?;
    if (block.len() as u64) < wanted {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is shorter than its size was"));
    }
    Ok((file, Bytes::from(block), left - wanted))
}
