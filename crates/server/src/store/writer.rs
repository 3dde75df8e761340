//! The one writer of log, derived and vault tables, and its transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_core::rows::{Change, Class, Key, Table, Value};
use deadpool_postgres::ClientWrapper;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio_postgres::Config;

use super::changes::{Scope, by_table};
use super::schema::Schema;
use super::snapshot::page_parameters;
use super::sql::{self, OnConflict, quoted};
use super::{Head, Loaded, Values, postgres, sqlite};
use crate::fault::Fault;

/// How far the clock of the database may be from ours, in microseconds.
const CLOCK_TOLERANCE: i64 = 5_000_000;

/// Writes log, derived and vault tables. A process has one, in its sequencer.
#[derive(Debug)]
pub struct Writer {
    backend: Backend,
    tables: Arc<[&'static Table]>,
}

#[derive(Debug)]
enum Backend {
    Sqlite { connection: Connection, files: Arc<sqlite::Files> },
    Postgres { client: Box<ClientWrapper>, config: Box<Config>, runtime: Handle },
}

impl Writer {
    pub(super) fn sqlite(files: Arc<sqlite::Files>, schema: &Schema) -> Result<Self, Fault> {
        Ok(Self { backend: Backend::Sqlite { connection: files.writer()?, files }, tables: schema.tables.clone().into() })
    }

    /// Must be called in the runtime on which the connection was made.
    pub(super) fn postgres(client: ClientWrapper, config: Config, schema: &Schema) -> Self {
        Self {
            backend: Backend::Postgres { client: Box::new(client), config: Box::new(config), runtime: Handle::current() },
            tables: schema.tables.clone().into(),
        }
    }

    /// Begins a transaction with the head locked: no other server commits until it ends.
    ///
    /// # Errors
    /// [`Fault::Database`], also when another server holds the head for more than two seconds; [`Fault::ClockSkew`].
    pub async fn begin(&mut self) -> Result<Tx<'_>, Fault> {
        match &mut self.backend {
            Backend::Sqlite { connection, .. } => Tx::sqlite(connection, &self.tables),
            Backend::Postgres { client, .. } => Tx::postgres(client, &self.tables).await,
        }
    }

    /// Makes the connection anew: what to do after [`Fault::UnknownCommit`] and after a lost connection.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub async fn reconnect(&mut self) -> Result<(), Fault> {
        match &mut self.backend {
            Backend::Sqlite { connection, files } => *connection = files.writer()?,
            Backend::Postgres { client, config, runtime } => {
                // On the runtime of the first connection: the sequencer's own runs only while it is waited for.
                let connecting = runtime.spawn(postgres::connect(Config::clone(config)));
                **client = connecting.await.map_err(|error| Fault::database("connect to the database", error))??;
            }
        }
        Ok(())
    }
}

/// A private, temporary SQLite database with the same tables, without scratch: rebuilding into it checks the real one. It is
/// gone when dropped, and nothing in it survives a crash.
#[derive(Debug)]
pub struct Scratchpad {
    connection: Connection,
    tables: Arc<[&'static Table]>,
}

impl Scratchpad {
    /// An empty one.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn open(schema: &Schema) -> Result<Self, Fault> {
        Ok(Self { connection: sqlite::temporary(schema)?, tables: schema.tables.clone().into() })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn begin(&mut self) -> Result<Tx<'_>, Fault> {
        Tx::sqlite(&mut self.connection, &self.tables)
    }
}

/// A transaction. Dropping it without [`Tx::commit`] stores nothing. After a failed statement only dropping is left: that is
/// how PostgreSQL has it, and SQLite does the same here.
#[derive(Debug)]
pub struct Tx<'a> {
    link: Link<'a>,
    head: Head,
    new_head: Option<Head>,
    stage: Stage,
    scope: Scope,
    tables: &'a [&'static Table],
}

#[derive(Debug)]
enum Link<'a> {
    Sqlite(&'a mut Connection),
    Postgres(&'a mut ClientWrapper),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// A statement failed or was abandoned half way.
    Broken,
    Committed,
}

impl<'a> Tx<'a> {
    fn sqlite(connection: &'a mut Connection, tables: &'a [&'static Table]) -> Result<Self, Fault> {
        sqlite::run(connection, "BEGIN IMMEDIATE")?;
        let mut tx = Self::new(Link::Sqlite(connection), Scope::Record, tables);
        if let Link::Sqlite(connection) = &tx.link {
            tx.head = Head::from_values(&sqlite::query(connection, "SELECT size, at FROM head WHERE id = 1", &[])?)?;
        }
        Ok(tx)
    }

    async fn postgres(client: &'a mut ClientWrapper, tables: &'a [&'static Table]) -> Result<Self, Fault> {
        // Made before BEGIN is sent: whatever happens from here on, dropping it rolls back.
        let mut tx = Self::new(Link::Postgres(client), Scope::Record, tables);
        if let Link::Postgres(client) = &tx.link {
            let before = now();
            let numbers = postgres::integers(client, LOCK_HEAD).await?;
            check_clock(before, &numbers, now())?;
            tx.head = Head::from_integers(&numbers)?;
        }
        Ok(tx)
    }

    /// A transaction for scratch tables, without the head lock.
    pub(super) async fn scratch(client: &'a mut ClientWrapper) -> Result<Self, Fault> {
        let tx = Self::new(Link::Postgres(client), Scope::Scratch, &[]);
        if let Link::Postgres(client) = &tx.link {
            postgres::integers(client, "BEGIN").await?;
        }
        Ok(tx)
    }

    fn new(link: Link<'a>, scope: Scope, tables: &'a [&'static Table]) -> Self {
        let head = Head { size: 0, at: chancery_core::names::Timestamp::from_micros(0) };
        Self { link, head, new_head: None, stage: Stage::Open, scope, tables }
    }

    /// The head when the transaction began.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Sets the head; written with the commit.
    pub fn set_head(&mut self, head: Head) {
        self.new_head = Some(head);
    }

    /// The rows with these keys, in the order of the keys; `None` where there is none. One statement per table.
    ///
    /// # Errors
    /// [`Fault::Database`], [`Fault::BadRow`].
    pub async fn load(&mut self, keys: Vec<Key>) -> Result<Loaded, Fault> {
        self.enter()?;
        let loaded = match &mut self.link {
            Link::Sqlite(connection) => sqlite::load(connection, keys),
            Link::Postgres(client) => postgres::load(client, keys).await,
        };
        self.leave(loaded)
    }

    /// Rows of a query with `$1` placeholders.
    ///
    /// # Errors
    /// [`Fault::Database`], [`Fault::BadRow`].
    pub async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Values>, Fault> {
        self.enter()?;
        let rows = match &mut self.link {
            Link::Sqlite(connection) => sqlite::query(connection, sql, parameters),
            Link::Postgres(client) => postgres::query(client, sql, parameters).await,
        };
        self.leave(rows)
    }

    /// A page of a table in the order of its key (text by bytes), after the key `after`, at most `limit` rows.
    ///
    /// # Errors
    /// [`Fault::Database`], [`Fault::BadRow`].
    pub async fn scan(&mut self, table: &Table, after: Option<Values>, limit: u32) -> Result<Vec<Values>, Fault> {
        let text = sql::page(table, after.is_some());
        self.query(&text, &page_parameters(after, limit)).await
    }

    /// Inserts rows.
    ///
    /// # Errors
    /// [`Fault::Database`] when a key or unique value is taken; [`Fault::Config`] for a scratch table.
    pub async fn insert(&mut self, table: &'static Table, rows: &[Values]) -> Result<(), Fault> {
        self.write(table, rows, OnConflict::Fail).await
    }

    /// Inserts or replaces rows.
    ///
    /// # Errors
    /// [`Fault::Database`]; [`Fault::Config`] for a scratch table.
    pub async fn put(&mut self, table: &'static Table, rows: &[Values]) -> Result<(), Fault> {
        self.write(table, rows, OnConflict::Replace).await
    }

    /// Deletes the rows with these keys; a key without row is no error.
    ///
    /// # Errors
    /// [`Fault::Database`]; [`Fault::Config`] for a scratch table.
    pub async fn remove(&mut self, table: &'static Table, keys: &[Values]) -> Result<(), Fault> {
        self.scope.check(table)?;
        self.enter()?;
        let done = match &mut self.link {
            Link::Sqlite(connection) => sqlite::remove(connection, table, keys),
            Link::Postgres(client) => postgres::remove(client, table, keys).await,
        };
        self.leave(done)
    }

    /// Writes the changes of an overlay: one statement per table, on PostgreSQL all sent at once.
    ///
    /// # Errors
    /// [`Fault::Database`]; [`Fault::Config`] for a scratch table.
    pub async fn flush(&mut self, changes: BTreeMap<Key, Change>) -> Result<(), Fault> {
        let changes = by_table(changes);
        for change in &changes {
            self.scope.check(change.table)?;
        }
        self.enter()?;
        let done = match &mut self.link {
            Link::Sqlite(connection) => sqlite::flush(connection, &changes),
            Link::Postgres(client) => postgres::flush(client, &changes).await,
        };
        self.leave(done)
    }

    /// Deletes all rows of all tables of a class. Readers see the old rows until the commit.
    ///
    /// # Errors
    /// [`Fault::Database`]; [`Fault::Config`] for the class scratch.
    pub async fn truncate_class(&mut self, class: Class) -> Result<(), Fault> {
        for table in self.tables.iter().filter(|table| table.class == class) {
            self.scope.check(table)?;
            self.query(&format!("DELETE FROM {}", quoted(table.name)), &[]).await?;
        }
        Ok(())
    }

    /// Stores everything. When it returns `Ok`, the data survives a power cut.
    ///
    /// # Errors
    /// [`Fault::UnknownCommit`] when the connection (or the disk under SQLite) was lost on the way: call [`Writer::reconnect`] and
    /// look. After any other fault nothing is stored.
    pub async fn commit(mut self) -> Result<(), Fault> {
        self.enter()?;
        let update = self.new_head.map(|head| format!("UPDATE head SET size = {}, at = {} WHERE id = 1; ", head.size, head.at.micros()));
        let update = update.unwrap_or_default();
        // A crash before the database has the commit on its disk leaves nothing of this transaction; after that, all of it.
        match &mut self.link {
            Link::Sqlite(connection) => {
                connection.execute_batch(&update).map_err(|error| Fault::database("set the head", error))?;
                sqlite::commit(connection)?;
            }
            Link::Postgres(client) => postgres::commit(client, &update).await?,
        }
        self.stage = Stage::Committed;
        Ok(())
    }

    async fn write(&mut self, table: &'static Table, rows: &[Values], conflict: OnConflict) -> Result<(), Fault> {
        self.scope.check(table)?;
        self.enter()?;
        let done = match &mut self.link {
            Link::Sqlite(connection) => sqlite::write(connection, table, rows, conflict),
            Link::Postgres(client) => postgres::write(client, table, rows, conflict).await,
        };
        self.leave(done)
    }

    /// Marks the transaction broken until [`Tx::leave`] says otherwise: a future that is dropped half way never says so.
    /// Without this a COMMIT after a failed statement would answer like a success on PostgreSQL, and store nothing.
    fn enter(&mut self) -> Result<(), Fault> {
        if self.stage != Stage::Open {
            return Err(Fault::database("go on with the transaction", "an earlier statement of it failed"));
        }
        self.stage = Stage::Broken;
        Ok(())
    }

    fn leave<T>(&mut self, done: Result<T, Fault>) -> Result<T, Fault> {
        if done.is_ok() {
            self.stage = Stage::Open;
        }
        done
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.stage == Stage::Committed {
            return;
        }
        match &self.link {
            Link::Sqlite(connection) => sqlite::roll_back(connection),
            Link::Postgres(client) => postgres::roll_back(client),
        }
    }
}

/// One round trip. The lock waits for the other server's commit and then sees its head.
const LOCK_HEAD: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT size, at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM head WHERE id = 1 FOR UPDATE";

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// The database read its clock between `before` and `after`.
fn check_clock(before: i64, numbers: &[i64], after: i64) -> Result<(), Fault> {
    let Some(theirs) = numbers.get(2).copied() else { return Ok(()) };
    let nearest = theirs.clamp(before.min(after), before.max(after));
    let skew = theirs.saturating_sub(nearest);
    if skew.abs() > CLOCK_TOLERANCE { Err(Fault::ClockSkew { milliseconds: skew / 1000 }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_five_seconds_off_is_refused() {
        for (before, theirs, after, wanted) in [
            (10_000_000, 10_000_500, 10_001_000, None),
            (10_000_000, 5_000_000, 10_001_000, None),
            (10_000_000, 4_999_000, 10_001_000, Some(-5001)),
            (10_000_000, 15_001_000, 10_001_000, None),
            (10_000_000, 15_003_000, 10_001_000, Some(5002)),
        ] {
            let found = match check_clock(before, &[0, 0, theirs], after) {
                Ok(()) => None,
                Err(Fault::ClockSkew { milliseconds }) => Some(milliseconds),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, wanted, "{theirs}");
        }
    }
}
