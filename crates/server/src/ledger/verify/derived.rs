//! Full mode: every derived row against the rows that the entries make, table by table in the order of the key.

use std::cmp::Ordering;
use std::collections::VecDeque;

use chancery_core::rows::{Class, Table, Value};

use super::{Area, Problem, Report};
use crate::fault::Fault;
use crate::store::{Schema, Snapshot, Tx, Values};

/// Rows that are read at once.
const PAGE: u32 = 1024;

/// Compares all derived tables; of each table the first difference is described and the others are counted.
pub(super) async fn compare(snapshot: &Snapshot, scratch: &mut Tx<'_>, schema: &Schema, report: &mut Report) -> Result<(), Fault> {
    for table in schema.tables.iter().filter(|table| table.class == Class::Derived) {
        let mut differences = Differences { table, first: None, count: 0 };
        match compare_table(snapshot, scratch, &mut differences, report).await {
            Err(Fault::BadRow(bad)) => report.problem(Problem::new(Area::Derived, format!("table {}", table.name), bad.to_string())),
            other => other?,
        }
        differences.tell(report);
    }
    Ok(())
}

async fn compare_table(snapshot: &Snapshot, scratch: &mut Tx<'_>, differences: &mut Differences, report: &mut Report) -> Result<(), Fault> {
    let table = differences.table;
    let (mut expected, mut found) = (Pages::default(), Pages::default());
    loop {
        if expected.is_due() {
            expected.fill(table, scratch.scan(table, expected.after.clone(), PAGE).await?);
        }
        if found.is_due() {
            found.fill(table, snapshot.scan(table, found.after.clone(), PAGE).await?);
        }
        let order = match (expected.rows.front(), found.rows.front()) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(expected), Some(found)) => key(table, expected).cmp(key(table, found)),
        };
        let expected = order.is_le().then(|| expected.rows.pop_front()).flatten();
        let found = order.is_ge().then(|| found.rows.pop_front()).flatten();
        report.derived_rows += u64::from(found.is_some());
        if expected != found {
            differences.add(expected, found);
        }
    }
}

/// Rows of one side that were read and not compared yet.
#[derive(Default)]
struct Pages {
    rows: VecDeque<Values>,
    after: Option<Values>,
    ended: bool,
}

impl Pages {
    fn is_due(&self) -> bool {
        self.rows.is_empty() && !self.ended
    }

    fn fill(&mut self, table: &Table, page: Vec<Values>) {
        self.ended = page.is_empty();
        self.after = page.last().map(|row| key(table, row).to_vec());
        self.rows = page.into();
    }
}

/// What differs in one table.
struct Differences {
    table: &'static Table,
    first: Option<Problem>,
    count: u64,
}

impl Differences {
    fn add(&mut self, expected: Option<Values>, found: Option<Values>) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(describe(self.table, expected.as_deref(), found.as_deref()));
        }
    }

    fn tell(self, report: &mut Report) {
        let Some(mut first) = self.first else { return };
        if self.count > 1 {
            first.message.push_str(&format!("; {} rows of this table differ in all", self.count));
        }
        report.problem(first);
    }
}

fn describe(table: &Table, expected: Option<&[Value]>, found: Option<&[Value]>) -> Problem {
    let shown: Vec<String> = expected.or(found).map(|row| key(table, row)).unwrap_or_default().iter().map(show).collect();
    let place = format!("table {}, key {}", table.name, shown.join(" "));
    let (Some(expected), Some(found)) = (expected, found) else {
        let message = if found.is_none() { "the row is missing" } else { "no entry makes this row" };
        return Problem::new(Area::Derived, place, message);
    };
    let column = table.columns.iter().zip(expected.iter().zip(found)).find(|(_, (expected, found))| expected != found);
    let Some((column, (expected, found))) = column else { return Problem::new(Area::Derived, place, "the row has another number of columns") };
    let problem = Problem::new(Area::Derived, place, format!("column `{}` is not what the entries say", column.name)).values(show(expected), show(found));
    Problem { column: Some(column.name.to_owned()), ..problem }
}

fn key<'v>(table: &Table, row: &'v [Value]) -> &'v [Value] {
    row.get(..table.key).unwrap_or(row)
}

/// A value as a person reads it, cut when it is long.
fn show(value: &Value) -> String {
    const LONGEST: usize = 200;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) if text.chars().count() > LONGEST => format!("`{}…`", text.chars().take(LONGEST).collect::<String>()),
        Value::Text(text) => format!("`{text}`"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}
