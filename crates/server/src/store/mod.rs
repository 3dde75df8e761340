//! The database: typed rows by key, reads in SQL, one writer.
//!
//! The store contains no rule. It loads and flushes the rows of the core's tables, the same on SQLite and PostgreSQL.
//!
//! INVARIANT: log, derived and vault tables change only in a [`Tx`] of the one [`Writer`], which holds the lock on the head.
//! INVARIANT: a [`Snapshot`] lives as long as one page or one answer. On SQLite an old one keeps the log file from shrinking, on
//! PostgreSQL it is ended by the server after five idle seconds.
//!
//! SQL for reads is one text for both databases: `$1` placeholders, `sum` cast to bigint, `NULLS LAST` when a sort key can be NULL.

mod changes;
mod clock;
mod encoding;
mod migrate;
mod postgres;
mod postgres_tls;
mod schema;
mod scratch;
pub mod sight;
mod snapshot;
mod sql;
mod sqlite;
mod turn;
mod tx;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use chancery_core::names::Timestamp;
use chancery_core::rows::{Key, Value};
use deadpool_postgres::{Object, Pool};

pub use schema::{Index, Migration, Schema};
pub use scratch::Scratch;
pub use sight::{Density, Readable, Sight};
pub use snapshot::Snapshot;
pub use tx::Tx;
pub use writer::{Scratchpad, Writer};

use crate::fault::Fault;

/// A row as the database gives it.
pub type Values = Vec<Value>;

/// Keys with their rows; `None` where there is no row.
pub type Loaded = Vec<(Key, Option<Values>)>;

/// Key parts or SQL parameters as a `Vec<Value>`, from anything that a column can hold.
#[macro_export]
macro_rules! values {
    ($($part:expr),* $(,)?) => { ::std::vec::Vec::<::chancery_core::rows::Value>::from([$(::chancery_core::rows::ToValue::value(&$part)),*]) };
}

/// Where the data is.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The data folder; it holds the SQLite files.
    pub data: PathBuf,
    /// `postgres://…`; without it the database is SQLite.
    pub database: Option<String>,
}

/// Size and time of the newest entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// Time of the last one.
    pub at: Timestamp,
}

/// Reads, and scratch writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Arc<sqlite::Files>),
    Postgres(Pool),
}

impl Store {
    /// Opens or makes the database, brings it up to `schema`, and checks its settings. Must be called in a tokio runtime; on
    /// PostgreSQL the writer's connection lives on that runtime.
    ///
    /// # Errors
    /// [`Fault::Locked`] when another process has the data folder (SQLite only: PostgreSQL has its own lock),
    /// [`Fault::Config`] when the database is newer, was altered or is set up in a way that loses data, [`Fault::Database`].
    pub async fn open(config: StoreConfig, schema: &Schema) -> Result<(Self, Writer), Fault> {
        let Some(address) = config.database else {
            let files = Arc::new(sqlite::Files::open(&config.data, schema)?);
            let writer = Writer::sqlite(Arc::clone(&files), schema)?;
            return Ok((Self { backend: Backend::Sqlite(files) }, writer));
        };
        let target = postgres::target(&address)?;
        let mut client = postgres::connect(target.clone()).await?;
        postgres::check(&client).await?;
        postgres::migrate(&mut client, schema).await?;
        let pool = postgres::pool(target.clone())?;
        Ok((Self { backend: Backend::Postgres(pool) }, Writer::postgres(client, target, schema)))
    }

    /// Opens an existing database to read it, also beside a server that runs on it. Nothing is locked, made or migrated.
    ///
    /// # Errors
    /// [`Fault::Config`] when there is no database; [`Fault::Database`].
    pub fn open_to_read(config: &StoreConfig) -> Result<Self, Fault> {
        match &config.database {
            None => Ok(Self { backend: Backend::Sqlite(Arc::new(sqlite::Files::open_to_read(&config.data)?)) }),
            Some(address) => Ok(Self { backend: Backend::Postgres(postgres::pool(postgres::target(address)?)?) }),
        }
    }

    /// A consistent view of the database as of now. Drop it before anything slow happens.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub async fn read(&self) -> Result<Snapshot, Fault> {
        match &self.backend {
            Backend::Sqlite(files) => Snapshot::sqlite(Arc::clone(files)),
            Backend::Postgres(pool) => Snapshot::postgres(connection(pool).await?).await,
        }
    }

    /// One statement without a transaction: one round trip on PostgreSQL, where [`Store::read`] needs two more.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub async fn query_one_shot(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Values>, Fault> {
        let _turn = turn::Turn::take();
        match &self.backend {
            Backend::Sqlite(files) => {
                let connection = files.take()?;
                let rows = sqlite::query(&sqlite::held(&connection), sql, parameters);
                files.give_back(&connection);
                rows
            }
            Backend::Postgres(pool) => postgres::query(&*connection(pool).await?, sql, parameters).await,
        }
    }

    /// Whether this process is the only one that writes: always on SQLite, never known on PostgreSQL.
    pub fn is_exclusive(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(_) => true,
            Backend::Postgres(_) => false,
        }
    }

    /// After an erasure: puts what the log files of SQLite still hold into the databases, where deleted bytes are overwritten, and
    /// empties them. A reader in the way leaves that to the next checkpoint. On PostgreSQL it is the work of VACUUM.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub async fn forget_old_pages(&self) -> Result<(), Fault> {
        match &self.backend {
            Backend::Sqlite(files) => {
                let files = Arc::clone(files);
                let done = tokio::task::spawn_blocking(move || files.truncate_logs()).await;
                done.map_err(|error| Fault::database("empty the log files", error))?
            }
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// The writer of scratch tables.
    pub fn scratch(&self) -> Scratch {
        Scratch::new(self.backend.clone())
    }
}

async fn connection(pool: &Pool) -> Result<Object, Fault> {
    pool.get().await.map_err(|error| Fault::database("get a database connection", error))
}

impl Head {
    fn from_integers(numbers: &[i64]) -> Result<Self, Fault> {
        let [size, at, ..] = numbers else {
            return Err(Fault::Config("the table `head` has no row: the database is damaged".to_owned()));
        };
        let size = u64::try_from(*size).map_err(|_| Fault::Config(format!("the table `head` says size {size}: the database is damaged")))?;
        Ok(Self { size, at: Timestamp::from_micros(*at) })
    }

    fn from_values(rows: &[Values]) -> Result<Self, Fault> {
        let numbers = rows.iter().flatten().filter_map(|value| if let Value::Integer(number) = value { Some(*number) } else { None });
        Self::from_integers(&numbers.collect::<Vec<_>>())
    }
}
