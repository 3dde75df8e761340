//! Every way to tamper with a registry, and what verification says of it.

use chancery_core::ledger::merkle::leaf_hash;
use chancery_core::names::Digest;
use chancery_core::rows::{Class, Kind};
use chancery_core::tables;

use super::{Area, Mode, Report, Verdict};
use crate::blobs::Blobs;
use crate::ledger::rebuild::rebuild;
use crate::ledger::testing::{Registry, tags};

/// 612 entries: two full tiles and an edge, checkpoints at 100, 312 and 612.
async fn registry() -> Registry {
    let mut registry = Registry::open().await;
    registry.live(&[("model.bin", Digest::of(b"model"))]).await;
    registry.approvers().await;
    registry.access().await;
    let live: i64 = registry.connection().query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
    for count in [100 - u64::try_from(live).unwrap(), 212, 300] {
        registry.commit(tags(count)).await;
        registry.sign().await.unwrap().unwrap();
    }
    registry
}

fn texts(report: &Report) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

fn assert_says(report: &Report, verdict: Verdict, said: &str, case: &str) {
    assert_eq!(report.verdict, verdict, "{case}: {:#?}", texts(report));
    assert!(texts(report).iter().any(|text| text.contains(said)), "{case}: {said:?} is not in {:#?}", texts(report));
    assert!(report.problem_count >= report.problems.len() as u64);
}

#[tokio::test]
async fn an_untouched_registry_is_intact() {
    let registry = registry().await;
    let report = registry.verify(Mode::Tree).await;
    assert!(report.is_intact(), "{:#?}", texts(&report));
    assert_eq!((report.entries, report.tiles, report.checkpoints, report.payloads, report.derived_rows), (612, 2, 3, 0, 0));
    let report = registry.verify(Mode::Full).await;
    assert!(report.is_intact(), "{:#?}", texts(&report));
    assert_eq!((report.entries, report.tiles, report.checkpoints, report.payloads), (612, 2, 3, 9));
    assert!(report.derived_rows > 600, "{}", report.derived_rows);
    assert!(report.to_string().contains("INTACT"));
    assert_eq!(serde_json::to_value(&report).unwrap()["verdict"], "intact");
}

#[tokio::test]
async fn an_empty_ledger_is_intact() {
    let registry = Registry::open().await;
    assert!(registry.verify(Mode::Full).await.is_intact());
}

#[tokio::test]
async fn every_change_of_the_log_is_named() {
    let change = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"api\"', '\"pages\"') AS BLOB) WHERE entry_index = ";
    let swap = "UPDATE entries SET entry_index = -1 WHERE entry_index = 50; UPDATE entries SET entry_index = 50 WHERE entry_index = 51; \
        UPDATE entries SET entry_index = 51 WHERE entry_index = -1;";
    let added = "INSERT INTO entries SELECT 612, bytes, leaf_hash, subject, NULL FROM entries WHERE entry_index = 611";
    let original = registry().await;
    for (tamper, said) in [
        (format!("{change}17"), "entry 17: its bytes and its leaf hash do not belong together"),
        (format!("{change}17"), "tile 0/0: its hash of entry 17 is not that of the entry"),
        (format!("{change}17"), "checkpoint 100: the entries have another root"),
        (format!("{change}600"), "checkpoint 612: the entries have another root"),
        (format!("{change}600"), "memory of the key: the key has signed another root"),
        ("UPDATE entries SET leaf_hash = zeroblob(32) WHERE entry_index = 300".into(), "entry 300: its bytes and its leaf hash"),
        ("DELETE FROM entries WHERE entry_index = 300".into(), "entry 300: it is missing"),
        ("DELETE FROM entries WHERE entry_index >= 600".into(), "entry 600: it and the following up to entry 611 are missing"),
        ("DELETE FROM entries WHERE entry_index >= 600; UPDATE head SET size = 600".into(), "checkpoint 612: it covers 612 entries, the database has 600"),
        (added.into(), "entry 612: the ledger has 612 entries; this one was added"),
        (format!("{added}; UPDATE entries SET entry_index = -5 WHERE entry_index = 612"), "entries: stored row does not fit its type"),
        (swap.into(), "tile 0/0: its hash of entry 50 is not that of the entry"),
        ("UPDATE tiles SET hashes = zeroblob(8192) WHERE tile_index = 1".into(), "tile 0/1: its hash of entry 256 is not that of the entry"),
        ("UPDATE tiles SET hashes = zeroblob(32) WHERE tile_index = 1".into(), "tile 0/1: it has not 256 hashes"),
        ("UPDATE tiles SET root = zeroblob(32) WHERE tile_index = 1".into(), "tile 0/1: its root is not that of its hashes"),
        ("DELETE FROM tiles WHERE tile_index = 1".into(), "tile 0/1: it is missing"),
        ("INSERT INTO tiles VALUES (1, 0, zeroblob(8192), zeroblob(32))".into(), "tiles: there are 3 tiles; 612 entries make 2"),
        ("UPDATE checkpoints SET note = replace(note, '312', '311') WHERE size = 312".into(), "checkpoint 312: signature of `example.com/log` is wrong"),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 100) WHERE size = 312".into(),
            "checkpoint 312: the signed note is of size 100",
        ),
        ("UPDATE checkpoints SET size = 613 WHERE size = 312".into(), "checkpoint 613: it covers 613 entries, the database has 612"),
    ] {
        let registry = original.copy().await;
        registry.sql(&tamper);
        assert_says(&registry.verify(Mode::Tree).await, Verdict::LogAltered, said, &tamper);
    }
}

#[tokio::test]
async fn an_entry_that_was_rewritten_with_its_leaf_hash_is_named() {
    let registry = registry().await;
    let connection = registry.connection();
    let bytes: Vec<u8> = connection.query_row("SELECT bytes FROM entries WHERE entry_index = 300", [], |row| row.get(0)).unwrap();
    let changed = String::from_utf8(bytes).unwrap().replace("\"value\":\"200\"", "\"value\":\"201\"").into_bytes();
    let leaf = leaf_hash(&changed);
    assert_eq!(connection.execute("UPDATE entries SET bytes = ?1, leaf_hash = ?2 WHERE entry_index = 300", (&changed, leaf.as_bytes())).unwrap(), 1);
    let report = registry.verify(Mode::Tree).await;
    assert_says(&report, Verdict::LogAltered, "tile 0/1: its hash of entry 300 is not that of the entry", "rewritten");
    assert_eq!(report.problem_count, 3, "tile, first checkpoint, memory: {:#?}", texts(&report));
}

#[tokio::test]
async fn full_mode_reads_entries_columns_and_payloads() {
    let original = registry().await;
    for (tamper, said) in [
        ("UPDATE entries SET subject = 'registry' WHERE entry_index = 30", "entry 30: column `subject` is not what its bytes say"),
        ("UPDATE entries SET request = 'x' WHERE entry_index = 30", "entry 30: column `request` is not what its bytes say (expected , found x)"),
        ("UPDATE entries SET bytes = CAST('{}' AS BLOB) WHERE entry_index = 30", "entry 30: it cannot be read"),
        ("UPDATE entries SET bytes = CAST('{}' AS BLOB) WHERE entry_index = 30", "derived rows: they could not be compared: entry 30 cannot be read"),
        ("UPDATE entries SET bytes = (SELECT bytes FROM entries WHERE entry_index = 40) WHERE entry_index = 30", "entry 30: column `entry_index`"),
        (
            "UPDATE entries SET bytes = (SELECT bytes FROM entries WHERE entry_index = 40) WHERE entry_index = 30",
            "entry 31: it is older than the entry in front",
        ),
        ("UPDATE payloads SET bytes = CAST('x' AS BLOB) WHERE digest = (SELECT max(digest) FROM payloads)", "its bytes have another digest"),
        ("DELETE FROM payloads WHERE digest = (SELECT verdict FROM promotions)", "entry 8 names it; it is missing"),
        (
            "INSERT OR IGNORE INTO private_payloads VALUES ('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', x'61', 'bd')",
            "private text ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad: its text has another digest",
        ),
        ("UPDATE head SET at = at + 1", "head: its time is not that of the newest entry"),
    ] {
        let registry = original.copy().await;
        registry.sql(tamper);
        assert_says(&registry.verify(Mode::Full).await, Verdict::LogAltered, said, tamper);
    }
}

#[tokio::test]
async fn every_derived_table_is_compared_and_rebuilt() {
    let mut registry = registry().await;
    for table in tables::ALL.iter().filter(|table| table.class == Class::Derived) {
        let name = table.name;
        let column = table.columns.last().unwrap();
        let first = table.columns.first().unwrap();
        let other = |column: &chancery_core::rows::Column| match column.kind {
            Kind::Integer => format!("coalesce(\"{0}\", 0) - 1", column.name),
            Kind::Text | Kind::Bytes => format!("coalesce(\"{0}\", '') || 'x'", column.name),
        };
        // A copy has another key, and other values where an index says that each is there once.
        let alone = |column: &str| tables::INDEXES.iter().any(|index| index.unique && index.table.name == name && index.columns.contains(&column));
        let copy =
            |column: &chancery_core::rows::Column| if column.name == first.name || alone(column.name) { other(column) } else { format!("\"{}\"", column.name) };
        let copied = table.columns.iter().map(copy).collect::<Vec<_>>().join(", ");
        let changed_key = table.key == table.columns.len();
        let changed = if changed_key { "the row is missing".to_owned() } else { format!("column `{}` is not what the entries say", column.name) };
        let row = format!("rowid_or_key = (SELECT {0} FROM {name} LIMIT 1)", first.name).replace("rowid_or_key", first.name);
        for (tamper, said) in [
            (format!("UPDATE {name} SET \"{}\" = {} WHERE {row}", column.name, other(column)), changed),
            (format!("DELETE FROM {name} WHERE {row}"), "the row is missing".to_owned()),
            (format!("INSERT INTO {name} SELECT {copied} FROM {name} LIMIT 1"), "no entry makes this row".to_owned()),
        ] {
            assert_eq!(registry.connection().execute(&tamper, []).map(|rows| rows > 0), Ok(true), "{tamper}");
            let report = registry.verify(Mode::Full).await;
            assert_says(&report, Verdict::DerivedAltered, &said, &tamper);
            assert!(report.problems.iter().all(|problem| problem.place.starts_with(&format!("table {name},"))), "{:#?}", texts(&report));
            assert!(registry.verify(Mode::Tree).await.is_intact());
            assert_eq!(rebuild(&mut registry.writer, None).await.unwrap(), 612);
            assert!(registry.verify(Mode::Full).await.is_intact(), "{tamper}");
        }
    }
}

#[tokio::test]
async fn a_rebuild_over_a_missing_entry_changes_nothing() {
    let mut registry = registry().await;
    registry.sql("DELETE FROM entries WHERE entry_index = 300; DELETE FROM tags");
    let said = rebuild(&mut registry.writer, None).await.unwrap_err().to_string();
    assert!(said.starts_with("entry 300 is missing"), "{said}");
    let models: i64 = registry.connection().query_row("SELECT count(*) FROM models", [], |row| row.get(0)).unwrap();
    assert_eq!(models, 2);
}

#[tokio::test]
async fn a_restored_backup_is_behind_its_key() {
    let mut registry = registry().await;
    let backup = registry.copy().await;
    registry.commit(tags(10)).await;
    registry.sign().await.unwrap();
    std::fs::copy(registry.keys.memory_path(), backup.keys.memory_path()).unwrap();
    let report = backup.verify(Mode::Full).await;
    assert_says(&report, Verdict::Behind, "the key has signed a checkpoint of 622 entries, the database has 612", "backup");
    assert_eq!(report.problems.first().unwrap().area, Area::Behind);
}

#[tokio::test]
async fn another_history_signed_by_the_same_key_contradicts_its_memory() {
    let mut registry = registry().await;
    let mut other = registry.copy().await;
    registry.commit(tags(1)).await;
    registry.sign().await.unwrap();
    other.commit(tags(2).split_off(1)).await;
    other.commit(tags(1)).await;
    other.sign().await.unwrap();
    std::fs::copy(registry.keys.memory_path(), other.keys.memory_path()).unwrap();
    assert_says(&other.verify(Mode::Tree).await, Verdict::LogAltered, "the key has signed another root for this many entries", "fork");
}

#[tokio::test]
async fn bad_files_name_the_versions_behind_them() {
    let mut registry = Registry::open().await;
    let blobs = Blobs::open(registry.folder.path().join("blobs")).unwrap();
    let kept = blobs.put_bytes(bytes::Bytes::from_static(b"kept!")).await.unwrap();
    let bad = blobs.put_bytes(bytes::Bytes::from_static(b"right")).await.unwrap();
    registry.live(&[("a.bin", kept), ("b.bin", bad)]).await;
    let report = registry.verify_with(Mode::Full, Some(&blobs)).await;
    assert!(report.is_intact(), "{:#?}", texts(&report));
    assert_eq!(report.blobs, 2);

    let path = registry.folder.path().join("blobs/sha256").join(bad.to_string().split_at(2).0).join(bad.to_string());
    std::fs::remove_file(&path).unwrap();
    let missing = format!("file {bad}: it is missing; used by loan/1");
    assert_says(&registry.verify_with(Mode::Full, Some(&blobs)).await, Verdict::BlobsDamaged, &missing, "missing");
    std::fs::write(&path, b"wrong").unwrap();
    let corrupt = format!("file {bad}: its bytes have the digest {}; used by loan/1", Digest::of(b"wrong"));
    assert_says(&registry.verify_with(Mode::Tree, Some(&blobs)).await, Verdict::BlobsDamaged, &corrupt, "corrupt");
}
