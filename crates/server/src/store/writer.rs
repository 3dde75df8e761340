//! The one writer of log, derived and vault tables, and the temporary database that looks like it.

use std::sync::Arc;

use chancery_core::rows::Table;
use deadpool_postgres::ClientWrapper;
use rusqlite::Connection;
use tokio::runtime::Handle;

use super::postgres_tls::Target;
use super::schema::Schema;
use super::tx::Tx;
use super::{postgres, sqlite};
use crate::fault::Fault;

/// Writes log, derived and vault tables. A process has one, in its sequencer.
#[derive(Debug)]
pub struct Writer {
    backend: Backend,
    tables: Arc<[&'static Table]>,
}

#[derive(Debug)]
enum Backend {
    Sqlite { connection: Connection, files: Arc<sqlite::Files> },
    Postgres { client: Box<ClientWrapper>, target: Box<Target>, runtime: Handle },
}

impl Writer {
    pub(super) fn sqlite(files: Arc<sqlite::Files>, schema: &Schema) -> Result<Self, Fault> {
        Ok(Self { backend: Backend::Sqlite { connection: files.writer()?, files }, tables: schema.tables.clone().into() })
    }

    /// Must be called in the runtime on which the connection was made.
    pub(super) fn postgres(client: ClientWrapper, target: Target, schema: &Schema) -> Self {
        Self {
            backend: Backend::Postgres { client: Box::new(client), target: Box::new(target), runtime: Handle::current() },
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
            Backend::Postgres { client, target, runtime } => {
                // On the runtime of the first connection: the sequencer's own runs only while it is waited for.
                let connecting = runtime.spawn(postgres::connect(Target::clone(target)));
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
