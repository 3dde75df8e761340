//! Words of the rules as a page shows them: commands in code, lists cut, values of JSON as text.

use chancery_core::names::clipped;
use serde_json::Value;

use crate::http::ui::filters::{Html, escaped};

/// Most items of a list in one line.
const ITEMS: usize = 12;
/// Most letters of a value in one line.
const LETTERS: usize = 600;

/// Text in which commands stand between backticks.
pub(super) fn prose(text: &str) -> Html {
    let mut markup = String::new();
    for (position, part) in text.split('`').enumerate() {
        let part = escaped(part);
        markup.push_str(&if position % 2 == 1 { format!("<code class=\"brk\">{part}</code>") } else { part });
    }
    Html::made(markup)
}

/// Text of at most so many letters.
pub(super) fn cut(text: &str, letters: usize) -> String {
    let mut shown: String = text.chars().take(letters).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A value of JSON in one line: text as it is, lists by comma, members by name.
pub(super) fn line(value: &Value) -> String {
    cut(&whole(value), LETTERS)
}

fn whole(value: &Value) -> String {
    match value {
        Value::Null => "not known".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => listed(items.iter().map(short)),
        Value::Object(members) => listed(members.iter().map(|(name, member)| format!("{}: {}", label(name), short(member)))),
    }
}

/// A value inside of another one.
fn short(value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => cut(&listed(items.iter().map(whole)), 200),
        Value::Array(_) | Value::Object(_) => cut(&value.to_string(), 120),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => cut(&whole(value), 200),
    }
}

/// The first items by comma, and how many more there are.
pub(super) fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let rest = items.len().saturating_sub(ITEMS);
    let shown = items.take(ITEMS).collect::<Vec<_>>().join(", ");
    match (rest, shown.is_empty()) {
        (_, true) => "none".to_owned(),
        (0, false) => shown,
        (rest, false) => format!("{shown} and {rest} more"),
    }
}

/// The type of a document as people read it.
pub(super) fn kind(evidence_type: &str) -> String {
    match evidence_type {
        "sbom" => "SBOM".to_owned(),
        "vex" => "VEX".to_owned(),
        other => capital(&other.replace('-', " ")),
    }
}

/// Text that begins with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// The name of a member as people read it.
pub(super) fn label(name: &str) -> String {
    clipped(&name.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_stand_in_code_and_nothing_foreign_is_markup() {
        assert_eq!(prose("run `a <b>` now").to_string(), "run <code class=\"brk\">a &#60;b&#62;</code> now");
        assert_eq!(prose("<script>").to_string(), "&#60;script&#62;");
    }

    #[test]
    fn values_are_one_line() {
        for (value, expected) in [
            (json!("a"), "a"),
            (json!(["a", 1, true]), "a, 1, yes"),
            (json!([]), "none"),
            (json!({"inputs": ["a", "b"]}), "inputs: a, b"),
            (json!({"seed_of_run": 1, "x": {"y": 2}}), "seed of run: 1, x: {\"y\":2}"),
            (json!((0..14).collect::<Vec<_>>()), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"),
        ] {
            assert_eq!(line(&value), expected);
        }
        assert_eq!(line(&json!("x".repeat(100_000))).chars().count(), LETTERS + 1);
    }
}
