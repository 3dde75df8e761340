//! A body from the network into a file: the async side sends chunks, one blocking thread hashes and writes them.
//!
//! The channel holds few chunks, so memory is constant and a slow disk slows the sender down.
//! INVARIANT: the end of a body is a message. A closed channel means that the client went away, never "complete".

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chancery_core::names::Digest;
use chancery_core::refusal::{Code, Refusal};
use futures_util::{Stream, StreamExt};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::fault::{At, BlobError, BlobFault};
use super::{Root, Stored, place};

/// Chunks that wait for the disk; hyper's are 60 to 400 KB.
const WAITING_CHUNKS: usize = 4;
/// Block for reading a file back.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// What the caller said about the bytes, and the limit of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub(super) size: Option<u64>,
    pub(super) digest: Option<Digest>,
    pub(super) limit: u64,
}

impl Declared {
    /// Refuses to grow past the declared size or the limit.
    fn check_growth(&self, length: u64) -> Result<(), Refusal> {
        match self.size {
            Some(size) if length > size => {
                Err(Refusal::new(Code::TooLarge, &format!("the body goes past the declared size of {size} bytes"))
                    .remedy("declare the real size in a new upload"))
            }
            None if length > self.limit => Err(Refusal::new(Code::TooLarge, &format!("the file is over the limit of {} bytes", self.limit))),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses when bytes are missing.
    pub(super) fn check_size(&self, length: u64) -> Result<(), Refusal> {
        match self.size {
            Some(size) if length != size => Err(Refusal::new(Code::OffsetMismatch, &format!("the upload has {length} of {size} declared bytes"))
                .remedy(&format!("send the rest from offset {length}"))),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses when the bytes are others than declared.
    pub(super) fn check_digest(&self, actual: Digest) -> Result<(), Refusal> {
        match self.digest {
            Some(digest) if digest != actual => {
                Err(Refusal::new(Code::DigestMismatch, &format!("the bytes have the digest `{actual}`, declared was `{digest}`"))
                    .field("digest")
                    .remedy("nothing was kept; upload the file again"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Bytes of a file that were hashed so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashed {
    hasher: Sha256,
    pub(super) length: u64,
}

impl Hashed {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Digest of the bytes so far.
    pub(super) fn digest(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Hashes a file from its start to its end.
    pub(super) fn of_file(path: &Path) -> Result<Self, BlobFault> {
        let mut file = File::open(path).at("open", path)?;
        let (mut hashed, mut block) = (Self::default(), vec![0; BLOCK_BYTES]);
        loop {
            let count = file.read(&mut block).at("read", path)?;
            match block.get(..count) {
                Some([]) | None => return Ok(hashed),
                Some(bytes) => hashed.add(bytes),
            }
        }
    }
}

/// What goes from the request to the thread.
pub(super) enum Message {
    Chunk(Bytes),
    End,
}

/// How a body ended.
pub(super) enum Ended {
    Complete,
    BrokenOff,
}

pub(super) fn channel() -> (mpsc::Sender<Message>, mpsc::Receiver<Message>) {
    mpsc::channel(WAITING_CHUNKS)
}

/// Sends the body until it ends, breaks off, is silent for too long, or the thread has stopped (its result says why).
pub(super) async fn pump<E>(body: impl Stream<Item = Result<Bytes, E>>, sender: mpsc::Sender<Message>, silence: Duration) {
    let mut body = pin!(body);
    loop {
        let next = tokio::select! {
            // A refusal must not wait for bytes that nobody wants any more.
            () = sender.closed() => return,
            next = tokio::time::timeout(silence, body.next()) => next,
        };
        let message = match next {
            Ok(Some(Ok(chunk))) => Message::Chunk(chunk),
            Ok(None) => Message::End,
            Ok(Some(Err(_))) | Err(_) => return,
        };
        let last = matches!(message, Message::End);
        if sender.send(message).await.is_err() || last {
            return;
        }
    }
}

/// Writes what arrives, not yet synced, at the end of `hashed.length` bytes of `path`. Whatever it returns, `hashed` covers the bytes that
/// were wholly written.
pub(super) fn write(path: &Path, hashed: &mut Hashed, declared: &Declared, mut receiver: mpsc::Receiver<Message>) -> Result<Ended, BlobError> {
    let mut file = File::options().write(true).open(path).at("open", path)?;
    file.seek(SeekFrom::Start(hashed.length)).at("seek in", path)?;
    loop {
        match receiver.blocking_recv() {
            None => return Ok(Ended::BrokenOff),
            Some(Message::Chunk(chunk)) => {
                declared.check_growth(hashed.length.saturating_add(chunk.len() as u64))?;
                file.write_all(&chunk).at("write", path)?;
                hashed.add(&chunk);
            }
            Some(Message::End) => return Ok(Ended::Complete),
        }
    }
}

/// Receives one whole body into a blob. Whatever fails, nothing stays.
pub(super) fn whole(root: &Root, path: &Path, declared: Declared, receiver: mpsc::Receiver<Message>) -> Result<Stored, BlobError> {
    let stored = receive_whole(root, path, declared, receiver);
    if stored.is_err() {
        // A crash before this, or an error of it, leaves a file that no sidecar names: the next start removes it.
        let _ = place::remove(path);
    }
    stored
}

fn receive_whole(root: &Root, path: &Path, declared: Declared, receiver: mpsc::Receiver<Message>) -> Result<Stored, BlobError> {
    File::create_new(path).at("make", path)?;
    let mut hashed = Hashed::default();
    match write(path, &mut hashed, &declared, receiver)? {
        Ended::BrokenOff => return Err(broken_off(hashed.length).remedy("send the whole file again").into()),
        Ended::Complete => {}
    }
    let stored = Stored { digest: hashed.digest(), size: hashed.length };
    declared.check_size(stored.size)?;
    declared.check_digest(stored.digest)?;
    place::sync_bytes(path)?;
    place::place(root, path, stored)?;
    Ok(stored)
}

/// Stores bytes that are in memory.
pub(super) fn bytes(root: &Root, path: &Path, bytes: &[u8]) -> Result<Digest, BlobFault> {
    let stored = Stored { digest: Digest::of(bytes), size: bytes.len() as u64 };
    if place::size_of(&root.blob(&stored.digest))? == Some(stored.size) {
        // Who renamed it may not have synced the folder yet; our caller must be able to rely on it.
        place::sync_folder(&root.shard(&stored.digest))?;
        return Ok(stored.digest);
    }
    let written = std::fs::write(path, bytes).at("write", path).and_then(|()| place::sync_bytes(path)).and_then(|()| place::place(root, path, stored));
    if written.is_err() {
        // As in `whole`.
        let _ = place::remove(path);
    }
    written.map(|()| stored.digest)
}

pub(super) fn broken_off(length: u64) -> Refusal {
    Refusal::invalid("body", &format!("the body broke off; {length} bytes had arrived"))
}
