//! PostgreSQL: connections, settings, and the statements that the store runs on a client.
//!
//! Rows go as one array per column (`UNNEST`): one statement per table, whatever the number of rows. Statements of several
//! tables are sent one after the other without waiting (tokio-postgres pipelines what is polled together).

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_core::rows::{Column, Key, Table, Value};
use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::FutureExt as _;
use futures_util::future::try_join_all;
use tokio_postgres::error::Severity;
use tokio_postgres::types::ToSql;
use tokio_postgres::{SimpleQueryMessage, Statement};

use super::Loaded;
use super::changes::TableChanges;
use super::encoding::{Array, Parameter, arrays, row_values};
use super::migrate::{Step, pending};
use super::postgres_tls::Target;
use super::schema::Schema;
use super::sql::{self, OnConflict, key_columns};
use crate::fault::Fault;

/// Connections for reads and scratch writes.
const CONNECTIONS: usize = 16;
/// How long a reader waits for one of them.
const WAIT: Duration = Duration::from_secs(5);
/// Rows per statement: keeps a message far from PostgreSQL's limit of 1 GB.
const CHUNK: usize = 5_000;
/// Settings that hold on every connection. A lost session must not keep the head lock, and a commit is on the disk when it is answered.
const SETTINGS: &[(&str, &str)] =
    &[("synchronous_commit", "on"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "5s"), ("default_transaction_isolation", "read committed")];

/// Reads the address and adds our settings to it.
pub(super) fn target(address: &str) -> Result<Target, Fault> {
    let Target { mut config, tls } = Target::parse(address)?;
    let mut options = config.get_options().unwrap_or_default().to_owned();
    for (name, value) in SETTINGS {
        options.push_str(&format!(" -c {name}={}", value.replace(' ', "\\ ")));
    }
    config.options(options);
    if config.get_application_name().is_none() {
        config.application_name("chancery");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(WAIT);
    }
    Ok(Target { config, tls })
}

/// A pool for reads and scratch writes; connects when first used. A statement that writes must say `READ WRITE` first, so that no
/// read can turn into a write.
pub(super) fn pool(target: Target) -> Result<Pool, Fault> {
    let Target { mut config, tls } = target;
    // Plans are kept, and one made while a table was small reads all of it: almost every read looks rows up by key or index.
    // A plan that cannot do without reading all looks so dear then that the server would compile it, which takes longer than to run it.
    let plans = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";
    let options = format!("{} -c default_transaction_read_only=on {plans}", config.get_options().unwrap_or_default());
    config.options(options);
    let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let builder = Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1).wait_timeout(Some(WAIT)).create_timeout(Some(WAIT));
    builder.build().map_err(|error| Fault::database("make the pool of database connections", error))
}

/// One connection of its own, for the writer.
pub(super) async fn connect(target: Target) -> Result<ClientWrapper, Fault> {
    let (client, connection) = target.config.connect(target.tls).await.map_err(failed("connect to the database"))?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the writer's database connection ended");
        }
    });
    // Plans are kept, and one made while a table was empty reads all of it: the writer looks rows up by key only.
    let plans = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
    client.batch_execute(plans).await.map_err(failed("set up the database connection"))?;
    Ok(ClientWrapper::new(client, task))
}

/// Refuses a server whose settings would lose or alter what we store.
pub(super) async fn check(client: &ClientWrapper) -> Result<(), Fault> {
    let wanted = SETTINGS.iter().chain(&[("server_encoding", "UTF8")]);
    for (name, value) in wanted {
        let row = client.query_one("SELECT current_setting($1)", &[name]).await.map_err(failed("read the settings of the database"))?;
        let found: String = row.try_get(0).map_err(failed("read the settings of the database"))?;
        if found != *value {
            return Err(Fault::Config(format!("the database has {name} = `{found}`, it must be `{value}`")));
        }
    }
    Ok(())
}

/// Brings the tables up to this build, one server at a time.
pub(super) async fn migrate(client: &mut ClientWrapper, schema: &Schema) -> Result<(), Fault> {
    let wrong = || failed("migrate the database");
    let steps: Vec<Step<'_>> = schema.migrations.iter().map(|migration| Step { version: migration.version, text: &migration.postgres }).collect();
    let transaction = client.transaction().await.map_err(wrong())?;
    let prepare = "SET LOCAL lock_timeout = '60s'; SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock(4851214471);
        CREATE TABLE IF NOT EXISTS migrations (version bigint PRIMARY KEY, checksum text NOT NULL)";
    transaction.batch_execute(prepare).await.map_err(wrong())?;
    let rows = transaction.query("SELECT version, checksum FROM migrations ORDER BY version", &[]).await.map_err(wrong())?;
    let seen = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<(i64, String)>, _>>().map_err(wrong())?;
    for step in pending(&steps, &seen)? {
        transaction.batch_execute(step.text).await.map_err(wrong())?;
        let row: [&(dyn ToSql + Sync); 2] = [&step.version, &step.checksum()];
        transaction.execute("INSERT INTO migrations VALUES ($1, $2)", &row).await.map_err(wrong())?;
    }
    // A crash before this line leaves the database as it was.
    transaction.commit().await.map_err(wrong())
}

/// Runs one or more statements without parameters in one round trip and gives the integers of the last row.
pub(super) async fn integers(client: &ClientWrapper, text: &str) -> Result<Vec<i64>, Fault> {
    let mut found = Vec::new();
    for message in client.simple_query(text).await.map_err(failed("begin a transaction"))? {
        if let SimpleQueryMessage::Row(row) = message {
            found = (0..row.len()).filter_map(|column| row.get(column)?.parse().ok()).collect();
        }
    }
    Ok(found)
}

/// Sends a ROLLBACK without waiting for the answer: the first poll queues it before anything that the connection does later.
pub(super) fn roll_back(client: &ClientWrapper) {
    let _queued = client.batch_execute("ROLLBACK").now_or_never();
}

/// COMMIT, after `before` in the same round trip.
pub(super) async fn commit(client: &ClientWrapper, before: &str) -> Result<(), Fault> {
    client.batch_execute(&format!("{before}COMMIT")).await.map_err(|error| {
        // Only an ERROR says that nothing was stored; FATAL ends a session that may have committed.
        match error.as_db_error().and_then(|answer| answer.parsed_severity()) {
            Some(Severity::Error) => Fault::database("commit", error),
            _ => Fault::UnknownCommit(error.into()),
        }
    })
}

/// Rows of a query with `$1` placeholders.
pub(super) async fn query(client: &ClientWrapper, text: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Fault> {
    let statement = client.prepare_cached(text).await.map_err(failed("prepare a query"))?;
    let parameters: Vec<Parameter<'_>> = parameters.iter().map(Parameter).collect();
    let references: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
    let rows = client.query(&statement, &references).await.map_err(failed("query"))?;
    rows.iter().map(row_values).collect()
}

/// The rows with these keys, in the order of the keys: one statement per table, all sent at once.
pub(super) async fn load(client: &ClientWrapper, keys: Vec<Key>) -> Result<Loaded, Fault> {
    let mut tables: BTreeMap<&str, (&'static Table, Vec<&[Value]>)> = BTreeMap::new();
    for key in &keys {
        tables.entry(key.table.name).or_insert_with(|| (key.table, Vec::new())).1.push(&key.values);
    }
    let mut statements = Vec::with_capacity(tables.len());
    for (table, wanted) in tables.values() {
        let statement = client.prepare_cached(&sql::load_arrays(table)).await.map_err(failed("prepare a load"))?;
        statements.push((statement, *table, arrays(key_columns(table), wanted)?));
    }
    let reads = statements.iter().map(|(statement, table, columns)| async move {
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        let rows = client.query(statement, &parameters).await.map_err(failed(format!("load from table `{}`", table.name)))?;
        Ok::<_, Fault>((*table, rows))
    });
    let mut found: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
    for (table, rows) in try_join_all(reads).await? {
        for row in &rows {
            let values = row_values(row)?;
            found.insert(Key { table, values: values.iter().take(table.key).cloned().collect() }, values);
        }
    }
    drop(statements);
    Ok(keys.into_iter().map(|key| (found.get(&key).cloned(), key)).map(|(values, key)| (key, values)).collect())
}

/// Writes rows of one table. Two rows with one key: the later counts, or with [`OnConflict::Fail`] the statement fails.
pub(super) async fn write(client: &ClientWrapper, table: &'static Table, rows: &[Vec<Value>], conflict: OnConflict) -> Result<(), Fault> {
    let rows: Vec<&[Value]> = match conflict {
        OnConflict::Fail => rows.iter().map(Vec::as_slice).collect(),
        // PostgreSQL refuses an upsert that touches one key twice.
        OnConflict::Replace => rows.iter().map(|row| (row.get(..table.key), row.as_slice())).collect::<BTreeMap<_, _>>().into_values().collect(),
    };
    run(client, vec![Batch { text: sql::insert_arrays(table, conflict), table, columns: table.columns, rows }]).await
}

/// Deletes rows of one table.
pub(super) async fn remove(client: &ClientWrapper, table: &'static Table, keys: &[Vec<Value>]) -> Result<(), Fault> {
    run(client, vec![removal(table, keys)]).await
}

/// Writes changes of any tables: first all removes, so that a unique value can move from one row to another, then all rows.
pub(super) async fn flush(client: &ClientWrapper, changes: &[TableChanges]) -> Result<(), Fault> {
    run(client, changes.iter().map(|change| removal(change.table, &change.removed)).collect()).await?;
    let puts = changes.iter().map(|change| Batch {
        text: sql::insert_arrays(change.table, OnConflict::Replace),
        table: change.table,
        columns: change.table.columns,
        rows: change.put.iter().map(Vec::as_slice).collect(),
    });
    run(client, puts.collect()).await
}

/// A statement and the rows for its arrays.
struct Batch<'a> {
    text: std::sync::Arc<str>,
    table: &'static Table,
    columns: &'static [Column],
    rows: Vec<&'a [Value]>,
}

fn removal<'a>(table: &'static Table, keys: &'a [Vec<Value>]) -> Batch<'a> {
    Batch { text: sql::remove_arrays(table), table, columns: key_columns(table), rows: keys.iter().map(Vec::as_slice).collect() }
}

/// Runs batches in order, without waiting for one before the next is sent.
async fn run(client: &ClientWrapper, batches: Vec<Batch<'_>>) -> Result<(), Fault> {
    let mut statements: Vec<(Statement, &Table, Vec<Array<'_>>)> = Vec::new();
    for batch in batches.iter().filter(|batch| !batch.rows.is_empty()) {
        let statement = client.prepare_cached(&batch.text).await.map_err(failed("prepare a write"))?;
        for rows in batch.rows.chunks(CHUNK) {
            statements.push((statement.clone(), batch.table, arrays(batch.columns, rows)?));
        }
    }
    let writes = statements.iter().map(|(statement, table, columns)| async move {
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        client.execute(statement, &parameters).await.map_err(failed(format!("write table `{}`", table.name)))
    });
    try_join_all(writes).await.map(|_| ())
}

fn failed<D: Into<String>>(doing: D) -> impl FnOnce(tokio_postgres::Error) -> Fault {
    move |error| Fault::database(doing, error)
}
