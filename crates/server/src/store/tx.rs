//! A transaction that writes.

use std::collections::BTreeMap;

use chancery_core::rows::{Change, Class, Key, Table, Value};
use deadpool_postgres::ClientWrapper;
use rusqlite::Connection;

use super::changes::{Scope, by_table};
use super::snapshot::page_parameters;
use super::sql::{self, OnConflict, quoted};
use super::{Head, Loaded, Values, clock, postgres, sqlite};
use crate::fault::Fault;

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
    pub(super) fn sqlite(connection: &'a mut Connection, tables: &'a [&'static Table]) -> Result<Self, Fault> {
        sqlite::run(connection, "BEGIN IMMEDIATE")?;
        let mut tx = Self::new(Link::Sqlite(connection), Scope::Record, tables);
        if let Link::Sqlite(connection) = &tx.link {
            tx.head = Head::from_values(&sqlite::query(connection, "SELECT size, at FROM head WHERE id = 1", &[])?)?;
        }
        Ok(tx)
    }

    pub(super) async fn postgres(client: &'a mut ClientWrapper, tables: &'a [&'static Table]) -> Result<Self, Fault> {
        // Made before BEGIN is sent: whatever happens from here on, dropping it rolls back.
        let mut tx = Self::new(Link::Postgres(client), Scope::Record, tables);
        if let Link::Postgres(client) = &tx.link {
            let before = clock::now();
            let numbers = postgres::integers(client, LOCK_HEAD).await?;
            clock::check(before, &numbers, clock::now())?;
            tx.head = Head::from_integers(&numbers)?;
        }
        Ok(tx)
    }

    /// A transaction for scratch tables, without the head lock.
    pub(super) async fn scratch(client: &'a mut ClientWrapper) -> Result<Self, Fault> {
        let tx = Self::new(Link::Postgres(client), Scope::Scratch, &[]);
        if let Link::Postgres(client) = &tx.link {
            postgres::integers(client, "BEGIN READ WRITE").await?;
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
    /// [`Fault::UnknownCommit`] when the connection (or the disk under SQLite) was lost on the way: call [`super::Writer::reconnect`] and
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
