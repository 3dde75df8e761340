//! Bare baselines: the same rows that a command writes, in group-committed transactions, without HTTP, access or rules.
//!
//! The rows are taken from a real run: the entries, derived rows and payloads of the commands are made once by the rules, and
//! then only written. On SQLite by rusqlite with cached statements; on PostgreSQL by one multi-row statement per table.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chancery::store::{Head, Schema, Store, StoreConfig};
use chancery_core::names::Timestamp;
use chancery_core::rows::{Row as _, Table, Value};
use chancery_core::tables::{BlobUseRow, EntryRow, ModelRow, NameRow, PayloadRow, SemverRow, TagRow, TimelineRow, VersionRow};
use sha2::Digest as _;

/// How long a bare run lasts.
const SECONDS: u64 = 4;

/// `bare sqlite|postgres tags|register GROUP TARGET`: prints commands per second.
pub async fn run(arguments: &[String]) -> Result<()> {
    let [database, kind, group, target] = arguments else { anyhow::bail!("bare sqlite|postgres tags|register GROUP TARGET") };
    let group: usize = group.parse()?;
    let rate = match database.as_str() {
        "sqlite" => sqlite(kind, group, target)?,
        _ => postgres(kind, group, target).await?,
    };
    println!("{rate}");
    Ok(())
}

/// Rate at which one thread hashes SHA-256 from memory, in bytes per second.
pub fn hash() -> Result<()> {
    let block = vec![7_u8; 1 << 20];
    let begun = Instant::now();
    let mut hasher = sha2::Sha256::new();
    let mut bytes = 0_u64;
    while begun.elapsed() < Duration::from_secs(2) {
        hasher.update(&block);
        bytes += block.len() as u64;
    }
    std::hint::black_box(hasher.finalize());
    println!("{}", bytes as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn number(value: u64) -> Value {
    Value::Integer(value as i64)
}

/// The rows of one command: each table with one row.
fn rows(kind: &str, index: u64) -> Vec<(&'static Table, Vec<Value>)> {
    let model = format!("m{:032x}", 7);
    let digest = format!("{index:064x}");
    let version_number = if kind == "tags" { index % 64 + 1 } else { index + 1 };
    let subject = format!("model/{model}/{version_number}");
    // The size of a real entry of the same kind.
    let bytes = vec![b'x'; if kind == "tags" { 330 } else { 760 }];
    let version = vec![
        text(&*model), number(version_number), text("1.0.0"), text("draft"), text(&*digest), text(&*digest), text(&*digest), number(2), number(4000), text(""),
        number(0), number(0), number(0), Value::Null, Value::Null, Value::Null, number(index), number(index), text(format!("u{:032x}", 1)), number(index), number(index),
    ];
    let mut all = vec![
        (EntryRow::TABLE, vec![number(index), Value::Bytes(bytes), Value::Bytes(vec![1; 32]), text(&*subject), Value::Null]),
        (VersionRow::TABLE, version),
    ];
    let open = i64::MAX as u64;
    if kind == "tags" {
        all.push((TagRow::TABLE, vec![text(&*model), number(version_number), text("stage"), text(format!("value-{index}")), number(index)]));
        all.push((TimelineRow::TABLE, vec![text(&*subject), text("tag:stage"), number(index), number(index.saturating_sub(64)), text("before")]));
        all.push((TimelineRow::TABLE, vec![text(&*subject), text("tag:stage"), number(open), number(index), text(format!("value-{index}"))]));
        return all;
    }
    all.push((PayloadRow::TABLE, vec![text(&*digest), Value::Bytes(vec![b'y'; 260])]));
    all.push((PayloadRow::TABLE, vec![text(format!("f{}", &digest[1..])), Value::Bytes(vec![b'z'; 120])]));
    all.push((SemverRow::TABLE, vec![text(&*model), text(format!("1.{index}.0")), number(version_number)]));
    all.push((NameRow::TABLE, vec![text("bench"), text(&*model), number(version_number + 1)]));
    for path in ["MLmodel", "model.pkl"] {
        all.push((BlobUseRow::TABLE, vec![text(&*digest), text(&*model), number(version_number), text(path)]));
    }
    for attribute in ["state", "description"] {
        all.push((TimelineRow::TABLE, vec![text(&*subject), text(attribute), number(open), number(index), text("draft")]));
    }
    let model_row = vec![
        text(&*model), text("bench"), text("bench"), text("model"), text("{}"), text("minimal"), text("-/minimal/-"), number(0), number(version_number),
        text("1.0.0"), number(1), number(1), text(format!("u{:032x}", 1)), number(index), number(index),
    ];
    all.push((ModelRow::TABLE, model_row));
    all
}

fn sqlite(kind: &str, group: usize, folder: &str) -> Result<f64> {
    let runtime = tokio::runtime::Handle::current();
    let config = StoreConfig { data: folder.into(), database: None };
    // The store makes the tables; the bare run uses nothing else of it.
    drop(tokio::task::block_in_place(|| runtime.block_on(Store::open(config, &Schema::product()))).or_else(|_| anyhow::bail!("the tables cannot be made"))?);
    measure_sqlite(kind, group, folder)
}

fn measure_sqlite(kind: &str, group: usize, folder: &str) -> Result<f64> {
    let connection = rusqlite::Connection::open(std::path::Path::new(folder).join("chancery.db"))?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF")?;
    connection.set_prepared_statement_cache_capacity(256);
    let begun = Instant::now();
    let mut index = 0_u64;
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..group {
            for (table, values) in rows(kind, index) {
                let mut statement = connection.prepare_cached(&upsert(table))?;
                statement.execute(rusqlite::params_from_iter(values.iter().map(parameter)))?;
            }
            index += 1;
        }
        connection.execute("UPDATE head SET size = ?1, at = ?1 WHERE id = 1", [index as i64])?;
        connection.execute_batch("COMMIT")?;
    }
    Ok(index as f64 / begun.elapsed().as_secs_f64())
}

fn parameter(value: &Value) -> rusqlite::types::ToSqlOutput<'_> {
    use rusqlite::types::{ToSqlOutput, ValueRef};
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Integer(number) => ValueRef::Integer(*number),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Bytes(bytes) => ValueRef::Blob(bytes),
    })
}

fn upsert(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
    let sets: Vec<String> = names.iter().skip(table.key).map(|name| format!("\"{name}\"=excluded.\"{name}\"")).collect();
    let action = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(",")) };
    let columns = |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    format!("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {action}", table.name, columns(&names), marks.join(","), columns(&names[..table.key]))
}

async fn postgres(kind: &str, group: usize, address: &str) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let config = StoreConfig { data: folder.path().to_owned(), database: Some(address.to_owned()) };
    let (_store, mut writer) = Store::open(config, &Schema::product()).await.context("open the database")?;
    let begun = Instant::now();
    let mut index = writer.begin().await?.head().size;
    let first = index;
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        let mut tx = writer.begin().await?;
        let mut changes = std::collections::BTreeMap::new();
        let mut entries = Vec::with_capacity(group);
        for _ in 0..group {
            for (table, values) in rows(kind, index) {
                if std::ptr::eq(table, EntryRow::TABLE) {
                    entries.push(values);
                } else {
                    let key = chancery_core::rows::Key { table, values: values[..table.key].to_vec() };
                    changes.insert(key, chancery_core::rows::Change::Put(values));
                }
            }
            index += 1;
        }
        tx.insert(EntryRow::TABLE, &entries).await?;
        tx.flush(changes).await?;
        tx.set_head(Head { size: index, at: Timestamp::from_micros(1) });
        tx.commit().await?;
    }
    Ok((index - first) as f64 / begun.elapsed().as_secs_f64())
}
