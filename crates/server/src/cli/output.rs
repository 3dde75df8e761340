//! What people and programs see: tables and lines on a terminal, the server's own JSON for programs.
//!
//! INVARIANT: text of the server never reaches a terminal with control characters in it. Colours are not used.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::client::Answer;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and lines for people.
    Table,
    /// The server's JSON.
    Json,
}

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines between head and rows, as wide as the terminal.
    Terminal,
    /// Columns separated by spaces, never wrapped: for pipes.
    Plain,
}

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    style: Style,
}

impl Output {
    /// Prints in `format`; the style follows from whether the standard output is a terminal.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let style = if std::io::stdout().is_terminal() { Style::Terminal } else { Style::Plain };
        Self { format, style }
    }

    /// The format.
    #[must_use]
    pub fn format(self) -> Format {
        self.format
    }

    /// Prints the server's JSON, or for people what `lines` gives.
    pub fn show(self, answer: &Answer, lines: impl FnOnce() -> Vec<String>) {
        match self.format {
            Format::Json => print(answer.text.trim_end()),
            Format::Table => lines().iter().for_each(|line| self.line(line)),
        }
    }

    /// Prints the server's page, or for people a table of its items and how to get more.
    pub fn page(self, answer: &Answer, head: &[&str], row: impl Fn(&Value) -> Vec<String>) {
        self.show(answer, || {
            let items = items(&answer.value);
            if items.is_empty() {
                return vec!["nothing found".to_owned()];
            }
            let mut lines = vec![table(head, &items.iter().map(row).collect::<Vec<_>>(), self.style)];
            if let Some(next) = answer.value.get("next").and_then(Value::as_str) {
                lines.push(format!("there is more: add --after {next}"));
            }
            lines
        });
    }

    /// Prints what a mutation did: `done`, then the entries that record it.
    pub fn receipt(self, answer: &Answer, done: &str) {
        self.show(answer, || vec![format!("{done} (entry {})", text(&answer.value, "/index"))]);
    }

    /// A table in this output's style.
    #[must_use]
    pub fn table(self, head: &[&str], rows: &[Vec<String>]) -> String {
        table(head, rows, self.style)
    }

    /// Prints one line (or block) for people; nothing when the output is JSON.
    pub fn line(self, text: &str) {
        match self.format {
            Format::Table => print(&printable(text)),
            Format::Json => {}
        }
    }

    /// Prints text that is the result itself, whatever the format.
    pub fn raw(self, text: &str) {
        print(text.trim_end_matches('\n'));
    }

    /// Tells a person something beside the result, on the standard error.
    pub fn note(self, text: &str) {
        // Nobody to tell is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{}", printable(text));
    }
}

/// The text at a JSON pointer; numbers and booleans as they are written, nothing as `-`.
#[must_use]
pub fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map_or_else(|| "-".to_owned(), scalar)
}

/// The items of a page, or of a plain list.
#[must_use]
pub fn items(value: &Value) -> &[Value] {
    let list = value.get("items").unwrap_or(value);
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Lines `name: value` for the fields at these pointers that are there.
#[must_use]
pub fn fields(value: &Value, wanted: &[(&str, &str)]) -> Vec<String> {
    let width = wanted.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    let known = wanted.iter().filter(|(_, pointer)| value.pointer(pointer).is_some_and(|value| !is_empty(value)));
    known.map(|(name, pointer)| format!("{:width$} {}", format!("{name}:"), text(value, pointer))).collect()
}

/// Lines `name: value`, aligned; rows with an empty name go on with the one before.
#[must_use]
pub fn labelled(rows: &[(&str, String)]) -> Vec<String> {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    let label = |name: &str| if name.is_empty() { String::new() } else { format!("{name}:") };
    rows.iter().map(|(name, text)| format!("{:width$} {text}", label(name))).collect()
}

/// The moment at a JSON pointer, to the second: `2026-11-21 13:02:19Z`.
#[must_use]
pub fn moment(value: &Value, pointer: &str) -> String {
    let text = text(value, pointer);
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}Z"),
        (_, None) | (None, _) => text,
    }
}

/// The first twelve digits of a digest or commit at a JSON pointer.
#[must_use]
pub fn short(value: &Value, pointer: &str) -> String {
    text(value, pointer).chars().take(12).collect()
}

/// The list at a JSON pointer; empty when there is none.
#[must_use]
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A number for people: at most six digits after the point.
#[must_use]
pub fn number(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer).and_then(Value::as_f64) {
        Some(number) => {
            let digits = format!("{number:.6}");
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        None => text(value, pointer),
    }
}

/// Any JSON as indented lines, empty values left out.
#[must_use]
pub fn outline(value: &Value, indent: usize) -> Vec<String> {
    let space = " ".repeat(indent);
    match value {
        Value::Object(members) => members.iter().filter(|(_, value)| !is_empty(value)).flat_map(|(name, value)| member(&space, name, value, indent)).collect(),
        Value::Array(list) => list.iter().flat_map(|item| list_item(&space, item, indent)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![format!("{space}{}", scalar(value))],
    }
}

/// The text with control characters made visible; line breaks stay.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Bytes for people: `1.5 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

fn table(head: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let mut table = Table::new();
    match style {
        Style::Terminal => table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic),
        Style::Plain => table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(head.iter().map(|name| name.to_uppercase()));
    for row in rows {
        // A line break inside a cell would look like another row.
        table.add_row(row.iter().map(|cell| printable(cell).replace('\n', " ")));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn member(space: &str, name: &str, value: &Value, indent: usize) -> Vec<String> {
    match value {
        Value::Object(_) | Value::Array(_) => {
            let mut lines = vec![format!("{space}{name}:")];
            lines.extend(outline(value, indent + 2));
            lines
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![format!("{space}{name}: {}", scalar(value))],
    }
}

fn list_item(space: &str, item: &Value, indent: usize) -> Vec<String> {
    let mut lines = outline(item, indent + 2);
    if let Some(first) = lines.first_mut() {
        *first = format!("{space}- {}", first.trim_start());
    }
    lines
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(|item| !item.is_array() && !item.is_object()) => list.iter().map(scalar).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn print(text: &str) {
    // `chancery … | head` closes the pipe early; that is no error.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_table_has_one_line_a_row_and_no_control_characters() {
        let rows = vec![vec!["loan".to_owned(), "a\nb\u{1b}[31m".to_owned()], vec!["x".to_owned(), "y".to_owned()]];
        let text = table(&["name", "note"], &rows, Style::Plain);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines, ["NAME  NOTE", "loan  a b\u{fffd}[31m", "x     y"]);
    }

    #[test]
    fn a_terminal_table_has_a_rule_under_its_head() {
        let text = table(&["name"], &[vec!["loan".to_owned()]], Style::Terminal);
        assert!(text.contains("NAME") && text.contains("loan") && text.contains('═'), "{text}");
    }

    #[test]
    fn fields_and_outlines_leave_out_what_is_empty() {
        let value = json!({"a": 1, "b": null, "c": {"d": ["x", {"e": true, "f": []}]}, "g": ""});
        assert_eq!(fields(&value, &[("one", "/a"), ("two", "/b"), ("three", "/c/d/1/e")]), ["one:   1", "three: true"]);
        assert_eq!(outline(&value, 0), ["a: 1", "c:", "  d:", "    - x", "    - e: true"]);
        assert_eq!(text(&json!({"l": [1, 2]}), "/l"), "1, 2");
        assert_eq!(items(&json!({"items": [1], "next": null})).len(), 1);
    }

    #[test]
    fn numbers_moments_and_digests_are_short_for_people() {
        let value = json!({"at": "2026-11-21T13:02:19.505323Z", "digest": "0123456789abcdef", "whole": 2.0, "long": 0.1234567, "small": -0.5, "none": null});
        assert_eq!(moment(&value, "/at"), "2026-11-21 13:02:19Z");
        assert_eq!(moment(&value, "/none"), "-");
        assert_eq!(short(&value, "/digest"), "0123456789ab");
        assert_eq!(["/whole", "/long", "/small", "/none"].map(|at| number(&value, at)), ["2", "0.123457", "-0.5", "-"]);
        assert_eq!(labelled(&[("a", "1".into()), ("", "2".into()), ("long", "3".into())]), ["a:    1", "      2", "long: 3"]);
    }
}
