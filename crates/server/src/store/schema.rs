//! Tables and indexes as DDL for both databases, and the migrations that make them.
//!
//! A migration is a text that was released: it is embedded, checksummed and never edited. The first one is generated from
//! the tables of the core; `UPDATE_MIGRATIONS=1 cargo test -p chancery --lib migrations` writes it anew until the first release.

use std::fmt::Write as _;

use chancery_core::rows::{Class, Column, Kind, Table};

use super::sql::{key_columns, quoted, quoted_list};

pub use chancery_core::tables::Index;

/// One released step of the database's shape, for each kind of database file.
#[derive(Clone, Debug)]
pub struct Migration {
    /// 1, 2, 3 and so on.
    pub version: i64,
    /// The main file of SQLite.
    pub sqlite: String,
    /// The scratch file of SQLite.
    pub sqlite_scratch: String,
    /// PostgreSQL.
    pub postgres: String,
}

/// The tables that the store serves and the migrations that make them. The table `head` is always there.
#[derive(Clone, Debug)]
pub struct Schema {
    /// All tables but `head`.
    pub tables: Vec<&'static Table>,
    /// All migrations, oldest first.
    pub migrations: Vec<Migration>,
}

/// Tables of this build.
const TABLES: &[&Table] = chancery_core::tables::ALL;
/// Indexes of this build.
#[cfg(test)]
const INDEXES: &[Index] = chancery_core::tables::INDEXES;

impl Schema {
    /// The schema of this build with its embedded migrations.
    pub fn product() -> Self {
        let first = Migration {
            version: 1,
            sqlite: include_str!("../../migrations/0001_sqlite.sql").to_owned(),
            sqlite_scratch: include_str!("../../migrations/0001_sqlite_scratch.sql").to_owned(),
            postgres: include_str!("../../migrations/0001_postgres.sql").to_owned(),
        };
        Self { tables: TABLES.to_vec(), migrations: vec![first] }
    }

    /// A schema of any tables, made by one migration that is generated now.
    pub fn of(tables: &[&'static Table], indexes: &[Index]) -> Self {
        Self { tables: tables.to_vec(), migrations: vec![generate(tables, indexes)] }
    }
}

/// The migration that makes these tables in an empty database.
fn generate(tables: &[&'static Table], indexes: &[Index]) -> Migration {
    let scratch = |table: &Table| table.class == Class::Scratch;
    Migration {
        version: 1,
        sqlite: format!("{SQLITE_HEAD}{}", ddl(tables, indexes, sqlite_table, |table| !scratch(table))),
        sqlite_scratch: ddl(tables, indexes, sqlite_table, scratch),
        postgres: format!("{POSTGRES_HEAD}{}", ddl(tables, indexes, postgres_table, |_| true)),
    }
}

/// Size and time of the ledger's newest entry: one row, locked by every writer before anything else.
const SQLITE_HEAD: &str = "CREATE TABLE head (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
INSERT INTO head (id, size, at) VALUES (1, 0, 0);
";
const POSTGRES_HEAD: &str = "CREATE TABLE head (id bigint PRIMARY KEY, size bigint NOT NULL, at bigint NOT NULL);
INSERT INTO head (id, size, at) VALUES (1, 0, 0);
";

fn ddl(tables: &[&'static Table], indexes: &[Index], create: fn(&Table) -> String, chosen: impl Fn(&Table) -> bool) -> String {
    let mut text = String::new();
    for table in tables.iter().filter(|table| chosen(table)) {
        text.push_str(&create(table));
        for index in indexes.iter().filter(|index| index.table.name == table.name) {
            let unique = if index.unique { "UNIQUE " } else { "" };
            let columns = index.columns.iter().map(|column| index_part(column)).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "CREATE {unique}INDEX {} ON {} ({columns});", quoted(index.name), quoted(table.name));
        }
    }
    text
}

/// A column in quotes, an expression in parentheses.
fn index_part(column: &str) -> String {
    if column.contains([' ', '(']) { format!("({column})") } else { quoted(column) }
}

fn sqlite_table(table: &Table) -> String {
    let kind = |column: &Column| match column.kind {
        Kind::Integer => "INTEGER",
        Kind::Text => "TEXT",
        Kind::Bytes => "BLOB",
    };
    // A single integer key is the rowid itself; any other key would be stored twice without WITHOUT ROWID.
    let rowid = matches!(key_columns(table), [Column { kind: Kind::Integer, .. }]);
    let end = if rowid { "STRICT" } else { "STRICT, WITHOUT ROWID" };
    create_table(table, kind, end)
}

fn postgres_table(table: &Table) -> String {
    // COLLATE "C" compares bytes, as SQLite does: pages in key order are the same on both.
    let kind = |column: &Column| match column.kind {
        Kind::Integer => "bigint",
        Kind::Text => "text COLLATE \"C\"",
        Kind::Bytes => "bytea",
    };
    create_table(table, kind, "")
}

fn create_table(table: &Table, kind: impl Fn(&Column) -> &'static str, end: &str) -> String {
    let mut text = format!("CREATE TABLE {} (\n", quoted(table.name));
    for (position, column) in table.columns.iter().enumerate() {
        let required = if position < table.key { " NOT NULL" } else { "" };
        let _ = writeln!(text, "    {} {}{required},", quoted(column.name), kind(column));
    }
    let key = quoted_list(key_columns(table).iter().map(|column| column.name));
    let _ = write!(text, "    PRIMARY KEY ({key})\n)");
    if !end.is_empty() {
        let _ = write!(text, " {end}");
    }
    text.push_str(";\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_what_the_tables_say() {
        let generated = generate(TABLES, INDEXES);
        let embedded = Schema::product().migrations.remove(0);
        for (name, wanted, found) in [
            ("0001_sqlite.sql", generated.sqlite, embedded.sqlite),
            ("0001_sqlite_scratch.sql", generated.sqlite_scratch, embedded.sqlite_scratch),
            ("0001_postgres.sql", generated.postgres, embedded.postgres),
        ] {
            if std::env::var_os("UPDATE_MIGRATIONS").is_some() {
                std::fs::write(format!("{}/migrations/{name}", env!("CARGO_MANIFEST_DIR")), wanted).unwrap();
            } else {
                assert_eq!(found, wanted, "{name} is stale: run with UPDATE_MIGRATIONS=1");
            }
        }
    }
}
