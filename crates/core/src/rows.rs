//! Typed rows and the overlay in which commands are decided and entries applied.
//!
//! A [`Table`] names a table of the database, its class and its columns; a [`Row`] is one typed row of it. [`Rows`] holds the
//! rows that were loaded and the changes made to them. Reading a row that has not been loaded gives [`Missing`] and
//! remembers the key: the caller loads the missing keys and runs the same pure function again. So `decide` and `apply`
//! need no database, no list of keys, and are the same for SQLite, PostgreSQL, rebuild and verify.
//!
//! INVARIANT: a function that runs on `Rows` has no effect but on `Rows`; running it twice gives the same result.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::names::{Digest, Timestamp, VersionNumber};

/// One value of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A number, a boolean (0 or 1) or a time (microseconds since the epoch).
    Integer(i64),
    /// Text, also JSON.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integer.
    Integer,
    /// UTF-8 text, compared by bytes.
    Text,
    /// Bytes.
    Bytes,
}

/// Who may write a table (`design.md` section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Entries, payloads, tiles, checkpoints: the record itself.
    Log,
    /// Written only by `apply`; a rebuild makes it anew.
    Derived,
    /// Credentials, directory, private payloads: written with the entry that names the change; erasable.
    Vault,
    /// Uploads and the like: own writer, no entry.
    Scratch,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in SQL.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
}

/// A table: name, class, columns. The first `key` columns are the primary key.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Name in SQL.
    pub name: &'static str,
    /// Who may write it.
    pub class: Class,
    /// Columns in order, key first.
    pub columns: &'static [Column],
    /// Number of leading columns that form the primary key.
    pub key: usize,
}

/// A stored row that does not fit its type: the database was altered or belongs to another version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored row does not fit its type: {0}")]
pub struct BadRow(pub String);

/// A type that one column can hold.
pub trait Field: Sized {
    /// Column type.
    const KIND: Kind;
    /// The value to store.
    fn to_value(&self) -> Value;
    /// Reads a stored value.
    ///
    /// # Errors
    /// [`BadRow`] when the value is of another type or breaks the type's rule.
    fn from_value(value: Value) -> Result<Self, BadRow>;
}

/// A typed row of one table.
pub trait Row: Sized {
    /// Its table.
    const TABLE: &'static Table;
    /// Values in the order of the table's columns.
    fn to_values(&self) -> Vec<Value>;
    /// Reads values in the order of the table's columns.
    ///
    /// # Errors
    /// [`BadRow`] when a value does not fit.
    fn from_values(values: Vec<Value>) -> Result<Self, BadRow>;
}

impl Field for i64 {
    const KIND: Kind = Kind::Integer;
    fn to_value(&self) -> Value {
        Value::Integer(*self)
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        match value {
            Value::Integer(number) => Ok(number),
            other @ (Value::Null | Value::Text(_) | Value::Bytes(_)) => Err(BadRow(format!("expected an integer, found {other:?}"))),
        }
    }
}

impl Field for u64 {
    const KIND: Kind = Kind::Integer;
    fn to_value(&self) -> Value {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        let number = i64::from_value(value)?;
        Self::try_from(number).map_err(|_| BadRow(format!("expected a natural number, found {number}")))
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Integer;
    fn to_value(&self) -> Value {
        Value::Integer(i64::from(*self))
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        match i64::from_value(value)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(BadRow(format!("expected 0 or 1, found {other}"))),
        }
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        match value {
            Value::Text(text) => Ok(text),
            other @ (Value::Null | Value::Integer(_) | Value::Bytes(_)) => Err(BadRow(format!("expected text, found {other:?}"))),
        }
    }
}

impl Field for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn to_value(&self) -> Value {
        Value::Bytes(self.clone())
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            other @ (Value::Null | Value::Integer(_) | Value::Text(_)) => Err(BadRow(format!("expected bytes, found {other:?}"))),
        }
    }
}

impl Field for Timestamp {
    const KIND: Kind = Kind::Integer;
    fn to_value(&self) -> Value {
        Value::Integer(self.micros())
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        i64::from_value(value).map(Self::from_micros)
    }
}

impl Field for VersionNumber {
    const KIND: Kind = Kind::Integer;
    fn to_value(&self) -> Value {
        self.get().to_value()
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        Self::new(u64::from_value(value)?).map_err(|refusal| BadRow(refusal.message))
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::to_value)
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        match value {
            Value::Null => Ok(None),
            other @ (Value::Integer(_) | Value::Text(_) | Value::Bytes(_)) => T::from_value(other).map(Some),
        }
    }
}

impl Field for serde_json::Value {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        let text = String::from_value(value)?;
        serde_json::from_str(&text).map_err(|error| BadRow(error.to_string()))
    }
}

/// People, as a JSON list in a text.
impl Field for Vec<crate::names::ActorId> {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(serde_json::Value::from(self.iter().map(crate::names::ActorId::as_str).collect::<Vec<_>>()).to_string())
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        let text = String::from_value(value)?;
        serde_json::from_str(&text).map_err(|error| BadRow(error.to_string()))
    }
}

macro_rules! text_fields {
    ($($type:ty),+ $(,)?) => {
        $(impl Field for $type {
            const KIND: Kind = Kind::Text;
            fn to_value(&self) -> Value {
                Value::Text(self.to_string())
            }
            fn from_value(value: Value) -> Result<Self, BadRow> {
                Self::parse(&String::from_value(value)?).map_err(|refusal| BadRow(refusal.message))
            }
        })+
    };
}

text_fields!(
    Digest,
    crate::access_log::Day,
    crate::names::ModelName,
    crate::names::AliasName,
    crate::names::TagKey,
    crate::names::ModelId,
    crate::names::ActorId,
    crate::names::PromotionId,
    crate::names::ExceptionId,
    crate::names::RiskId,
    crate::names::ReviewId,
    crate::names::TokenId,
    crate::names::Label,
    crate::names::FilePath,
    crate::names::IdentityId,
);

/// Declares a row type together with its table. The first `key` fields are the primary key.
#[macro_export]
macro_rules! table {
    ($(#[$doc:meta])* $row:ident = $name:literal, $class:ident, key $key:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $row { $($(#[$field_doc])* pub $field: $type,)+ }

        impl $crate::rows::Row for $row {
            const TABLE: &'static $crate::rows::Table = &$crate::rows::Table {
                name: $name,
                class: $crate::rows::Class::$class,
                columns: &[$($crate::rows::Column { name: stringify!($field), kind: <$type as $crate::rows::Field>::KIND }),+],
                key: $key,
            };
            fn to_values(&self) -> Vec<$crate::rows::Value> {
                vec![$($crate::rows::Field::to_value(&self.$field)),+]
            }
            fn from_values(values: Vec<$crate::rows::Value>) -> Result<Self, $crate::rows::BadRow> {
                let mut values = values.into_iter();
                let row = Self {
                    $($field: $crate::rows::Field::from_value(
                        values.next().ok_or_else(|| $crate::rows::BadRow(concat!("no column ", stringify!($field)).to_owned()))?,
                    )
                    .map_err(|bad: $crate::rows::BadRow| $crate::rows::BadRow(format!(concat!($name, ".", stringify!($field), ": {}"), bad.0)))?,)+
                };
                Ok(row)
            }
        }
    };
}

/// The key of one row.
#[derive(Clone, Debug)]
pub struct Key {
    /// The table.
    pub table: &'static Table,
    /// Values of the key columns.
    pub values: Vec<Value>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        same(self.table, other.table) && self.values == other.values
    }
}
impl Eq for Key {}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let tables = if same(self.table, other.table) { std::cmp::Ordering::Equal } else { self.table.name.cmp(other.table.name) };
        tables.then_with(|| self.values.cmp(&other.values))
    }
}
impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.table.name.hash(state);
        self.values.hash(state);
    }
}

/// Most keys that are compared are of one table, which is mostly the same static.
fn same(left: &'static Table, right: &'static Table) -> bool {
    std::ptr::eq(left, right) || left.name == right.name
}

/// Why a pure function on [`Rows`] could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A row has not been loaded; its key is in [`Rows::take_missing`].
    Row,
    /// A stored row does not fit its type.
    Bad(BadRow),
}

/// What a flush must do to one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Insert or replace the row.
    Put(Vec<Value>),
    /// Delete the row.
    Remove,
}

/// Loaded rows and the changes made to them.
#[derive(Debug, Default)]
pub struct Rows {
    loaded: HashMap<Key, Option<Vec<Value>>, foldhash::fast::RandomState>,
    changes: BTreeMap<Key, Change>,
    missing: BTreeSet<Key>,
    complete: bool,
}

impl Rows {
    /// An overlay over an empty database of which every row is known to be absent.
    pub fn empty() -> Self {
        Self { complete: true, ..Self::default() }
    }

    /// The row with this key, as changed by earlier calls.
    ///
    /// # Errors
    /// [`Missing::Row`] when it must be loaded first.
    pub fn get<R: Row>(&mut self, key: &[&dyn ToValue]) -> Result<Option<R>, Missing> {
        let key = Key { table: R::TABLE, values: key.iter().map(|part| part.value()).collect() };
        let found = match self.changes.get(&key) {
            Some(Change::Put(values)) => Some(values.clone()),
            Some(Change::Remove) => None,
            None => match self.loaded.get(&key) {
                Some(values) => values.clone(),
                None if self.complete => None,
                None => {
                    self.missing.insert(key);
                    return Err(Missing::Row);
                }
            },
        };
        found.map(R::from_values).transpose().map_err(Missing::Bad)
    }

    /// Inserts or replaces a row.
    pub fn put<R: Row>(&mut self, row: &R) {
        let values = row.to_values();
        let key = Key { table: R::TABLE, values: values.iter().take(R::TABLE.key).cloned().collect() };
        self.changes.insert(key, Change::Put(values));
    }

    /// Deletes a row; nothing happens when there is none.
    pub fn remove<R: Row>(&mut self, key: &[&dyn ToValue]) {
        let key = Key { table: R::TABLE, values: key.iter().map(|part| part.value()).collect() };
        self.changes.insert(key, Change::Remove);
    }

    /// Deletes the row with this key; nothing happens when there is none.
    pub fn remove_key(&mut self, key: Key) {
        self.changes.insert(key, Change::Remove);
    }

    /// Keys that were asked for and not loaded; the list is emptied.
    pub fn take_missing(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.missing).into_iter().collect()
    }

    /// Whether a row was asked for that is not loaded: what is computed meanwhile is void, but says what else to load.
    pub fn is_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Remembers a key that will be needed, if it is not loaded yet.
    pub fn want(&mut self, key: &Key) {
        if !self.complete && !self.loaded.contains_key(key) {
            self.missing.insert(key.clone());
        }
    }

    /// Number of rows that are known.
    pub fn known(&self) -> usize {
        self.loaded.len()
    }

    /// Takes loaded rows; `None` says that there is no such row.
    pub fn fill(&mut self, key: Key, values: Option<Vec<Value>>) {
        self.loaded.insert(key, values);
    }

    /// Forgets the changes, keeps what was loaded.
    pub fn forget_changes(&mut self) {
        self.changes.clear();
    }

    /// The changes so far, in the order of table and key.
    pub fn changes(&self) -> &BTreeMap<Key, Change> {
        &self.changes
    }

    /// Takes the changes out and treats them as loaded from now on: what a flush calls after it wrote them.
    pub fn take_changes(&mut self) -> BTreeMap<Key, Change> {
        let changes = std::mem::take(&mut self.changes);
        if !self.complete {
            for (key, change) in &changes {
                let values = match change {
                    Change::Put(values) => Some(values.clone()),
                    Change::Remove => None,
                };
                self.loaded.insert(key.clone(), values);
            }
        }
        changes
    }
}

/// Part of a key, by reference.
pub trait ToValue {
    /// The column value.
    fn value(&self) -> Value;
}

impl<T: Field> ToValue for T {
    fn value(&self) -> Value {
        self.to_value()
    }
}

impl ToValue for &str {
    fn value(&self) -> Value {
        Value::Text((*self).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    table! {
        /// A row for the tests.
        Pair = "pairs", Derived, key 1 {
            /// Key.
            name: String,
            /// Value.
            number: Option<u64>,
        }
    }

    #[test]
    fn an_unknown_row_is_asked_for_and_a_changed_one_is_seen() {
        let mut rows = Rows::default();
        assert_eq!(rows.get::<Pair>(&[&"a"]), Err(Missing::Row));
        let missing = rows.take_missing();
        assert_eq!(missing.len(), 1);
        rows.fill(missing[0].clone(), None);
        assert_eq!(rows.get::<Pair>(&[&"a"]), Ok(None));
        let pair = Pair { name: "a".into(), number: Some(3) };
        rows.put(&pair);
        assert_eq!(rows.get::<Pair>(&[&"a"]), Ok(Some(pair)));
        rows.remove::<Pair>(&[&"a"]);
        assert_eq!(rows.get::<Pair>(&[&"a"]), Ok(None));
        rows.forget_changes();
        assert_eq!(rows.get::<Pair>(&[&"a"]), Ok(None));
    }

    #[test]
    fn a_stored_row_of_another_type_is_named() {
        let mut rows = Rows::default();
        let key = Key { table: Pair::TABLE, values: vec![Value::Text("a".into())] };
        rows.fill(key, Some(vec![Value::Text("a".into()), Value::Integer(-1)]));
        assert_eq!(rows.get::<Pair>(&[&"a"]), Err(Missing::Bad(BadRow("pairs.number: expected a natural number, found -1".into()))));
    }
}
