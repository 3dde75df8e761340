//! Writes of scratch tables: runs, uploads, sessions, cursors. No entry speaks of them, so they need no head lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_core::rows::{Change, Key, Row};

use super::changes::{Scope, by_table};
use super::tx::Tx;
use super::{Backend, connection, sqlite};
use crate::fault::Fault;

/// Writes scratch tables, and refuses any other. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scratch {
    backend: Backend,
}

impl Scratch {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend }
    }

    /// Inserts or replaces rows of one table in one transaction.
    ///
    /// # Errors
    /// As [`Scratch::write`].
    pub async fn put<R: Row>(&self, rows: &[R]) -> Result<(), Fault> {
        let changes = rows.iter().map(Row::to_values).map(|values| {
            let key = Key { table: R::TABLE, values: values.iter().take(R::TABLE.key).cloned().collect() };
            (key, Change::Put(values))
        });
        let changes = changes.collect();
        self.write(changes).await
    }

    /// Deletes rows in one transaction.
    ///
    /// # Errors
    /// As [`Scratch::write`].
    pub async fn remove(&self, keys: Vec<Key>) -> Result<(), Fault> {
        self.write(keys.into_iter().map(|key| (key, Change::Remove)).collect()).await
    }

    /// Makes all changes in one transaction.
    ///
    /// # Errors
    /// [`Fault::Config`] for a table of another class, [`Fault::Database`].
    pub async fn write(&self, changes: BTreeMap<Key, Change>) -> Result<(), Fault> {
        for key in changes.keys() {
            Scope::Scratch.check(key.table)?;
        }
        match &self.backend {
            Backend::Sqlite(files) => {
                let files = Arc::clone(files);
                // Off the async threads: a write may wait for the disk when the log file is folded into the database.
                let write = tokio::task::spawn_blocking(move || {
                    let connection = files.scratch();
                    let done = sqlite::run(&connection, "BEGIN IMMEDIATE")
                        .and_then(|()| sqlite::flush(&connection, &by_table(changes)))
                        .and_then(|()| sqlite::commit(&connection));
                    sqlite::roll_back(&connection);
                    done
                });
                write.await.map_err(|error| Fault::database("write scratch tables", error))?
            }
            Backend::Postgres(pool) => {
                let mut client = connection(pool).await?;
                let mut tx = Tx::scratch(&mut client).await?;
                tx.flush(changes).await?;
                tx.commit().await
            }
        }
    }
}
