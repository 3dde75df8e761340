//! Bare rates: the rows of the same commands, made beforehand, written in transactions of a given number of commands, with
//! the settings of the product and nothing else. Every transaction is durable when it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use chancery::store::{Schema, Store, StoreConfig};
use chancery_core::names::Timestamp;
use chancery_core::rows::{Change, Kind, Row as _, Table, Value};
use chancery_core::tables::EntryRow;
use clap::{Args, ValueEnum};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use tokio_postgres::{Client, NoTls, Statement};

use crate::script::{CONNECTIONS, Group, Script, VERSIONS};

/// Which commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kinds {
    /// Changes of a tag.
    Tag,
    /// Registrations.
    Register,
}

/// What to measure.
#[derive(Args, Debug)]
pub struct BareArgs {
    /// Commands.
    #[arg(long)]
    kind: Kinds,
    /// Commands in a transaction.
    #[arg(long)]
    group: usize,
    /// How many.
    #[arg(long)]
    commands: usize,
    /// File with the facts of a version as the server seals them.
    #[arg(long)]
    facts: PathBuf,
    /// Empty data folder.
    #[arg(long)]
    data: PathBuf,
    /// PostgreSQL address; without it SQLite.
    #[arg(long)]
    database: Option<String>,
}

/// Commands per second.
pub async fn run(args: &BareArgs) -> anyhow::Result<f64> {
    let sealed = serde_json::from_slice(&std::fs::read(&args.facts)?)?;
    let mut script = Script::new(0, Timestamp::from_micros(1_700_000_000_000_000), sealed)?;
    let (before, timed) = groups(&mut script, args)?;
    drop(Store::open(StoreConfig { data: args.data.clone(), database: args.database.clone() }, &Schema::product()).await?);
    let seconds = match &args.database {
        None => sqlite(&args.data, &before, &timed)?,
        Some(address) => postgres(address, &before, &timed).await?,
    };
    let commands: usize = timed.iter().map(|group| group.entries.len()).sum();
    Ok(commands as f64 / seconds)
}

/// What is there before the clock runs, and what is measured.
fn groups(script: &mut Script, args: &BareArgs) -> anyhow::Result<(Vec<Group>, Vec<Group>)> {
    let mut before = Vec::new();
    let create = (0..CONNECTIONS).map(|_| script.create()).collect::<Result<Vec<_>, _>>()?;
    before.push(script.group_alone(&create)?);
    for number in 1..=VERSIONS {
        let register = (0..CONNECTIONS).map(|connection| script.register(connection, number)).collect::<Result<Vec<_>, _>>()?;
        before.push(script.group_alone(&register)?);
    }
    if args.kind == Kinds::Tag {
        for number in 0..VERSIONS {
            let tag = (0..CONNECTIONS).map(|connection| script.tag(connection, number)).collect::<Result<Vec<_>, _>>()?;
            before.push(script.group_alone(&tag)?);
        }
    }
    let mut timed = Vec::new();
    let mut commands = Vec::with_capacity(args.group);
    for number in 0..args.commands {
        // One command of each connection in turn, as when all wait for their answer.
        let (connection, turn) = (number % CONNECTIONS, (number / CONNECTIONS) as u64);
        commands.push(match args.kind {
            Kinds::Tag => script.tag(connection, VERSIONS + turn)?,
            Kinds::Register => script.register(connection, VERSIONS + 1 + turn)?,
        });
        if commands.len() == args.group {
            timed.push(script.group_alone(&commands)?);
            commands.clear();
        }
    }
    Ok((before, timed))
}

/// The rows of a group by table.
fn by_table(group: &Group) -> Vec<(&'static Table, Vec<Vec<Value>>)> {
    let mut tables: BTreeMap<&str, (&'static Table, Vec<Vec<Value>>)> = BTreeMap::new();
    for (key, change) in &group.changes {
        if let Change::Put(values) = change {
            tables.entry(key.table.name).or_insert_with(|| (key.table, Vec::new())).1.push(values.clone());
        }
    }
    let entries = (EntryRow::TABLE, group.entries.iter().map(EntryRow::to_values).collect());
    std::iter::once(entries).chain(tables.into_values()).collect()
}

fn columns(table: &Table) -> String {
    table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}

fn upsert(table: &Table) -> String {
    let key = table.columns.iter().take(table.key).map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
    let set = table.columns.iter().skip(table.key).map(|column| format!("\"{0}\" = excluded.\"{0}\"", column.name)).collect::<Vec<_>>().join(", ");
    if set.is_empty() { format!("ON CONFLICT ({key}) DO NOTHING") } else { format!("ON CONFLICT ({key}) DO UPDATE SET {set}") }
}

fn head(group: &Group) -> String {
    format!("UPDATE head SET size = {}, at = {} WHERE id = 1", group.size, group.at)
}

fn sqlite(data: &Path, before: &[Group], timed: &[Group]) -> anyhow::Result<f64> {
    let connection = Connection::open(data.join("chancery.db"))?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let timed: Vec<_> = timed.iter().map(|group| (by_table(group), head(group))).collect();
    for group in before {
        write_sqlite(&connection, &by_table(group), &head(group))?;
    }
    let start = Instant::now();
    for (tables, head) in &timed {
        write_sqlite(&connection, tables, head)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn write_sqlite(connection: &Connection, tables: &[(&'static Table, Vec<Vec<Value>>)], head: &str) -> anyhow::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for (table, rows) in tables {
        let marks = (1..=table.columns.len()).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ");
        let text = format!("INSERT INTO \"{}\" ({}) VALUES ({marks}) {}", table.name, columns(table), upsert(table));
        let mut statement = connection.prepare_cached(&text)?;
        for row in rows {
            statement.execute(params_from_iter(row.iter().map(Parameter)))?;
        }
    }
    connection.execute(head, [])?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
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

/// The values of one column, for UNNEST.
enum Column {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    fn of(kind: Kind, position: usize, rows: &[Vec<Value>]) -> Self {
        let values = rows.iter().map(|row| row.get(position).unwrap_or(&Value::Null));
        match kind {
            Kind::Integer => Self::Integers(values.map(|value| if let Value::Integer(number) = value { Some(*number) } else { None }).collect()),
            Kind::Text => Self::Texts(values.map(|value| if let Value::Text(text) = value { Some(text.clone()) } else { None }).collect()),
            Kind::Bytes => Self::Bytes(values.map(|value| if let Value::Bytes(bytes) = value { Some(bytes.clone()) } else { None }).collect()),
        }
    }

    fn parameter(&self) -> &(dyn tokio_postgres::types::ToSql + Sync) {
        match self {
            Self::Integers(values) => values,
            Self::Texts(values) => values,
            Self::Bytes(values) => values,
        }
    }
}

type Ready = (Vec<(&'static Table, Vec<Column>)>, String);

async fn postgres(address: &str, before: &[Group], timed: &[Group]) -> anyhow::Result<f64> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    let task = tokio::spawn(connection);
    client.batch_execute("SET synchronous_commit = on").await?;
    let mut statements = BTreeMap::new();
    for table in chancery_core::tables::ALL {
        let kind = |kind: Kind| match kind {
            Kind::Integer => "bigint",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
        };
        let arrays = table.columns.iter().zip(1..).map(|(column, number)| format!("${number}::{}[]", kind(column.kind))).collect::<Vec<_>>().join(", ");
        let text = format!("INSERT INTO \"{}\" ({}) SELECT * FROM UNNEST({arrays}) {}", table.name, columns(table), upsert(table));
        statements.insert(table.name, client.prepare(&text).await?);
    }
    for group in before {
        write_postgres(&client, &statements, &ready(group)).await?;
    }
    let timed: Vec<Ready> = timed.iter().map(ready).collect();
    let start = Instant::now();
    for group in &timed {
        write_postgres(&client, &statements, group).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    drop(client);
    task.await??;
    Ok(seconds)
}

fn ready(group: &Group) -> Ready {
    let column = |table: &'static Table, rows: &[Vec<Value>]| {
        table.columns.iter().enumerate().map(|(position, column)| Column::of(column.kind, position, rows)).collect()
    };
    (by_table(group).iter().map(|(table, rows)| (*table, column(table, rows))).collect(), head(group))
}

/// All statements are sent at once; the commit is waited for.
async fn write_postgres(client: &Client, statements: &BTreeMap<&str, Statement>, (tables, head): &Ready) -> anyhow::Result<()> {
    let writes = tables.iter().map(|(table, columns)| async move {
        let statement = statements.get(table.name).context("no such table")?;
        let parameters: Vec<_> = columns.iter().map(Column::parameter).collect();
        client.execute(statement, &parameters).await?;
        anyhow::Ok(())
    });
    let commit = format!("{head}; COMMIT");
    let writes = futures_util::future::try_join_all(writes);
    let (begun, written, committed) = tokio::join!(biased; client.batch_execute("BEGIN"), writes, client.batch_execute(&commit));
    begun?;
    written?;
    Ok(committed?)
}
