//! Changes of an overlay, grouped by table.

use std::collections::BTreeMap;

use chancery_core::rows::{Change, Class, Key, Table, Value};

use crate::fault::Fault;

/// What to write in one table. No key occurs twice.
#[derive(Debug)]
pub(super) struct TableChanges {
    pub(super) table: &'static Table,
    /// Rows to insert or replace.
    pub(super) put: Vec<Vec<Value>>,
    /// Keys to delete.
    pub(super) removed: Vec<Vec<Value>>,
}

/// Which tables a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Log, derived and vault tables: under the head lock.
    Record,
    /// Scratch tables.
    Scratch,
}

impl Scope {
    /// Refuses a table of the other scope: a bug of ours, caught before it writes.
    pub(super) fn check(self, table: &Table) -> Result<(), Fault> {
        let scope = if table.class == Class::Scratch { Self::Scratch } else { Self::Record };
        if scope == self { Ok(()) } else { Err(Fault::Config(format!("table `{}` must not be written by this writer", table.name))) }
    }
}

/// Groups changes; the map is ordered by table, so each table comes once.
pub(super) fn by_table(changes: BTreeMap<Key, Change>) -> Vec<TableChanges> {
    let mut groups: Vec<TableChanges> = Vec::new();
    for (key, change) in changes {
        if groups.last().is_none_or(|group| group.table.name != key.table.name) {
            groups.push(TableChanges { table: key.table, put: Vec::new(), removed: Vec::new() });
        }
        let Some(group) = groups.last_mut() else { continue };
        match change {
            Change::Put(values) => group.put.push(values),
            Change::Remove => group.removed.push(key.values),
        }
    }
    groups
}
