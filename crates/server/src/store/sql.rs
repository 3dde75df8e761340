//! SQL text generated from tables: writes are never written by hand. The text of a table is made once and kept: making it anew
//! cost more than the statement.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use chancery_core::rows::{Column, Kind, Table};

/// What an insert does when the key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnConflict {
    /// The statement fails.
    Fail,
    /// The row is replaced.
    Replace,
}

/// What a text does with its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Columns,
    Select,
    InsertRow(OnConflict),
    InsertArrays(OnConflict),
    LoadRow,
    LoadArrays,
    RemoveRow,
    RemoveArrays,
}

/// Texts by the place of their table in memory: tables are statics.
static TEXTS: LazyLock<RwLock<HashMap<(usize, Form), Arc<str>>>> = LazyLock::new(RwLock::default);

fn kept(table: &'static Table, form: Form, make: impl FnOnce() -> String) -> Arc<str> {
    let key = (std::ptr::from_ref(table).addr(), form);
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(text);
    }
    let text: Arc<str> = make().into();
    TEXTS.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&text));
    text
}

/// The columns of the primary key.
pub(super) fn key_columns(table: &Table) -> &'static [Column] {
    table.columns.get(..table.key).unwrap_or(table.columns)
}

/// An identifier in quotes, so that no column name can be a keyword.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Identifiers in quotes, with commas.
pub(super) fn quoted_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    joined(names.map(quoted), ", ")
}

/// All columns of a table, each named with its table.
pub(super) fn columns(table: &'static Table) -> Arc<str> {
    kept(table, Form::Columns, || columns_of(table))
}

/// `SELECT` of all columns of a table, each named with its table, without an end.
pub(super) fn select(table: &'static Table) -> Arc<str> {
    kept(table, Form::Select, || select_from(table))
}

/// A page in key order; after a key when `from` says so. The last parameter is the number of rows.
pub(super) fn page(table: &Table, after: bool) -> String {
    let names = || key_columns(table).iter().map(|column| column.name);
    let keys = quoted_list(names());
    let count = if after { table.key } else { 0 };
    let condition = if after { format!(" WHERE ({keys}) > ({})", placeholders(1, count)) } else { String::new() };
    format!("{}{condition} ORDER BY {keys} LIMIT ${}", select_from(table), count.saturating_add(1))
}

/// Insert of one row, in the text of SQLite.
pub(super) fn insert_row(table: &'static Table, conflict: OnConflict) -> Arc<str> {
    kept(table, Form::InsertRow(conflict), || {
        let values = placeholders(1, table.columns.len());
        for_sqlite(&format!("{} VALUES ({values}){}", insert_into(table), on_conflict(table, conflict))).into_owned()
    })
}

/// Insert of arrays of column values, for PostgreSQL.
pub(super) fn insert_arrays(table: &'static Table, conflict: OnConflict) -> Arc<str> {
    kept(table, Form::InsertArrays(conflict), || format!("{} SELECT * FROM {}{}", insert_into(table), unnest(table.columns), on_conflict(table, conflict)))
}

/// Read of one row by its key, in the text of SQLite.
pub(super) fn load_row(table: &'static Table) -> Arc<str> {
    kept(table, Form::LoadRow, || for_sqlite(&format!("{} WHERE {}", select_from(table), key_equals(table))).into_owned())
}

/// Read of the rows of arrays of key values, for PostgreSQL.
pub(super) fn load_arrays(table: &'static Table) -> Arc<str> {
    kept(table, Form::LoadArrays, || format!("{} JOIN {} ON {}", select_from(table), unnest_keys(table), key_joins(table)))
}

/// Delete of one row by its key, in the text of SQLite.
pub(super) fn remove_row(table: &'static Table) -> Arc<str> {
    kept(table, Form::RemoveRow, || for_sqlite(&format!("DELETE FROM {} WHERE {}", quoted(table.name), key_equals(table))).into_owned())
}

/// Delete of the rows of arrays of key values, for PostgreSQL.
pub(super) fn remove_arrays(table: &'static Table) -> Arc<str> {
    kept(table, Form::RemoveArrays, || format!("DELETE FROM {} USING {} WHERE {}", quoted(table.name), unnest_keys(table), key_joins(table)))
}

/// Rewrites `$1` to `?1`. In SQLite `$1` is a *name*, numbered by its first appearance: `SELECT $2, $1` would swap silently.
pub(super) fn for_sqlite(sql: &str) -> Cow<'_, str> {
    let mut pieces = sql.split('$');
    let Some(first) = pieces.next().filter(|first| first.len() < sql.len()) else { return Cow::Borrowed(sql) };
    let quotes = |piece: &str| piece.bytes().filter(|byte| *byte == b'\'').count();
    let mut text = String::with_capacity(sql.len());
    text.push_str(first);
    let mut in_literal = quotes(first) % 2 == 1;
    for piece in pieces {
        let numbered = piece.starts_with(|character: char| character.is_ascii_digit());
        text.push(if numbered && !in_literal { '?' } else { '$' });
        text.push_str(piece);
        in_literal ^= quotes(piece) % 2 == 1;
    }
    Cow::Owned(text)
}

fn columns_of(table: &Table) -> String {
    joined(table.columns.iter().map(|column| format!("{}.{}", quoted(table.name), quoted(column.name))), ", ")
}

fn select_from(table: &Table) -> String {
    format!("SELECT {} FROM {}", columns_of(table), quoted(table.name))
}

fn insert_into(table: &Table) -> String {
    format!("INSERT INTO {} ({})", quoted(table.name), quoted_list(table.columns.iter().map(|column| column.name)))
}

fn on_conflict(table: &Table, conflict: OnConflict) -> String {
    if conflict == OnConflict::Fail {
        return String::new();
    }
    let key = quoted_list(key_columns(table).iter().map(|column| column.name));
    let others = table.columns.iter().skip(table.key).map(|column| format!("{0} = excluded.{0}", quoted(column.name)));
    let set = joined(others, ", ");
    if set.is_empty() { format!(" ON CONFLICT ({key}) DO NOTHING") } else { format!(" ON CONFLICT ({key}) DO UPDATE SET {set}") }
}

fn unnest(columns: &[Column]) -> String {
    let arrays = columns.iter().enumerate().map(|(position, column)| {
        let kind = match column.kind {
            Kind::Integer => "bigint",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
        };
        format!("${}::{kind}[]", position.saturating_add(1))
    });
    format!("UNNEST({})", joined(arrays, ", "))
}

fn unnest_keys(table: &Table) -> String {
    let names = (0..table.key).map(|position| format!("key_{position}"));
    format!("{} AS wanted ({})", unnest(key_columns(table)), joined(names, ", "))
}

fn key_joins(table: &Table) -> String {
    let pairs = key_columns(table).iter().enumerate();
    joined(pairs.map(|(position, column)| format!("{}.{} = wanted.key_{position}", quoted(table.name), quoted(column.name))), " AND ")
}

fn key_equals(table: &Table) -> String {
    let pairs = key_columns(table).iter().enumerate();
    joined(pairs.map(|(position, column)| format!("{} = ${}", quoted(column.name), position.saturating_add(1))), " AND ")
}

fn placeholders(first: usize, count: usize) -> String {
    joined((first..first.saturating_add(count)).map(|number| format!("${number}")), ", ")
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_renumbered_outside_literals_only() {
        for (given, wanted) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT $2, $1", "SELECT ?2, ?1"),
            ("SELECT a->>'$1' FROM t WHERE b = $12", "SELECT a->>'$1' FROM t WHERE b = ?12"),
            ("SELECT 'it''s $1', $1, $x", "SELECT 'it''s $1', ?1, $x"),
        ] {
            assert_eq!(for_sqlite(given), wanted);
        }
    }
}
