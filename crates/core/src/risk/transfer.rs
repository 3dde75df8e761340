//! Risks as CSV (RFC 4180) and JSON, for export and import.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula. Such cells get an
//! apostrophe in front when they are written, which is taken away when they are read (CWE-1236). What is written is read back unchanged.

use serde::{Deserialize, Serialize};

use super::{Assessment, Likelihood, NewMitigation, Severity};
use crate::model::document::moment;
use crate::names::{Label, ModelName, RiskId, Timestamp};
use crate::refusal::{Code, Refusal};

/// Most rows of an import.
pub const MAX_ROWS: usize = 10_000;
/// Largest import, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

const COLUMNS: [&str; 12] =
    ["id", "title", "category", "severity", "likelihood", "level", "status", "description", "requirements", "review_date", "models", "mitigations"];

crate::words! {
    /// How risks are written.
    Format, "format" {
        /// A table: RFC 4180.
        Csv = "csv",
        /// A list of objects.
        Json = "json",
    }
}

/// A risk as it is written and read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Identifier; absent for a new risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RiskId>,
    /// One line.
    pub title: String,
    /// Category.
    pub category: Label,
    /// How bad.
    pub severity: Severity,
    /// How likely.
    pub likelihood: Likelihood,
    /// Level; written for readers, passed over when it is read: it follows from severity and likelihood.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub level: String,
    /// Status; written for readers, passed over when it is read: an import decides nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// More words.
    #[serde(default)]
    pub description: String,
    /// Requirement references.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// When it must be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_date: Option<Timestamp>,
    /// Names of the models that it is linked to.
    #[serde(default)]
    pub models: Vec<ModelName>,
    /// Mitigations.
    #[serde(default)]
    pub mitigations: Vec<MitigationRecord>,
}

/// A mitigation as it is written and read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MitigationRecord {
    /// What is done.
    pub text: String,
    /// Who owes it.
    pub owner: Label,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// When it was done; written for readers, passed over when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

impl Record {
    /// What it says about the risk.
    pub fn assessment(&self) -> Assessment {
        Assessment {
            title: self.title.clone(),
            category: self.category.clone(),
            severity: self.severity,
            likelihood: self.likelihood,
            description: self.description.clone(),
            requirements: self.requirements.clone(),
            review_date: self.review_date,
        }
    }

    /// The mitigations, as planned.
    pub fn planned(&self) -> Vec<NewMitigation> {
        self.mitigations.iter().map(|known| NewMitigation { text: known.text.clone(), owner: known.owner.clone(), due: known.due }).collect()
    }

    fn check(self) -> Result<Self, Refusal> {
        self.assessment().check()?;
        self.planned().iter().try_for_each(super::check_mitigation)?;
        Ok(self)
    }
}

/// Writes records.
pub fn write(records: &[Record], format: Format) -> String {
    match format {
        Format::Json => serde_json::to_string_pretty(records).unwrap_or_default() + "\n",
        Format::Csv => {
            let mut text = COLUMNS.join(",") + "\r\n";
            for record in records {
                let cells: Vec<String> = cells(record).iter().map(|cell| quoted(&guarded(cell))).collect();
                text.push_str(&(cells.join(",") + "\r\n"));
            }
            text
        }
    }
}

/// Reads records: each row with what is wrong in it, if anything. Rows count from 1, without the head.
///
/// # Errors
/// `too_large` over [`MAX_BYTES`] or [`MAX_ROWS`]; `invalid_field` for what is no CSV or JSON list, or has an unknown column.
pub fn read(bytes: &[u8], format: Format) -> Result<Vec<Result<Record, Refusal>>, Refusal> {
    if bytes.len() > MAX_BYTES {
        return Err(Refusal::new(Code::TooLarge, &format!("the import has {} bytes; at most {MAX_BYTES} are accepted", bytes.len())).field("body"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::invalid("body", "the import is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Json => {
            let rows: Vec<serde_json::Value> =
                serde_json::from_str(text).map_err(|error| Refusal::invalid("body", &format!("the import is not a JSON list: {error}")))?;
            check_count(rows.len())?;
            Ok(rows.into_iter().map(from_json).collect())
        }
        Format::Csv => from_csv(text),
    }
}

fn check_count(rows: usize) -> Result<(), Refusal> {
    if rows > MAX_ROWS {
        return Err(Refusal::new(Code::TooLarge, &format!("the import has {rows} rows; at most {MAX_ROWS} are accepted")).field("body"));
    }
    Ok(())
}

fn from_json(row: serde_json::Value) -> Result<Record, Refusal> {
    let record: Record = serde_json::from_value(row).map_err(|error| Refusal::invalid("row", &error.to_string()))?;
    record.check()
}

fn from_csv(text: &str) -> Result<Vec<Result<Record, Refusal>>, Refusal> {
    let mut rows = parse(text)?.into_iter();
    let Some(head) = rows.next() else { return Err(Refusal::invalid("body", "the import has no head row").remedy(&head_remedy())) };
    if let Some(unknown) = head.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let message = format!("the column `{}` is not known", crate::names::clipped(unknown));
        return Err(Refusal::invalid("body", &message).remedy(&head_remedy()));
    }
    check_count(rows.len())?;
    Ok(rows.map(|row| from_cells(&head, row)).collect())
}

fn head_remedy() -> String {
    format!("the columns are {}; title, category, severity and likelihood are needed", COLUMNS.join(", "))
}

fn from_cells(head: &[String], row: Vec<String>) -> Result<Record, Refusal> {
    if row.len() != head.len() {
        return Err(Refusal::invalid("row", &format!("the row has {} cells; the head has {}", row.len(), head.len())));
    }
    let cells: std::collections::HashMap<&str, String> = head.iter().map(String::as_str).zip(row.iter().map(|cell| unguarded(cell))).collect();
    let cell = |name: &str| cells.get(name).map(String::as_str).unwrap_or_default();
    let lines = |name: &str| cell(name).lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect::<Vec<String>>();
    let given = |name: &str| Some(cell(name)).filter(|text| !text.is_empty());
    let mitigations = given("mitigations").map(serde_json::from_str).transpose();
    let record = Record {
        id: given("id").map(RiskId::parse).transpose()?,
        title: cell("title").to_owned(),
        category: Label::parse(cell("category")).map_err(|refusal| refusal.field("category"))?,
        severity: Severity::parse(cell("severity"))?,
        likelihood: Likelihood::parse(cell("likelihood"))?,
        level: String::new(),
        status: String::new(),
        description: cell("description").to_owned(),
        requirements: lines("requirements"),
        review_date: given("review_date").map(moment).transpose().map_err(|refusal| refusal.field("review_date"))?,
        models: lines("models").iter().map(|name| ModelName::parse(name)).collect::<Result<_, _>>()?,
        mitigations: mitigations.map_err(|error| Refusal::invalid("mitigations", &format!("mitigations must be a JSON list: {error}")))?.unwrap_or_default(),
    };
    record.check()
}

/// The cells of a record, in the order of the columns.
fn cells(record: &Record) -> [String; 12] {
    let names: Vec<&str> = record.models.iter().map(ModelName::as_str).collect();
    let mitigations = if record.mitigations.is_empty() { String::new() } else { serde_json::to_string(&record.mitigations).unwrap_or_default() };
    [
        record.id.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.title.clone(),
        record.category.to_string(),
        record.severity.to_string(),
        record.likelihood.to_string(),
        record.level.clone(),
        record.status.clone(),
        record.description.clone(),
        record.requirements.join("\n"),
        record.review_date.map(|date| date.to_string()).unwrap_or_default(),
        names.join("\n"),
        mitigations,
    ]
}

/// Whether a spreadsheet could take the text for a formula, once apostrophes in front of it are gone.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn guarded(cell: &str) -> String {
    if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() }
}

fn unguarded(cell: &str) -> String {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell).to_owned()
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// Where the reader of CSV is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After the quote that ended a cell, unless another follows.
    Closed,
}

/// Rows and cells of RFC 4180; line ends may be CRLF or LF, empty lines are passed over.
fn parse(text: &str) -> Result<Vec<Vec<String>>, Refusal> {
    let (mut rows, mut row, mut cell, mut place) = (Vec::new(), Vec::new(), String::new(), Place::Start);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let ends_line = letter == '\n' || (letter == '\r' && letters.peek() == Some(&'\n'));
        match (place, letter) {
            (Place::Quoted, '"') => place = Place::Closed,
            (Place::Quoted, _) => cell.push(letter),
            (Place::Closed, '"') => {
                cell.push('"');
                place = Place::Quoted;
            }
            (Place::Start, '"') => place = Place::Quoted,
            (Place::Start | Place::Plain | Place::Closed, ',') => {
                row.push(std::mem::take(&mut cell));
                place = Place::Start;
            }
            (Place::Start | Place::Plain | Place::Closed, _) if ends_line => {
                if letter == '\r' {
                    letters.next();
                }
                if !(row.is_empty() && cell.is_empty() && place == Place::Start) {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                place = Place::Start;
            }
            (Place::Closed, _) | (Place::Plain, '"') => {
                let message = format!("row {} is no CSV: a quote stands where none may stand", rows.len());
                return Err(Refusal::invalid("body", &message).remedy("put a cell with quotes between quotes, and double the quotes in it"));
            }
            (Place::Start | Place::Plain, _) => {
                cell.push(letter);
                place = Place::Plain;
            }
        }
    }
    if place == Place::Quoted {
        return Err(Refusal::invalid("body", &format!("row {} is no CSV: a quote is not closed", rows.len())));
    }
    if !(row.is_empty() && cell.is_empty() && place == Place::Start) {
        row.push(cell);
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
