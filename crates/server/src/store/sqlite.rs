//! SQLite: opening the files, and the statements that the store runs on a connection.
//!
//! Nothing here is async: a point read takes microseconds and the only writer has a thread of its own. One connection may
//! write the main file; scratch tables have a file and a writer of their own, and every other connection attaches that file
//! read only, so that a BEGIN IMMEDIATE on the main file takes no lock on it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::rows::{BadRow, Key, Table, Value};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::Loaded;
use super::changes::TableChanges;
use super::migrate::{Step, pending};
use super::schema::Schema;
use super::sql::{self, OnConflict};
use crate::fault::Fault;

/// How long a connection waits for a lock that another process holds (a backup, a shell).
const BUSY: Duration = Duration::from_secs(5);
/// Idle reading connections that are kept.
const IDLE: usize = 16;
/// Page cache of a writing connection: negative means KiB.
const WRITER_CACHE: i64 = -32 * 1024;
/// Pages in the log file before they go to the main file: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Prepared statements per connection.
const STATEMENTS: usize = 256;

/// The two database files of a data folder, locked for this process.
#[derive(Debug)]
pub(super) struct Files {
    data: PathBuf,
    scratch: Mutex<Connection>,
    idle: Mutex<Vec<Arc<Mutex<Connection>>>>,
    /// Held, never read: the lock goes with the file. None when the files were opened to be read.
    _lock: Option<File>,
}

impl Files {
    /// Locks the folder, migrates both files.
    pub(super) fn open(data: &Path, schema: &Schema) -> Result<Self, Fault> {
        let lock = lock(data)?;
        let main = writable(&data.join("chancery.db"))?;
        migrate(&main, schema, |step| &step.sqlite)?;
        let scratch = writable(&data.join("scratch.db"))?;
        migrate(&scratch, schema, |step| &step.sqlite_scratch)?;
        // `synchronous=FULL` here too: no entry speaks of these rows, but a client was told that its artifact is stored.
        Ok(Self { data: data.to_owned(), scratch: Mutex::new(scratch), idle: Mutex::new(Vec::new()), _lock: Some(lock) })
    }

    /// Opens the files to be read, beside a server that runs or a copy of its folder. Nothing is locked, made or migrated.
    pub(super) fn open_to_read(data: &Path) -> Result<Self, Fault> {
        let path = data.join("chancery.db");
        if !path.is_file() {
            return Err(Fault::Config(format!("`{}` is not there: this is no data folder of a registry on SQLite", path.display())));
        }
        let scratch = Connection::open_in_memory().map_err(failed("open a temporary database"))?;
        Ok(Self { data: data.to_owned(), scratch: Mutex::new(scratch), idle: Mutex::new(Vec::new()), _lock: None })
    }

    /// The connection that writes the main file; the caller sees to it that there is one only.
    pub(super) fn writer(&self) -> Result<Connection, Fault> {
        let connection = writable(&self.data.join("chancery.db"))?;
        attach_scratch(&connection, &self.data)?;
        Ok(connection)
    }

    /// Puts the log file of each database into it and empties it.
    pub(super) fn truncate_logs(&self) -> Result<(), Fault> {
        let truncate = |connection: &Connection| {
            let done = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            done.map(|_| ()).map_err(failed("empty a log file"))
        };
        truncate(&writable(&self.data.join("chancery.db"))?)?;
        truncate(&self.scratch())
    }

    /// The connection that writes scratch tables.
    pub(super) fn scratch(&self) -> MutexGuard<'_, Connection> {
        held(&self.scratch)
    }

    /// A connection that reads.
    pub(super) fn take(&self) -> Result<Arc<Mutex<Connection>>, Fault> {
        if let Some(connection) = held(&self.idle).pop() {
            return Ok(connection);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let path = self.data.join("chancery.db");
        let connection = Connection::open_with_flags(&path, flags).map_err(failed(format!("open `{}`", path.display())))?;
        prepare(&connection)?;
        attach_scratch(&connection, &self.data)?;
        Ok(Arc::new(Mutex::new(connection)))
    }

    /// Takes a reading connection back; it has no open transaction.
    pub(super) fn give_back(&self, connection: &Arc<Mutex<Connection>>) {
        let mut idle = held(&self.idle);
        if idle.len() < IDLE {
            idle.push(Arc::clone(connection));
        }
    }
}

/// A mutex is poisoned only if SQLite panicked under it; the connection is as good as before.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A private database that SQLite deletes with the connection; small ones stay in memory.
pub(super) fn temporary(schema: &Schema) -> Result<Connection, Fault> {
    let connection = Connection::open("").map_err(failed("open a temporary database"))?;
    prepare(&connection)?;
    for (name, value) in [("synchronous", "OFF"), ("journal_mode", "MEMORY"), ("cache_size", "-65536")] {
        // journal_mode answers with a row, so this is a query for all.
        connection.pragma_update_and_check(None, name, value, |_| Ok(())).or_else(no_rows).map_err(failed("set up a temporary database"))?;
    }
    for migration in &schema.migrations {
        connection.execute_batch(&migration.sqlite).map_err(failed("create the tables of a temporary database"))?;
    }
    // Rows are written and read by key only; an index would cost more than the row.
    let drops = "SELECT group_concat(format('DROP INDEX \"%w\"', name), '; ') FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    let drops: Option<String> = connection.query_row(drops, [], |row| row.get(0)).map_err(failed("list the indexes of a temporary database"))?;
    connection.execute_batch(&drops.unwrap_or_default()).map_err(failed("drop the indexes of a temporary database"))?;
    Ok(connection)
}

fn no_rows(error: rusqlite::Error) -> rusqlite::Result<()> {
    if matches!(error, rusqlite::Error::QueryReturnedNoRows) { Ok(()) } else { Err(error) }
}

fn lock(data: &Path) -> Result<File, Fault> {
    let doing = || format!("lock the data folder `{}`", data.display());
    std::fs::create_dir_all(data).map_err(|error| Fault::database(doing(), error))?;
    let file = File::options().create(true).truncate(false).write(true).open(data.join("lock"));
    let file = file.map_err(|error| Fault::database(doing(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Fault::Locked(data.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(Fault::database(doing(), error)),
    }
}

/// Settings of every connection.
fn prepare(connection: &Connection) -> Result<(), Fault> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY).map_err(failed("set busy_timeout"))?;
    // Without this SQLite plans a statement with a range anew for each value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed("set the stability of query plans"))?;
    // LIKE minds the case, as on PostgreSQL.
    connection.pragma_update(None, "case_sensitive_like", "ON").map_err(failed("set case_sensitive_like"))?;
    connection.pragma_update(None, "foreign_keys", "OFF").map_err(failed("set foreign_keys"))
}

/// A connection that writes: WAL and `synchronous=FULL`, without which an acknowledged entry could vanish at a power cut.
fn writable(path: &Path) -> Result<Connection, Fault> {
    let doing = || failed(format!("open `{}`", path.display()));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags).map_err(doing())?;
    prepare(&connection)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(doing())?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(doing())?;
    // What an erasure takes away is overwritten, not only left out of the tree of pages.
    connection.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(())).map_err(doing())?;
    // Pages that every batch touches stay in memory, and pages that many batches change go to the main file once.
    connection.pragma_update(None, "cache_size", WRITER_CACHE).map_err(doing())?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(doing())?;
    let level: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(doing())?;
    if mode != "wal" || level != 2 {
        return Err(Fault::Config(format!("`{}` must be on a local disk: SQLite answers journal_mode {mode}, synchronous {level}", path.display())));
    }
    Ok(connection)
}

fn attach_scratch(connection: &Connection, data: &Path) -> Result<(), Fault> {
    let path = data.join("scratch.db").display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    connection.execute("ATTACH ?1 AS scratch", [format!("file:{path}?mode=ro")]).map(|_| ()).map_err(failed("attach the scratch file"))
}

fn migrate<'a>(connection: &Connection, schema: &'a Schema, text: impl Fn(&'a super::schema::Migration) -> &'a String) -> Result<(), Fault> {
    let steps: Vec<Step<'_>> = schema.migrations.iter().map(|migration| Step { version: migration.version, text: text(migration) }).collect();
    let wrong = || failed("migrate the database");
    let transaction = rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate).map_err(wrong())?;
    let table = "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, checksum TEXT NOT NULL) STRICT";
    transaction.execute(table, []).map_err(wrong())?;
    let seen = {
        let mut statement = transaction.prepare("SELECT version, checksum FROM migrations ORDER BY version").map_err(wrong())?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(wrong())?;
        rows.collect::<Result<Vec<(i64, String)>, _>>().map_err(wrong())?
    };
    for step in pending(&steps, &seen)? {
        transaction.execute_batch(step.text).map_err(wrong())?;
        transaction.execute("INSERT INTO migrations VALUES (?1, ?2)", (step.version, step.checksum())).map_err(wrong())?;
    }
    // A crash before this line leaves the database as it was.
    transaction.commit().map_err(wrong())
}

/// Runs a statement without parameters and answer, such as BEGIN.
pub(super) fn run(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(|_| ()).map_err(failed(sql))
}

/// Ends a transaction without storing it, if there is one.
pub(super) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(fault) = run(connection, "ROLLBACK")
    {
        tracing::error!(?fault, "rollback failed");
    }
}

/// COMMIT. When the disk fails here the log file may hold the commit or not, and a restart would find out.
pub(super) fn commit(connection: &Connection) -> Result<(), Fault> {
    let done = connection.prepare_cached("COMMIT").and_then(|mut statement| statement.execute([]));
    done.map(|_| ()).map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::SystemIoFailure) => Fault::UnknownCommit(error.into()),
        Some(_) | None => Fault::database("commit", error),
    })
}

/// Rows of a query with `$1` placeholders.
pub(super) fn query(connection: &Connection, text: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Fault> {
    let wrong = || failed("query");
    let mut statement = connection.prepare_cached(&sql::for_sqlite(text)).map_err(wrong())?;
    let width = statement.column_count();
    let mut rows = statement.query(params_from_iter(parameters.iter().map(Parameter))).map_err(wrong())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(wrong())? {
        found.push(row_values(row, width)?);
    }
    Ok(found)
}

/// The rows with these keys, in the order of the keys.
pub(super) fn load(connection: &Connection, keys: Vec<Key>) -> Result<Loaded, Fault> {
    let mut loaded = Vec::with_capacity(keys.len());
    for key in keys {
        let doing = || failed("load a row");
        let mut statement = connection.prepare_cached(&sql::load_row(key.table)).map_err(doing())?;
        let mut rows = statement.query(params_from_iter(key.values.iter().map(Parameter))).map_err(doing())?;
        let values = rows.next().map_err(doing())?.map(|row| row_values(row, key.table.columns.len())).transpose()?;
        drop(rows);
        loaded.push((key, values));
    }
    Ok(loaded)
}

/// Writes rows of one table.
pub(super) fn write(connection: &Connection, table: &'static Table, rows: &[Vec<Value>], conflict: OnConflict) -> Result<(), Fault> {
    each(connection, table, &sql::insert_row(table, conflict), rows)
}

/// Deletes rows of one table.
pub(super) fn remove(connection: &Connection, table: &'static Table, keys: &[Vec<Value>]) -> Result<(), Fault> {
    each(connection, table, &sql::remove_row(table), keys)
}

/// Writes changes of any tables; in each, removes go first so that a unique value can move from one row to another.
pub(super) fn flush(connection: &Connection, changes: &[TableChanges]) -> Result<(), Fault> {
    for change in changes {
        remove(connection, change.table, &change.removed)?;
        write(connection, change.table, &change.put, OnConflict::Replace)?;
    }
    Ok(())
}

fn each(connection: &Connection, table: &'static Table, text: &str, rows: &[Vec<Value>]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let wrong = |error| Fault::database(format!("write table `{}`", table.name), error);
    let mut statement = connection.prepare_cached(text).map_err(wrong)?;
    for row in rows {
        statement.execute(params_from_iter(row.iter().map(Parameter))).map_err(wrong)?;
    }
    Ok(())
}

fn failed<D: Into<String>>(doing: D) -> impl FnOnce(rusqlite::Error) -> Fault {
    move |error| Fault::database(doing, error)
}

fn row_values(row: &rusqlite::Row<'_>, width: usize) -> Result<Vec<Value>, Fault> {
    let mut values = Vec::with_capacity(width);
    for position in 0..width {
        values.push(match row.get_ref(position).map_err(failed("read a column"))? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|error| BadRow(format!("column {position}: {error}")))?;
                Value::Text(text.to_owned())
            }
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_owned()),
            ValueRef::Real(number) => return Err(BadRow(format!("column {position}: unexpected real {number}")).into()),
        });
    }
    Ok(values)
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
