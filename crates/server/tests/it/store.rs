//! The store keeps, gives back, orders, isolates and refuses the same on both databases.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use chancery::fault::Fault;
use chancery::store::{Head, Index, Schema, Scratchpad, Store, StoreConfig, Writer};
use chancery::values;
use chancery_core::names::Timestamp;
use chancery_core::rows::{Change, Class, Key, Row, Value};
use tempfile::TempDir;

use crate::support::postgres;

chancery_core::table! {
    /// A column of every kind, behind a key of two parts.
    Thing = "things", Derived, key 2 {
        /// Key.
        name: String,
        /// Key.
        number: i64,
        /// Nullable.
        text: Option<String>,
        /// Nullable.
        amount: Option<i64>,
        /// Nullable.
        bytes: Option<Vec<u8>>,
    }
}

chancery_core::table! {
    /// A log with a unique secondary value and a column name that is a keyword.
    Note = "notes", Log, key 1 {
        /// Key.
        place: u64,
        /// Unique if not NULL.
        order: Option<String>,
    }
}

chancery_core::table! {
    /// All columns are key.
    Visit = "visits", Scratch, key 1 {
        /// Key.
        id: String,
    }
}

fn schema() -> Schema {
    let unique = Index { name: "notes_by_order", table: Note::TABLE, columns: &["order"], unique: true };
    Schema::of(&[Thing::TABLE, Note::TABLE, Visit::TABLE], &[unique])
}

struct Place {
    folder: TempDir,
    database: Option<String>,
}

impl Place {
    fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    async fn postgres() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Some(postgres::database().await) }
    }

    async fn try_open(&self, schema: &Schema) -> Result<(Store, Writer), Fault> {
        Store::open(StoreConfig { data: self.folder.path().to_owned(), database: self.database.clone() }, schema).await
    }

    async fn open(&self) -> (Store, Writer) {
        self.try_open(&schema()).await.unwrap()
    }
}

/// Runs a suite function on both databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() { super::$name(Place::sqlite()).await; })+
        }
        mod on_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() { super::$name(Place::postgres().await).await; })+
        }
    };
}

on_both!(
    every_kind_of_value_comes_back,
    pages_are_in_the_order_of_bytes,
    a_taken_key_is_refused_and_nothing_is_kept,
    dropping_keeps_nothing,
    a_snapshot_does_not_move,
    changes_are_flushed_and_classes_emptied,
    scratch_is_apart,
    a_database_of_another_shape_is_refused,
    snapshots_are_shared_between_tasks,
    the_writer_works_on_a_thread_of_its_own,
);

fn thing(name: &str, number: i64) -> Thing {
    Thing { name: name.into(), number, text: None, amount: None, bytes: None }
}

fn rows<R: Row>(rows: &[R]) -> Vec<Vec<Value>> {
    rows.iter().map(Row::to_values).collect()
}

fn key<R: Row>(values: Vec<Value>) -> Key {
    Key { table: R::TABLE, values }
}

async fn put(writer: &mut Writer, things: &[Thing]) {
    let mut tx = writer.begin().await.unwrap();
    tx.put(Thing::TABLE, &rows(things)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn every_kind_of_value_comes_back(place: Place) {
    let (store, mut writer) = place.open().await;
    let mut things = vec![
        thing("", 0),
        thing("nothing", i64::MIN),
        Thing { text: Some(String::new()), amount: Some(0), bytes: Some(vec![]), ..thing("empty", 1) },
        Thing { text: Some("it's \"quoted\" $1 ?1 \\ % _ ;--".into()), amount: Some(i64::MAX), ..thing("quotes'\"", i64::MAX) },
        Thing { text: Some("Größe 模型 🦀 e\u{301}\n\t\u{7f}".into()), amount: Some(i64::MIN), ..thing("模型", -1) },
        Thing { bytes: Some((0..=255).collect()), ..thing("bytes", 2) },
    ];
    put(&mut writer, &things).await;
    // The later of two rows with one key counts, within a call and between calls.
    things[1].text = Some("later".into());
    let earlier = Thing { text: Some("earlier".into()), ..things[1].clone() };
    put(&mut writer, &[earlier, things[1].clone()]).await;

    let keys: Vec<Key> = things.iter().map(|thing| key::<Thing>(values![thing.name, thing.number])).collect();
    let mut wanted: Vec<_> = keys.iter().cloned().zip(things.iter().map(|thing| Some(thing.to_values()))).collect();
    wanted.insert(1, (key::<Note>(values![1_u64]), None));
    wanted.push((key::<Thing>(values!["nothing", 5_i64]), None));
    let asked: Vec<Key> = wanted.iter().map(|(key, _)| key.clone()).collect();
    let mut tx = writer.begin().await.unwrap();
    assert_eq!(tx.load(asked.clone()).await.unwrap(), wanted);
    tx.remove(Thing::TABLE, &[keys[0].values.clone(), values!["not there", 0_i64]]).await.unwrap();
    assert_eq!(tx.load(vec![keys[0].clone()]).await.unwrap()[0].1, None);
    tx.commit().await.unwrap();

    wanted[0].1 = None;
    let snapshot = store.read().await.unwrap();
    assert_eq!(snapshot.load(asked).await.unwrap(), wanted);
    assert_eq!(snapshot.get::<Thing>(keys[4].values.clone()).await.unwrap().as_ref(), Some(&things[4]));
    assert_eq!(snapshot.get::<Thing>(keys[0].values.clone()).await.unwrap(), None);
    let found = snapshot.rows::<Thing>("WHERE amount = $2 AND name = $1 LIMIT $3", &values!["模型", i64::MIN, 5_i64]).await.unwrap();
    assert_eq!(found, [things[4].clone()]);
    let row = store.query_one_shot("SELECT $2, count(*), name = $1 FROM things WHERE number = $3 GROUP BY name", &values!["bytes", "b", 2_i64]).await;
    assert_eq!(row.unwrap(), [values!["b", 1_i64, true]]);
    let real = store.query_one_shot("SELECT 1.5 FROM head", &[]).await;
    assert!(matches!(real, Err(Fault::BadRow(_))), "{real:?}");
}

async fn pages_are_in_the_order_of_bytes(place: Place) {
    let (store, mut writer) = place.open().await;
    let sorted = ["", " ", "A", "B", "Z", "_", "a", "a b", "a-b", "aB", "ab", "b", "z", "é", "ß", "模型", "🦀"];
    let mut wanted: Vec<Thing> = sorted.iter().flat_map(|name| [i64::MIN, -1, 0, 7].map(|number| thing(name, number))).collect();
    wanted.sort_by(|a, b| (a.name.as_bytes(), a.number).cmp(&(b.name.as_bytes(), b.number)));
    let mut shuffled = wanted.clone();
    shuffled.reverse();
    put(&mut writer, &shuffled).await;
    let snapshot = store.read().await.unwrap();
    let mut found: Vec<Thing> = Vec::new();
    loop {
        let after = found.last().map(|thing| values![thing.name, thing.number]);
        let page = snapshot.scan_as::<Thing>(after, 5).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, wanted);
    let mut tx = writer.begin().await.unwrap();
    assert_eq!(tx.scan(Thing::TABLE, Some(values!["z", -1_i64]), 2).await.unwrap(), rows(&[thing("z", 0), thing("z", 7)]));
}

async fn a_taken_key_is_refused_and_nothing_is_kept(place: Place) {
    let (store, mut writer) = place.open().await;
    let note = |place: u64, order: Option<&str>| Note { place, order: order.map(str::to_owned) };
    let mut tx = writer.begin().await.unwrap();
    tx.insert(Note::TABLE, &rows(&[note(0, Some("once")), note(1, None), note(2, None)])).await.unwrap();
    tx.commit().await.unwrap();
    for refused in [note(0, Some("key")), note(9, Some("once"))] {
        let mut tx = writer.begin().await.unwrap();
        tx.insert(Note::TABLE, &rows(&[note(3, Some("before"))])).await.unwrap();
        let fault = tx.insert(Note::TABLE, &rows(&[refused])).await.unwrap_err();
        assert!(matches!(fault, Fault::Database { .. }), "{fault:?}");
        let fault = tx.load(vec![]).await.unwrap_err();
        assert!(matches!(fault, Fault::Database { .. }), "{fault:?}");
        let fault = tx.commit().await.unwrap_err();
        assert!(matches!(fault, Fault::Database { .. }), "{fault:?}");
    }
    assert_eq!(store.query_one_shot("SELECT count(*) FROM notes", &[]).await.unwrap(), [values![3_i64]]);
    // A unique value may move from one row to another in one flush.
    let mut tx = writer.begin().await.unwrap();
    let moved = note(5, Some("once"));
    let changes = [(key::<Note>(values![0_u64]), Change::Remove), (key::<Note>(values![5_u64]), Change::Put(moved.to_values()))];
    tx.flush(BTreeMap::from(changes)).await.unwrap();
    tx.commit().await.unwrap();
    let snapshot = store.read().await.unwrap();
    assert_eq!(snapshot.rows::<Note>("WHERE \"order\" = 'once'", &[]).await.unwrap(), [moved]);
}

async fn dropping_keeps_nothing(place: Place) {
    let (store, mut writer) = place.open().await;
    let head = Head { size: 3, at: Timestamp::from_micros(1_700_000_000_000_001) };
    for _ in 0..2 {
        let mut tx = writer.begin().await.unwrap();
        assert_eq!(tx.head(), Head { size: 0, at: Timestamp::from_micros(0) });
        tx.put(Thing::TABLE, &rows(&[thing("a", 1)])).await.unwrap();
        tx.set_head(head);
    }
    assert_eq!(store.read().await.unwrap().scan(Thing::TABLE, None, 10).await.unwrap(), Vec::<Vec<Value>>::new());
    let mut tx = writer.begin().await.unwrap();
    tx.set_head(head);
    tx.commit().await.unwrap();
    writer.reconnect().await.unwrap();
    assert_eq!(writer.begin().await.unwrap().head(), head);
    assert_eq!(store.read().await.unwrap().head(), head);
    drop((store, writer));
    let (_store, mut writer) = place.open().await;
    assert_eq!(writer.begin().await.unwrap().head(), head);
}

async fn a_snapshot_does_not_move(place: Place) {
    let (store, mut writer) = place.open().await;
    let before = store.read().await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    tx.put(Thing::TABLE, &rows(&[thing("a", 1)])).await.unwrap();
    tx.set_head(Head { size: 1, at: Timestamp::from_micros(5) });
    assert!(store.read().await.unwrap().scan(Thing::TABLE, None, 10).await.unwrap().is_empty(), "not committed yet");
    tx.commit().await.unwrap();
    let after = store.read().await.unwrap();
    for (snapshot, size) in [(&before, 0), (&after, 1)] {
        assert_eq!(snapshot.head().size, size);
        assert_eq!(snapshot.scan(Thing::TABLE, None, 10).await.unwrap().len(), usize::try_from(size).unwrap());
    }
    drop(before);
    for written in [after.query("DELETE FROM things", &[]).await, store.query_one_shot("DELETE FROM things", &[]).await] {
        assert!(matches!(written, Err(Fault::Database { .. })), "{written:?}");
    }
}

async fn changes_are_flushed_and_classes_emptied(place: Place) {
    let (store, mut writer) = place.open().await;
    let put = |number: i64| {
        let row = thing("many", number);
        (key::<Thing>(values![row.name, row.number]), Change::Put(row.to_values()))
    };
    // More than one statement's worth of rows.
    let mut changes: BTreeMap<Key, Change> = (0..6_000).map(put).collect();
    let note = Note { place: 1, order: None };
    changes.insert(key::<Note>(values![1_u64]), Change::Put(note.to_values()));
    let mut tx = writer.begin().await.unwrap();
    tx.flush(changes).await.unwrap();
    tx.flush((0..5_998).map(|number| (put(number).0, Change::Remove)).collect()).await.unwrap();
    tx.commit().await.unwrap();
    let snapshot = store.read().await.unwrap();
    assert_eq!(snapshot.scan_as::<Thing>(None, 10).await.unwrap(), [thing("many", 5_998), thing("many", 5_999)]);
    let mut tx = writer.begin().await.unwrap();
    tx.truncate_class(Class::Derived).await.unwrap();
    tx.commit().await.unwrap();
    drop(snapshot);
    let snapshot = store.read().await.unwrap();
    assert!(snapshot.scan(Thing::TABLE, None, 1).await.unwrap().is_empty());
    assert_eq!(snapshot.scan_as::<Note>(None, 10).await.unwrap(), [note]);
}

async fn scratch_is_apart(place: Place) {
    let (store, mut writer) = place.open().await;
    let scratch = store.scratch();
    let visits = ["a", "b"].map(|id| Visit { id: id.into() });
    // While the writer holds the head.
    let mut tx = writer.begin().await.unwrap();
    scratch.put(&visits).await.unwrap();
    scratch.put(&visits).await.unwrap();
    let fault = tx.put(Visit::TABLE, &rows(&visits)).await.unwrap_err();
    assert!(matches!(fault, Fault::Config(_)), "{fault:?}");
    drop(tx);
    scratch.remove(vec![key::<Visit>(values!["a"])]).await.unwrap();
    let fault = scratch.put(&[thing("a", 1)]).await.unwrap_err();
    assert!(matches!(fault, Fault::Config(_)), "{fault:?}");
    let mut tx = writer.begin().await.unwrap();
    assert!(matches!(tx.truncate_class(Class::Scratch).await, Err(Fault::Config(_))));
    assert_eq!(tx.query("SELECT id FROM visits", &[]).await.unwrap(), [values!["b"]]);
    drop(tx);
    assert_eq!(store.read().await.unwrap().rows::<Visit>("", &[]).await.unwrap(), [visits[1].clone()]);
}

async fn a_database_of_another_shape_is_refused(place: Place) {
    drop(place.open().await);
    let mut altered = schema();
    let first = &mut altered.migrations[0];
    for text in [&mut first.sqlite, &mut first.postgres] {
        text.push(' ');
    }
    let refusal = |opened: Result<(Store, Writer), Fault>| match opened {
        Err(Fault::Config(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(refusal(place.try_open(&altered).await).contains("differs"));
    let mut newer = schema();
    let mut second = newer.migrations[0].clone();
    second.version = 2;
    for text in [&mut second.sqlite, &mut second.sqlite_scratch, &mut second.postgres] {
        *text = "CREATE TABLE IF NOT EXISTS later (id text PRIMARY KEY)".into();
    }
    newer.migrations.push(second);
    let (store, writer) = place.try_open(&newer).await.unwrap();
    assert!(store.query_one_shot("SELECT id FROM later", &[]).await.unwrap().is_empty());
    drop((store, writer));
    assert!(refusal(place.try_open(&schema()).await).contains("newer build"));
}

async fn snapshots_are_shared_between_tasks(place: Place) {
    let (store, mut writer) = place.open().await;
    put(&mut writer, &[thing("a", 1)]).await;
    // More snapshots than connections are kept, one after the other; and futures that are Send, as handlers need.
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let snapshot = store.read().await.unwrap();
                tokio::task::yield_now().await;
                snapshot.get::<Thing>(values!["a", 1_i64]).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Some(thing("a", 1)));
    }
    // What a dropped reader leaves behind does not hinder the next use of its connection.
    drop(store.read().await.unwrap());
    put(&mut writer, &[thing("b", 1)]).await;
    assert_eq!(store.query_one_shot("SELECT count(*) FROM things", &[]).await.unwrap(), [values![2_i64]]);
}

async fn the_writer_works_on_a_thread_of_its_own(place: Place) {
    let (store, mut writer) = place.open().await;
    let sequencer = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for number in 1..=3 {
            runtime.block_on(put(&mut writer, &[thing("a", number)]));
            runtime.block_on(async { drop(writer.begin().await.unwrap()) });
            runtime.block_on(writer.reconnect()).unwrap();
        }
    });
    sequencer.await.unwrap();
    assert_eq!(store.query_one_shot("SELECT count(*) FROM things", &[]).await.unwrap(), [values![3_i64]]);
}

#[tokio::test]
async fn a_second_process_is_refused_on_sqlite() {
    let place = Place::sqlite();
    let (store, writer) = place.open().await;
    let fault = place.try_open(&schema()).await.unwrap_err();
    assert!(matches!(&fault, Fault::Locked(folder) if folder == place.folder.path()), "{fault:?}");
    let locked_by_others = || {
        let lock = place.folder.path().join("lock");
        !Command::new("flock").arg("--nonblock").arg(lock).arg("true").status().unwrap().success()
    };
    assert!(locked_by_others());
    drop(store);
    assert!(locked_by_others(), "the writer still has it");
    drop(writer);
    assert!(!locked_by_others());
    place.open().await;
}

#[tokio::test]
async fn a_scratchpad_has_the_tables_and_its_own_rows() {
    let mut pads = [Scratchpad::open(&schema()).unwrap(), Scratchpad::open(&schema()).unwrap()];
    let mut tx = pads[0].begin().unwrap();
    tx.put(Thing::TABLE, &rows(&[thing("a", 1)])).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = pads[0].begin().unwrap();
    tx.put(Thing::TABLE, &rows(&[thing("a", 2)])).await.unwrap();
    drop(tx);
    assert_eq!(pads[0].begin().unwrap().scan(Thing::TABLE, None, 9).await.unwrap(), rows(&[thing("a", 1)]));
    assert!(pads[1].begin().unwrap().scan(Thing::TABLE, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_servers_take_turns_on_postgres() {
    let place = Place::postgres().await;
    // Both find an empty database and migrate it.
    let ((_, mut first), (_, mut second)) = tokio::join!(place.open(), place.open());
    let mut tx = first.begin().await.unwrap();
    tx.put(Thing::TABLE, &rows(&[thing("a", 1)])).await.unwrap();
    tx.set_head(Head { size: 7, at: Timestamp::from_micros(1) });
    let waiting = tokio::spawn(async move {
        let mut tx = second.begin().await.unwrap();
        (tx.head().size, tx.scan(Thing::TABLE, None, 9).await.unwrap().len())
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "the head is locked");
    tx.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), (7, 1));
}

#[tokio::test]
async fn a_stuck_server_delays_the_others_for_seconds_only() {
    let place = Place::postgres().await;
    let (_, mut stuck) = place.open().await;
    let (_, mut other) = place.open().await;
    let mut tx = stuck.begin().await.unwrap();
    let began = Instant::now();
    let fault = other.begin().await.unwrap_err();
    let waited = began.elapsed();
    assert!(matches!(fault, Fault::Database { .. }), "{fault:?}");
    assert!(waited > Duration::from_millis(1_800) && waited < Duration::from_millis(4_500), "{waited:?}");
    tokio::time::sleep(Duration::from_millis(5_500).saturating_sub(waited)).await;
    other.begin().await.unwrap().commit().await.unwrap();
    // The server ended the idle session: its COMMIT cannot say what happened, and a new connection works.
    tx.set_head(Head { size: 1, at: Timestamp::from_micros(1) });
    let fault = tx.commit().await.unwrap_err();
    assert!(matches!(fault, Fault::UnknownCommit(_)), "{fault:?}");
    assert!(stuck.begin().await.is_err());
    stuck.reconnect().await.unwrap();
    assert_eq!(stuck.begin().await.unwrap().head().size, 0);
}

#[tokio::test]
async fn a_database_with_another_clock_is_refused() {
    let place = Place::postgres().await;
    let (_, mut writer) = place.open().await;
    let address = place.database.clone().unwrap();
    let name = address.rsplit('/').next().unwrap();
    let skewed = "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() - interval '6 seconds' $$";
    postgres::execute(&address, &format!("{skewed}; ALTER DATABASE {name} SET search_path = public, pg_catalog")).await;
    writer.reconnect().await.unwrap();
    let fault = writer.begin().await.unwrap_err();
    assert!(matches!(fault, Fault::ClockSkew { milliseconds: -6_100..=-5_900 }), "{fault:?}");
}

#[tokio::test]
async fn an_abandoned_statement_spoils_the_transaction() {
    let place = Place::postgres().await;
    let (_, mut writer) = place.open().await;
    let mut tx = writer.begin().await.unwrap();
    let slow = tokio::time::timeout(Duration::from_millis(50), tx.query("SELECT count(*) FROM pg_sleep(0.5)", &[])).await;
    assert!(slow.is_err(), "{slow:?}");
    assert!(matches!(tx.commit().await, Err(Fault::Database { .. })));
    writer.begin().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_unicode_is_refused() {
    let place =
        Place { folder: tempfile::tempdir().unwrap(), database: Some(postgres::database_with("LOCALE_PROVIDER libc LOCALE 'C' ENCODING 'SQL_ASCII'").await) };
    match place.try_open(&schema()).await {
        Err(Fault::Config(text)) => assert_eq!(text, "the database has server_encoding = `SQL_ASCII`, it must be `UTF8`"),
        other => panic!("{other:?}"),
    }
}
