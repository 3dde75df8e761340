//! Uploads in steps: interrupted, restarted, contended, wrong.

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use bytes::Bytes;
use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::Code;
use futures_util::{StreamExt, stream};

use super::tests::{body, broken, code, incoming, path_of, store};
use super::*;

const DAY: i64 = 86_400;

fn actor() -> ActorId {
    ActorId::parse("system").unwrap()
}

fn stranger() -> ActorId {
    ActorId::parse(&format!("u{}", "0".repeat(32))).unwrap()
}

fn id(number: u8) -> UploadId {
    UploadId::from_bytes([number; 16])
}

fn new(number: u8, size: Option<u64>, content: Option<&str>) -> NewUpload {
    let digest = content.map(|content| Digest::of(content.as_bytes()));
    NewUpload { id: id(number), size, digest, actor: actor(), now: Timestamp::from_micros(0).plus_seconds(i64::from(number) * DAY) }
}

#[test]
fn identifiers_are_strict() {
    let good = format!("up{}", "0a".repeat(16));
    assert_eq!(UploadId::parse(&good).unwrap().as_str(), good);
    let bad = [
        String::new(),
        "up".to_owned(),
        "../../../etc/passwd".to_owned(),
        format!("up{}", "0A".repeat(16)),
        format!("up{}", "0a".repeat(17)),
        format!("up{}", "0g".repeat(16)),
        format!("put{}", "0a".repeat(16)),
        format!("up/{}a", "0a".repeat(15)),
        format!("up../{}", "0".repeat(29)),
        format!("up..{}", "0".repeat(30)),
        format!("{good}.json"),
        format!("{good}\0"),
        format!("{good}\n"),
        format!("up{}é", "0".repeat(30)),
        format!(" {good}"),
    ];
    for text in bad {
        assert_eq!(UploadId::parse(&text).unwrap_err().code, Code::InvalidField, "{text:?}");
    }
}

#[tokio::test]
async fn an_upload_goes_on_after_its_client_vanished() {
    let (folder, blobs) = store();
    blobs.create(new(1, Some(11), Some("hello world"))).await.unwrap();
    assert_eq!(code(blobs.append(&id(1), &actor(), 0, broken(&["hel", "lo"])).await), Code::InvalidField);
    assert_eq!(blobs.offset(&id(1), &actor()).await.unwrap(), 5);
    assert_eq!(code(blobs.complete(&id(1), &actor()).await), Code::OffsetMismatch);

    // The whole request is dropped, as a server does when the connection closes.
    let endless = body(&[" wo"]).chain(stream::pending());
    assert!(tokio::time::timeout(Duration::from_millis(200), blobs.append(&id(1), &actor(), 5, endless)).await.is_err());
    assert_eq!(blobs.offset(&id(1), &actor()).await.unwrap(), 8);

    assert_eq!(blobs.append(&id(1), &actor(), 8, body(&["rld"])).await.unwrap(), 11);
    let stored = Stored { digest: Digest::of(b"hello world"), size: 11 };
    assert_eq!(blobs.complete(&id(1), &actor()).await.unwrap(), stored);
    assert_eq!(blobs.complete(&id(1), &actor()).await.unwrap(), stored);
    assert_eq!(blobs.offset(&id(1), &actor()).await.unwrap(), 11);
    assert_eq!(code(blobs.append(&id(1), &actor(), 11, body(&["x"])).await), Code::OffsetMismatch);
    assert_eq!(blobs.read_all(&stored.digest, 11).await.unwrap(), b"hello world");
    assert_eq!(incoming(folder.path()), [format!("{}.json", id(1))]);
}

#[tokio::test]
async fn an_upload_survives_a_restart_between_appends_and_after() {
    let (folder, blobs) = store();
    blobs.create(new(1, None, Some("hello world"))).await.unwrap();
    blobs.append(&id(1), &actor(), 0, body(&["hello"])).await.unwrap();
    drop(blobs);

    let blobs = Blobs::open(folder.path()).unwrap();
    assert_eq!(code(blobs.create(new(1, None, None)).await), Code::AlreadyExists);
    assert_eq!(blobs.offset(&id(1), &actor()).await.unwrap(), 5);
    assert_eq!(code(blobs.append(&id(1), &actor(), 0, body(&["hello"])).await), Code::OffsetMismatch);
    blobs.append(&id(1), &actor(), 5, body(&[" world"])).await.unwrap();
    drop(blobs);

    let blobs = Blobs::open(folder.path()).unwrap();
    let stored = blobs.complete(&id(1), &actor()).await.unwrap();
    assert_eq!(stored.digest, Digest::of(b"hello world"));
    drop(blobs);

    let blobs = Blobs::open(folder.path()).unwrap();
    assert_eq!(blobs.complete(&id(1), &actor()).await.unwrap(), stored);
    assert_eq!(code(blobs.complete(&id(1), &stranger()).await), Code::NotFound);
    assert_eq!(code(blobs.create(new(1, None, None)).await), Code::AlreadyExists);
}

#[tokio::test]
async fn a_start_tidies_what_a_crash_left() {
    let (folder, blobs) = store();
    for number in 1..=5 {
        blobs.create(new(number, None, None)).await.unwrap();
        blobs.append(&id(number), &actor(), 0, body(&["bytes"])).await.unwrap();
    }
    let stored = blobs.complete(&id(1), &actor()).await.unwrap();
    drop(blobs);
    let at = |name: String| folder.path().join("incoming").join(name);
    // 1: sealed, not yet renamed. 2: sidecar gone. 3: bytes gone. 4: damaged sidecar. 5: sidecar being rewritten.
    let blob = path_of(folder.path(), &stored.digest);
    fs::rename(&blob, at(id(1).to_string())).unwrap();
    fs::remove_file(at(format!("{}.json", id(2)))).unwrap();
    fs::remove_file(at(id(3).to_string())).unwrap();
    fs::write(at(format!("{}.json", id(4))), "{}").unwrap();
    fs::write(at(format!("{}.json.new", id(5))), "{").unwrap();
    fs::write(at("put00".to_owned()), "left over").unwrap();

    let blobs = Blobs::open(folder.path()).unwrap();
    assert_eq!(incoming(folder.path()), [format!("{}.json", id(1)), id(5).to_string(), format!("{}.json", id(5))]);
    assert_eq!(blobs.complete(&id(1), &actor()).await.unwrap(), stored);
    assert_eq!(blobs.verify(&stored.digest).await.unwrap(), Fixity::Intact { size: 5 });
    for number in 2..=4 {
        assert_eq!(code(blobs.offset(&id(number), &actor()).await), Code::NotFound, "{number}");
    }
    assert_eq!(blobs.offset(&id(5), &actor()).await.unwrap(), 5);
}

#[tokio::test]
async fn a_wrong_offset_names_the_right_one() {
    let (_folder, blobs) = store();
    blobs.create(new(1, None, None)).await.unwrap();
    blobs.append(&id(1), &actor(), 0, body(&["abc"])).await.unwrap();
    for offset in [0, 2, 4, u64::MAX] {
        let Err(BlobError::Refused(refusal)) = blobs.append(&id(1), &actor(), offset, body(&["x"])).await else { panic!("accepted {offset}") };
        assert_eq!(refusal.code, Code::OffsetMismatch);
        assert_eq!(refusal.remedy.as_deref(), Some("send the bytes from offset 3"));
    }
    assert_eq!(blobs.offset(&id(1), &actor()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let (_folder, blobs) = store();
    blobs.create(new(1, None, None)).await.unwrap();
    let silent = stream::pending::<Result<Bytes, Infallible>>();
    let answer = tokio::time::timeout(Duration::from_secs(10), blobs.append(&id(1), &actor(), 7, silent)).await.unwrap();
    assert_eq!(code(answer), Code::OffsetMismatch);
}

#[tokio::test]
async fn a_silent_client_loses_its_place_but_not_its_bytes() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open_with(folder.path(), Limits { silence: Duration::from_millis(100), ..Limits::default() }, None).unwrap();
    blobs.create(new(1, None, None)).await.unwrap();
    let silent = body(&["abc"]).chain(stream::pending());
    let answer = tokio::time::timeout(Duration::from_secs(10), blobs.append(&id(1), &actor(), 0, silent)).await.unwrap();
    assert_eq!(code(answer), Code::InvalidField);
    assert_eq!(blobs.append(&id(1), &actor(), 3, body(&["def"])).await.unwrap(), 6);
}

#[tokio::test]
async fn a_body_that_goes_too_far_is_not_kept() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open_with(folder.path(), Limits { blob_bytes: 10, ..Limits::default() }, None).unwrap();
    assert_eq!(code(blobs.create(new(1, Some(11), None)).await), Code::TooLarge);
    for (number, size, rest) in [(1, Some(8), "efgh"), (2, None, "e")] {
        blobs.create(new(number, size, None)).await.unwrap();
        blobs.append(&id(number), &actor(), 0, body(&["abcd"])).await.unwrap();
        assert_eq!(code(blobs.append(&id(number), &actor(), 4, body(&["xyz", "ghijklm"])).await), Code::TooLarge);
        assert_eq!(blobs.offset(&id(number), &actor()).await.unwrap(), 4);
        blobs.append(&id(number), &actor(), 4, body(&[rest])).await.unwrap();
        let stored = blobs.complete(&id(number), &actor()).await.unwrap();
        assert_eq!(blobs.read_all(&stored.digest, 10).await.unwrap(), format!("abcd{rest}").as_bytes());
    }
}

#[tokio::test]
async fn another_digest_than_declared_discards_the_upload() {
    let (folder, blobs) = store();
    blobs.create(new(1, Some(4), Some("good"))).await.unwrap();
    blobs.append(&id(1), &actor(), 0, body(&["evil"])).await.unwrap();
    assert_eq!(code(blobs.complete(&id(1), &actor()).await), Code::DigestMismatch);
    assert_eq!(code(blobs.offset(&id(1), &actor()).await), Code::NotFound);
    assert!(incoming(folder.path()).is_empty());
    assert_eq!(blobs.list().count(), 0);
    blobs.create(new(1, Some(4), Some("good"))).await.unwrap();
}

#[tokio::test]
async fn one_append_at_a_time() {
    let (_folder, blobs) = store();
    blobs.create(new(1, None, None)).await.unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let slow = stream::poll_fn(move |context| receiver.poll_recv(context).map(|chunk| chunk.map(Ok::<_, Infallible>)));
    let first = tokio::spawn({
        let blobs = blobs.clone();
        async move { blobs.append(&id(1), &actor(), 0, slow).await }
    });
    sender.send(Bytes::from_static(b"one")).await.unwrap();
    // The second send is taken only after the first chunk was: the first append runs by now.
    sender.send(Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(code(blobs.append(&id(1), &actor(), 0, body(&["x"])).await), Code::Contended);
    assert_eq!(blobs.expire(Timestamp::from_micros(i64::MAX)).await.unwrap(), 0);
    drop(sender);
    assert_eq!(first.await.unwrap().unwrap(), 6);
    assert_eq!(blobs.complete(&id(1), &actor()).await.unwrap().digest, Digest::of(b"onetwo"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_completes_agree() {
    let (folder, blobs) = store();
    let content = "the same content ".repeat(1000);
    for number in 0..16 {
        blobs.create(new(number, None, Some(&content))).await.unwrap();
        let chunk = stream::iter([Ok::<_, Infallible>(Bytes::from(content.clone()))]);
        blobs.append(&id(number), &actor(), 0, chunk).await.unwrap();
    }
    // Each upload twice: different uploads of one content, and one upload completed by two requests.
    let tasks: Vec<_> = (0..32_u8)
        .map(|number| {
            let blobs = blobs.clone();
            tokio::spawn(async move { blobs.complete(&id(number % 16), &actor()).await })
        })
        .collect();
    let stored = Stored { digest: Digest::of(content.as_bytes()), size: content.len() as u64 };
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), stored);
    }
    assert_eq!(blobs.verify(&stored.digest).await.unwrap(), Fixity::Intact { size: stored.size });
    assert!(incoming(folder.path()).iter().all(|name| name.ends_with(".json")));
}

#[tokio::test]
async fn an_upload_is_its_actors_alone() {
    let (_folder, blobs) = store();
    blobs.create(new(1, None, None)).await.unwrap();
    assert_eq!(code(blobs.append(&id(1), &stranger(), 0, body(&["x"])).await), Code::NotFound);
    assert_eq!(code(blobs.offset(&id(1), &stranger()).await), Code::NotFound);
    assert_eq!(code(blobs.complete(&id(1), &stranger()).await), Code::NotFound);
    assert_eq!(code(blobs.cancel(&id(1), &stranger()).await), Code::NotFound);
    assert_eq!(blobs.offset(&id(1), &actor()).await.unwrap(), 0);
}

#[tokio::test]
async fn open_uploads_are_limited_per_actor() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open_with(folder.path(), Limits { open_uploads: 2, ..Limits::default() }, None).unwrap();
    blobs.create(new(1, None, None)).await.unwrap();
    blobs.create(new(2, None, None)).await.unwrap();
    assert_eq!(code(blobs.create(new(3, None, None)).await), Code::TooLarge);
    blobs.create(NewUpload { actor: stranger(), ..new(4, None, None) }).await.unwrap();
    blobs.cancel(&id(1), &actor()).await.unwrap();
    blobs.create(new(3, None, None)).await.unwrap();
    blobs.complete(&id(3), &actor()).await.unwrap();
    blobs.create(new(5, None, None)).await.unwrap();
    assert_eq!(code(blobs.create(new(6, None, None)).await), Code::TooLarge);
}

#[tokio::test]
async fn old_uploads_expire() {
    let (folder, blobs) = store();
    for number in 1..=4 {
        blobs.create(new(number, None, None)).await.unwrap();
    }
    let stored = blobs.complete(&id(1), &actor()).await.unwrap();
    assert_eq!(blobs.expire(Timestamp::from_micros(0).plus_seconds(3 * DAY)).await.unwrap(), 2);
    assert_eq!(code(blobs.offset(&id(2), &actor()).await), Code::NotFound);
    assert_eq!(blobs.offset(&id(3), &actor()).await.unwrap(), 0);
    assert_eq!(blobs.contains(&stored.digest).await.unwrap(), Some(0));
    assert_eq!(incoming(folder.path()).len(), 4);
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    pages * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_file() {
    let (_folder, blobs) = store();
    // 2 GiB under `make soak`.
    let size = if std::env::var_os("CHANCERY_SOAK").is_some() { 2 << 30 } else { 256 << 20 };
    blobs.create(new(1, Some(size), None)).await.unwrap();
    let before = resident();
    let chunks = stream::iter((0..size / (256 << 10)).map(|number| Ok::<_, Infallible>(Bytes::from(vec![number as u8; 256 << 10]))));
    assert_eq!(blobs.append(&id(1), &actor(), 0, chunks).await.unwrap(), size);
    let written = resident();
    let stored = blobs.complete(&id(1), &actor()).await.unwrap();
    let mut download = blobs.read(&stored.digest, Part::Whole).await.unwrap();
    let mut received = 0;
    while let Some(block) = download.body.next().await {
        received += block.unwrap().len() as u64;
    }
    assert_eq!(received, size);
    let grown = [written, resident()].map(|now| now.saturating_sub(before) >> 20);
    // Other tests run in this process; half of the small file is far from holding it.
    assert!(grown.iter().all(|mebibytes| *mebibytes < 128), "grew by {grown:?} MiB");
    println!("{} MiB up and down: resident memory grew by {grown:?} MiB", size >> 20);
}
