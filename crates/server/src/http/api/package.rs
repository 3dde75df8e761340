//! A version as a tar archive that is made while it is sent: the same bytes every time, in constant memory.
//!
//! Members are the files of the manifest in its order, then `.chancery/manifest.json` and `.chancery/facts.json`. These come last, so
//! that no file of a package can take their place when the archive is unpacked.

use std::io;

use bytes::Bytes;
use chancery_core::manifest::Manifest;
use chancery_core::names::{Digest, Timestamp};
use chancery_core::refusal::Refusal;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::app::AppError;
use crate::blobs::{Blobs, Part};
use crate::fault::Fault;
use crate::http::error::blob_error;

/// Size of a block of a tar archive; members are filled up to it, and two empty ones end the archive.
const BLOCK: u64 = 512;
const MODE: u32 = 0o644;

/// A member of the archive.
#[derive(Clone, Debug)]
struct Member {
    path: String,
    size: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Blob(Digest),
    Bytes(Bytes),
}

/// What goes into the archive.
#[derive(Debug)]
pub(super) struct Package {
    members: Vec<Member>,
    seconds: u64,
}

impl Package {
    /// A package of the files that `manifest` lists; every member carries the time of registration. Without the facts when they name what
    /// the caller may not read: sealed bytes are given whole or not at all.
    ///
    /// # Errors
    /// A fault when the stored manifest cannot be read.
    pub(super) fn new(manifest: Vec<u8>, facts: Option<Vec<u8>>, registered_at: Timestamp) -> Result<Self, AppError> {
        let parsed: Manifest = serde_json::from_slice(&manifest).map_err(|error| Fault::database("read a manifest", error))?;
        let files = parsed.files().iter();
        let mut members: Vec<Member> = files.map(|file| Member { path: file.path.to_string(), size: file.size, content: Content::Blob(file.digest) }).collect();
        members.push(Member::of(".chancery/manifest.json", manifest));
        members.extend(facts.map(|facts| Member::of(".chancery/facts.json", facts)));
        Ok(Self { members, seconds: u64::try_from(registered_at.micros().div_euclid(1_000_000)).unwrap_or(0) })
    }

    /// Sees that every file is there, while an answer can still say so.
    ///
    /// # Errors
    /// `not_found` names the digest of a file without bytes.
    pub(super) async fn check(&self, blobs: &Blobs) -> Result<(), AppError> {
        for member in &self.members {
            let Content::Blob(digest) = &member.content else { continue };
            if blobs.contains(digest).await? != Some(member.size) {
                return Err(Refusal::not_found("blob", &digest.to_string()).remedy("upload the file again").into());
            }
        }
        Ok(())
    }

    /// Bytes of the archive.
    ///
    /// # Errors
    /// A fault when a path cannot stand in an archive.
    pub(super) fn length(&self) -> Result<u64, AppError> {
        let mut length = 2 * BLOCK;
        for member in &self.members {
            let head = head(member, self.seconds).map_err(|error| Fault::database("write a tar header", error))?;
            length += head.len() as u64 + member.size + padding(member.size);
        }
        Ok(length)
    }

    /// The archive. An error ends the stream early, so that a short one never looks complete.
    pub(super) fn stream(self, blobs: Blobs) -> BoxStream<'static, io::Result<Bytes>> {
        let seconds = self.seconds;
        let members = stream::iter(self.members).then(move |member| {
            let blobs = blobs.clone();
            async move { send(member, seconds, &blobs).await }
        });
        members.try_flatten().chain(once(zeros(2 * BLOCK))).boxed()
    }
}

impl Member {
    fn of(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), size: bytes.len() as u64, content: Content::Bytes(Bytes::from(bytes)) }
    }
}

async fn send(member: Member, seconds: u64, blobs: &Blobs) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
    let head = head(&member, seconds)?;
    let content = match member.content {
        Content::Bytes(bytes) => once(bytes).boxed(),
        Content::Blob(digest) => {
            let download = blobs.read(&digest, Part::Whole).await.map_err(|error| io::Error::other(format!("{:?}", blob_error(error))))?;
            if download.size != member.size {
                return Err(io::Error::other("a blob has another size than the manifest says"));
            }
            download.body
        }
    };
    Ok(once(Bytes::from(head)).chain(content).chain(once(zeros(padding(member.size)))).boxed())
}

fn once(bytes: Bytes) -> stream::Once<std::future::Ready<io::Result<Bytes>>> {
    stream::once(std::future::ready(Ok(bytes)))
}

/// The header of a member; a long path takes a header of its own before it.
fn head(member: &Member, seconds: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(MODE);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    header.set_size(member.size);
    let mut builder = tar::Builder::new(Vec::new());
    // Without content: that is sent after the header, as it is read.
    builder.append_data(&mut header, &member.path, io::empty())?;
    Ok(std::mem::take(builder.get_mut()))
}

/// Zeros after a member of this size.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

fn zeros(count: u64) -> Bytes {
    static ZEROS: [u8; 2 * BLOCK as usize] = [0; 2 * BLOCK as usize];
    Bytes::from_static(&ZEROS).slice(..usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use chancery_core::manifest::ManifestFile;
    use chancery_core::names::FilePath;

    use super::*;

    #[tokio::test]
    async fn the_archive_has_every_file_and_is_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let long = format!("{}/weights.bin", "deep-folder/".repeat(20).trim_end_matches('/'));
        let given = [("a.txt", b"hello".to_vec()), (long.as_str(), vec![7; 3 * 1024 * 1024 + 1]), ("empty", Vec::new()), ("exact", vec![1; 512])];
        let mut files = Vec::new();
        for (path, bytes) in &given {
            let digest = blobs.put_bytes(bytes.clone().into()).await.unwrap();
            files.push(ManifestFile { digest, path: FilePath::parse(path).unwrap(), size: bytes.len() as u64 });
        }
        let manifest = Manifest::new(files).unwrap().payload().unwrap().bytes;
        let package = || Package::new(manifest.clone(), Some(b"{}".to_vec()), Timestamp::from_micros(1_777_809_600_999_999)).unwrap();
        package().check(&blobs).await.unwrap();
        let archive: Vec<u8> = package().stream(blobs.clone()).try_collect::<Vec<Bytes>>().await.unwrap().concat();
        let again: Vec<u8> = package().stream(blobs.clone()).try_collect::<Vec<Bytes>>().await.unwrap().concat();
        assert!(archive == again);
        assert_eq!(archive.len() as u64, package().length().unwrap());

        let mut found = Vec::new();
        for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0o644, 0, 0, 1_777_809_600));
            let path = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            found.push((path, bytes));
        }
        let mut expected: Vec<(String, Vec<u8>)> = given.map(|(path, bytes)| (path.to_owned(), bytes)).into();
        expected.sort();
        expected.push((".chancery/manifest.json".to_owned(), manifest));
        expected.push((".chancery/facts.json".to_owned(), b"{}".to_vec()));
        assert!(found == expected, "{:?}", found.iter().map(|(path, bytes)| (path, bytes.len())).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_package_without_its_bytes_is_refused_before_it_begins() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let file = ManifestFile { digest: Digest::of(b"lost"), path: FilePath::parse("lost").unwrap(), size: 4 };
        let manifest = Manifest::new(vec![file]).unwrap().payload().unwrap().bytes;
        let package = Package::new(manifest, Some(b"{}".to_vec()), Timestamp::from_micros(0)).unwrap();
        assert!(matches!(package.check(&blobs).await, Err(AppError::Refused(refusal, None)) if refusal.code == chancery_core::refusal::Code::NotFound));
        assert!(package.stream(blobs).try_collect::<Vec<Bytes>>().await.is_err());
    }
}
