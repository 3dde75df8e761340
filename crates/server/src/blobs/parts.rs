//! Parts of a file that arrive in any order, each in one request, and become one blob.
//!
//! On disk a part is `parts/up…/NUMBER`. Parts are not synced: whether one is what its sender sent is found out when it is read
//! back, so a power failure costs the client another upload and never gives wrong bytes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chancery_core::names::Digest;
use chancery_core::refusal::{Code, Refusal};
use futures_util::Stream;
use tokio::sync::mpsc::Receiver;

use super::fault::{At, BlobError, BlobFault, blocking};
use super::receive::{self, BLOCK_BYTES, Declared, Ended, Hashed, Message};
use super::{Blobs, Root, Stored, UploadId, place};

/// Largest part, in bytes (5 GiB, as S3 has it).
pub const MAX_PART_BYTES: u64 = 5 << 30;

impl Blobs {
    /// Makes room for the parts of an upload.
    pub async fn begin_parts(&self, id: &UploadId) -> Result<(), BlobFault> {
        let folder = self.inner.root.parts(id);
        blocking(move || fs::create_dir(&folder).at("make folder", &folder)).await?
    }

    /// Stores one part, in the place of the one that was there; gives its digest and size.
    ///
    /// Refuses a part when its upload is gone, or that breaks off, is not of `size` bytes, or is over 5 GiB; nothing of it is kept then.
    pub async fn put_part<E>(&self, id: &UploadId, number: u64, size: Option<u64>, body: impl Stream<Item = Result<Bytes, E>>) -> Result<Stored, BlobError> {
        let declared = Declared { size, digest: None, limit: MAX_PART_BYTES.min(self.inner.limits.blob_bytes) };
        if size.is_some_and(|size| size > declared.limit) {
            return Err(Refusal::new(Code::TooLarge, &format!("the part is over the limit of {} bytes", declared.limit)).into());
        }
        let permit = self.running()?;
        let (path, target, id) = (place::temporary(&self.inner.root)?, self.inner.root.part(id, number), id.clone());
        let (sender, receiver) = receive::channel();
        let thread = blocking(move || {
            let _permit = permit;
            let stored = receive_part(&path, &target, &id, &declared, receiver);
            if stored.is_err() {
                // A crash before this, or an error of it, leaves a file that the next start removes.
                let _ = place::remove(&path);
            }
            stored
        });
        let ((), stored) = tokio::join!(receive::pump(body, sender, self.inner.limits.silence), thread);
        stored?
    }

    /// Reads the parts back in this order, each with the digest that its sender was told, and makes one blob of them. They stay.
    ///
    /// Refuses a part that is missing or is not what its digest says, and a file over the limit.
    pub async fn join_parts(&self, id: &UploadId, parts: Vec<(u64, Digest)>) -> Result<Stored, BlobError> {
        let permit = self.running()?;
        let (root, id, limit) = (self.inner.root.clone(), id.clone(), self.inner.limits.blob_bytes);
        let path = place::temporary(&root)?;
        blocking(move || {
            let _permit = permit;
            let stored = join(&root, &path, &id, &parts, limit);
            if stored.is_err() {
                // As above.
                let _ = place::remove(&path);
            }
            stored
        })
        .await?
    }

    /// Removes an upload's parts; that there are none is fine. A part that still arrives is refused.
    pub async fn drop_parts(&self, id: &UploadId) -> Result<(), BlobFault> {
        let folder = self.inner.root.parts(id);
        blocking(move || {
            // Renamed first, so that nothing can be put into it while it is removed. Crash between: asked again, both names go.
            let gone = folder.with_extension("gone");
            remove_folder(&gone)?;
            match fs::rename(&folder, &gone) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                renamed => renamed.at("rename", &folder).and_then(|()| remove_folder(&gone)),
            }
        })
        .await?
    }
}

fn remove_folder(path: &Path) -> Result<(), BlobFault> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", path),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Root {
    fn parts(&self, id: &UploadId) -> PathBuf {
        self.all_parts().join(id.as_str())
    }

    fn part(&self, id: &UploadId, number: u64) -> PathBuf {
        self.parts(id).join(number.to_string())
    }
}

fn receive_part(path: &Path, target: &Path, id: &UploadId, declared: &Declared, receiver: Receiver<Message>) -> Result<Stored, BlobError> {
    File::create_new(path).at("make", path)?;
    let mut hashed = Hashed::default();
    match receive::write(path, &mut hashed, declared, receiver)? {
        Ended::BrokenOff => return Err(receive::broken_off(hashed.length).remedy("send the whole part again").into()),
        Ended::Complete => declared.check_size(hashed.length)?,
    }
    // The commit of a part. Crash before: the one that was there, or none. Crash after: this one, or after a power failure some
    // of its bytes, which shows when it is read back.
    match fs::rename(path, target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Refusal::not_found("upload", id.as_str()).into()),
        renamed => {
            renamed.at("place", target)?;
            Ok(Stored { digest: hashed.digest(), size: hashed.length })
        }
    }
}

fn join(root: &Root, path: &Path, id: &UploadId, parts: &[(u64, Digest)], limit: u64) -> Result<Stored, BlobError> {
    let mut file = File::create_new(path).at("make", path)?;
    let mut whole = Hashed::default();
    for (number, expected) in parts {
        let part = copy(&root.part(id, *number), &mut file, path, &mut whole, limit)?;
        match part {
            None => return Err(Refusal::invalid("parts", &format!("part {number} was not uploaded")).into()),
            Some(actual) if actual == *expected => {}
            Some(_) => return Err(Refusal::invalid("parts", &format!("part {number} is not the one with this ETag")).remedy("upload the part again").into()),
        }
    }
    let stored = Stored { digest: whole.digest(), size: whole.length };
    place::sync_bytes(path)?;
    place::place(root, path, stored)?;
    Ok(stored)
}

/// Appends a part to a file; gives the digest of the part, or nothing when there is no such part.
fn copy(part: &Path, file: &mut File, path: &Path, whole: &mut Hashed, limit: u64) -> Result<Option<Digest>, BlobError> {
    let mut source = match File::open(part) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.at("open", part)?,
    };
    let (mut hashed, mut block) = (Hashed::default(), vec![0; BLOCK_BYTES]);
    loop {
        let count = source.read(&mut block).at("read", part)?;
        let Some(bytes) = block.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(Some(hashed.digest())) };
        if whole.length.saturating_add(bytes.len() as u64) > limit {
            return Err(Refusal::new(Code::TooLarge, &format!("the file is over the limit of {limit} bytes")).into());
        }
        file.write_all(bytes).at("write", path)?;
        hashed.add(bytes);
        whole.add(bytes);
    }
}
