//! Blobs in one step, reading and fixity.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use chancery_core::names::Digest;
use chancery_core::refusal::Code;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tempfile::TempDir;

use super::*;

/// A body of these chunks that ends well.
pub(super) fn body(chunks: &[&'static str]) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect::<Vec<_>>())
}

/// A body of these chunks whose client then goes away.
pub(super) fn broken(chunks: &[&'static str]) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
    stream::iter(chunks).chain(stream::iter([Err(io::ErrorKind::ConnectionReset.into())]))
}

pub(super) fn store() -> (TempDir, Blobs) {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    (folder, blobs)
}

pub(super) fn code<T: std::fmt::Debug>(result: Result<T, BlobError>) -> Code {
    match result {
        Err(BlobError::Refused(refusal)) => refusal.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub(super) fn incoming(root: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(root.join("incoming")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(super) fn path_of(root: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    root.join("sha256").join(name.chars().take(2).collect::<String>()).join(&name)
}

async fn collect(download: Download) -> io::Result<Vec<u8>> {
    download
        .body
        .try_fold(Vec::new(), |mut all, block| async move {
            all.extend_from_slice(&block);
            Ok(all)
        })
        .await
}

#[tokio::test]
async fn put_stores_what_was_declared_and_nothing_else() {
    let (folder, blobs) = store();
    let digest = Digest::of(b"weights");
    let stored = blobs.put(Some(digest), Some(7), body(&["wei", "", "ghts"])).await.unwrap();
    assert_eq!(stored, Stored { digest, size: 7 });
    assert_eq!(fs::metadata(path_of(folder.path(), &digest)).unwrap().permissions().mode() & 0o777, 0o444);

    let other = Digest::of(b"other");
    assert_eq!(code(blobs.put(Some(other), None, body(&["weights!"])).await), Code::DigestMismatch);
    assert_eq!(code(blobs.put(None, Some(3), body(&["four"])).await), Code::TooLarge);
    assert_eq!(code(blobs.put(None, Some(5), body(&["four"])).await), Code::OffsetMismatch);
    assert_eq!(code(blobs.put(None, Some(4), broken(&["four"])).await), Code::InvalidField);
    assert_eq!(code(blobs.put(None, Some(MAX_BLOB_BYTES + 1), body(&[])).await), Code::TooLarge);
    assert!(incoming(folder.path()).is_empty());
    assert_eq!(blobs.list().collect::<Result<Vec<_>, _>>().unwrap(), [stored]);
}

#[tokio::test]
async fn a_request_that_is_dropped_leaves_nothing() {
    let (folder, blobs) = store();
    let endless = body(&["half"]).chain(stream::pending());
    let waited = tokio::time::timeout(std::time::Duration::from_millis(200), blobs.put(None, None, endless)).await;
    assert!(waited.is_err());
    for _ in 0..100 {
        if incoming(folder.path()).is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(incoming(folder.path()).is_empty());
    assert_eq!(blobs.list().count(), 0);
}

#[tokio::test]
async fn the_same_content_is_stored_once() {
    let (folder, blobs) = store();
    let digest = blobs.put_bytes(Bytes::from_static(b"same")).await.unwrap();
    assert_eq!(blobs.put_bytes(Bytes::from_static(b"same")).await.unwrap(), digest);
    let again = futures_util::future::join_all((0..8).map(|_| blobs.put(None, None, body(&["same"])))).await;
    assert!(again.into_iter().all(|stored| stored.unwrap() == Stored { digest, size: 4 }));
    assert_eq!(blobs.list().count(), 1);
    assert!(incoming(folder.path()).is_empty());
}

#[tokio::test]
async fn a_truncated_blob_is_replaced_by_a_new_upload() {
    let (folder, blobs) = store();
    let digest = blobs.put_bytes(Bytes::from_static(b"whole")).await.unwrap();
    fs::remove_file(path_of(folder.path(), &digest)).unwrap();
    fs::write(path_of(folder.path(), &digest), "who").unwrap();
    blobs.put(None, None, body(&["whole"])).await.unwrap();
    assert_eq!(blobs.verify(&digest).await.unwrap(), Fixity::Intact { size: 5 });
}

#[tokio::test]
async fn parts_are_read_across_blocks() {
    let (_folder, blobs) = store();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let digest = blobs.put_bytes(Bytes::from(bytes.clone())).await.unwrap();
    let size = bytes.len() as u64;
    assert_eq!(blobs.contains(&digest).await.unwrap(), Some(size));
    for (part, range) in [
        (Part::Whole, 0..size),
        (Part::Bytes(0..1), 0..1),
        (Part::Bytes(1_048_575..1_048_577), 1_048_575..1_048_577),
        (Part::Bytes(0..1_048_576), 0..1_048_576),
        (Part::Bytes(7..size), 7..size),
        (Part::Bytes(size - 1..size), size - 1..size),
    ] {
        let download = blobs.read(&digest, part).await.unwrap();
        assert_eq!((download.size, &download.range), (size, &range));
        assert_eq!(collect(download).await.unwrap(), &bytes[range.start as usize..range.end as usize]);
    }
    for range in [size..size + 1, 0..size + 1, 5..5] {
        assert_eq!(code(blobs.read(&digest, Part::Bytes(range)).await.map(|download| download.size)), Code::InvalidField);
    }
    assert_eq!(blobs.read_all(&digest, size).await.unwrap(), bytes);
    assert_eq!(code(blobs.read_all(&digest, size - 1).await), Code::TooLarge);
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let (_folder, blobs) = store();
    let stored = blobs.put(None, Some(0), body(&[])).await.unwrap();
    assert_eq!(stored, Stored { digest: Digest::of(b""), size: 0 });
    assert_eq!(collect(blobs.read(&stored.digest, Part::Whole).await.unwrap()).await.unwrap(), b"");
}

#[tokio::test]
async fn missing_and_corrupt_blobs_are_found() {
    let (folder, blobs) = store();
    let missing = Digest::of(b"never stored");
    assert_eq!(blobs.contains(&missing).await.unwrap(), None);
    assert_eq!(blobs.verify(&missing).await.unwrap(), Fixity::Missing);
    assert_eq!(code(blobs.read(&missing, Part::Whole).await.map(|download| download.size)), Code::NotFound);

    let digest = blobs.put_bytes(Bytes::from_static(b"good")).await.unwrap();
    assert_eq!(blobs.verify(&digest).await.unwrap(), Fixity::Intact { size: 4 });
    let path = path_of(folder.path(), &digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "evil").unwrap();
    let actual = Digest::of(b"evil");
    assert_eq!(blobs.verify(&digest).await.unwrap(), Fixity::Corrupt { actual });
    let fault = blobs.read_all(&digest, 10).await.unwrap_err();
    assert!(matches!(fault, BlobError::Fault(BlobFault::Corrupt { expected, actual: found }) if expected == digest && found == actual));
}

#[tokio::test]
async fn a_file_that_shrinks_during_a_download_ends_in_an_error() {
    let (folder, blobs) = store();
    let digest = blobs.put_bytes(Bytes::from(vec![7; 4 << 20])).await.unwrap();
    let download = blobs.read(&digest, Part::Whole).await.unwrap();
    let path = path_of(folder.path(), &digest);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    assert_eq!(collect(download).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn foreign_files_are_not_blobs() {
    let (folder, blobs) = store();
    fs::write(folder.path().join("sha256/ab/notes.txt"), "x").unwrap();
    fs::create_dir(folder.path().join("incoming/folder")).unwrap();
    fs::write(folder.path().join("incoming/put0"), "left over").unwrap();
    assert_eq!(blobs.list().count(), 0);
    // While this store is open a second one (the command line) must not tidy.
    drop(Blobs::open(folder.path()).unwrap());
    assert_eq!(incoming(folder.path()), ["folder", "put0"]);
    drop(blobs);
    drop(Blobs::open(folder.path()).unwrap());
    assert_eq!(incoming(folder.path()), ["folder"]);
}

/// A file system of 1 MiB, unmounted when dropped.
struct Small(TempDir);

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// None where mounting is not allowed.
fn small() -> Option<Small> {
    let folder = TempDir::new().unwrap();
    // 256 shards of a page each fit in a tmpfs without using its size, which counts data only.
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m,nr_inodes=2000", "tmpfs"]).arg(folder.path()).status();
    mounted.is_ok_and(|status| status.success()).then(|| Small(folder))
}

#[tokio::test]
async fn a_full_disk_is_a_clear_fault_and_leaves_nothing_half_visible() {
    let Some(disk) = small() else {
        eprintln!("not run: this account may not mount a tmpfs");
        return;
    };
    let blobs = Blobs::open(disk.0.path()).unwrap();
    let chunk = || Ok::<_, Infallible>(Bytes::from(vec![1; 300_000]));
    let full = |error: &BlobError| matches!(error, BlobError::Fault(BlobFault::Full { .. }));

    let error = blobs.put(None, None, stream::iter((0..5).map(|_| chunk()))).await.unwrap_err();
    assert!(full(&error), "{error:?}");
    assert!(error.to_string().starts_with("the disk is full"), "{error}");
    assert!(matches!(blobs.put_bytes(Bytes::from(vec![1; 2 << 20])).await, Err(BlobFault::Full { .. })));
    assert!(incoming(disk.0.path()).is_empty());
    assert_eq!(blobs.list().count(), 0);

    // An upload in steps keeps what fitted and goes on when there is room again.
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![0; 500_000]).unwrap();
    let (id, actor) = (UploadId::from_bytes([1; 16]), chancery_core::names::ActorId::parse("system").unwrap());
    let now = chancery_core::names::Timestamp::from_micros(1);
    let content = Bytes::from((0..900_000_u32).map(|number| (number % 253) as u8).collect::<Vec<_>>());
    let size = content.len();
    blobs.create(NewUpload { id: id.clone(), size: Some(size as u64), digest: Some(Digest::of(&content)), actor: actor.clone(), now }).await.unwrap();
    let whole = stream::iter([Ok::<_, Infallible>(content.slice(..300_000)), Ok(content.slice(300_000..))]);
    let error = blobs.append(&id, &actor, 0, whole).await.unwrap_err();
    assert!(full(&error), "{error:?}");
    let offset = usize::try_from(blobs.offset(&id, &actor).await.unwrap()).unwrap();
    assert!((300_000..size).contains(&offset), "{offset}");
    fs::remove_file(&filler).unwrap();
    let rest = stream::iter([Ok::<_, Infallible>(content.slice(offset..))]);
    assert_eq!(blobs.append(&id, &actor, offset as u64, rest).await.unwrap(), size as u64);
    assert_eq!(blobs.complete(&id, &actor).await.unwrap().digest, Digest::of(&content));
}
