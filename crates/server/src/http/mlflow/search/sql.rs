//! Conditions of a search as SQL, one text for both databases.
//!
//! INVARIANT: texts compare by bytes. The columns say `COLLATE "C"` on PostgreSQL, LIKE minds the case on both (`store/sqlite.rs` sees to
//! it), and `lower` knows the letters of ASCII only on both.
//! INVARIANT: what a caller wrote is a parameter, never text.

use chancery_core::rows::{ToValue, Value};

use super::clause::{Attribute, Clause, IS_PROMPT, Test};
use super::filter::Target;

/// Parameters of a statement in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Parameters(pub(super) Vec<Value>);

impl Parameters {
    /// The placeholder of a value.
    pub(super) fn put(&mut self, value: impl ToValue) -> String {
        self.put_value(value.value())
    }

    /// As [`Parameters::put`], for a value that is one already.
    pub(super) fn put_value(&mut self, value: Value) -> String {
        self.0.push(value);
        format!("${}", self.0.len())
    }
}

/// Whether a tag belongs to a version (1) or to a model (0), as the index on tags has it.
const OF_VERSION: &str = "CASE WHEN number > 0 THEN 1 ELSE 0 END";
/// Characters of a text that an index holds (`chancery_core::tables::INDEXES`).
const BEGINNING: usize = 100;

/// The beginning of a text without case, as the indexes have it.
fn beginning_of(column: &str) -> String {
    format!("lower(substr({column}, 1, {BEGINNING}))")
}

fn beginning(text: &str) -> String {
    text.chars().take(BEGINNING).collect::<String>().to_ascii_lowercase()
}

/// What must be true of `m` (a model) or of `v` and `m` (a version and its model). What no index can answer is put so that the planner
/// of PostgreSQL takes it for true of most rows: it guesses one row in two hundred otherwise, and sorts the whole table instead of
/// walking to the end of the page. How few fit is counted beforehand.
pub(super) fn condition(clause: &Clause, target: Target, parameters: &mut Parameters) -> String {
    let condition = match clause {
        Clause::Attribute(Attribute::Name, test) => compared("m.name", test, parameters),
        Clause::Attribute(Attribute::RunId, test) => compared("v.run_id", test, parameters),
        Clause::Attribute(Attribute::Source, test) => compared("v.source", test, parameters),
        Clause::Number(order, number) => format!("v.number {order} {}", parameters.put(*number)),
        Clause::Tag(key, test) => tagged(key, test, target, parameters),
    };
    match (clause, target) {
        (Clause::Number("=", _), _) | (Clause::Attribute(Attribute::Name, _), Target::Models) => condition,
        (Clause::Number(..) | Clause::Attribute(..) | Clause::Tag(..), _) => format!("CASE WHEN {condition} THEN 1 ELSE 0 END <> 0"),
    }
}

/// The tag of prompts is compared without case.
fn tagged(key: &str, test: &Test, target: Target, parameters: &mut Parameters) -> String {
    let value = tag(key, target, parameters);
    match test {
        Test::Equal(text) if key == IS_PROMPT => compared(&format!("lower({value})"), &Test::Equal(text.to_ascii_lowercase()), parameters),
        Test::Unequal(text) if key == IS_PROMPT => compared(&format!("lower({value})"), &Test::Unequal(text.to_ascii_lowercase()), parameters),
        Test::Equal(_) | Test::Unequal(_) | Test::Like(_) | Test::LikeAnyCase(_) | Test::In(_) | Test::NotIn(_) => compared(&value, test, parameters),
    }
}

/// The value of a tag; NULL, with which no comparison is true, when it is not set. No database turns this into a join: it stays one look-up.
fn tag(key: &str, target: Target, parameters: &mut Parameters) -> String {
    let of = match target {
        Target::Models => "t.model_id = m.model_id AND t.number = 0",
        Target::Versions => "t.model_id = v.model_id AND t.number = v.number",
    };
    format!("(SELECT t.value FROM tags t WHERE {of} AND t.key = {})", parameters.put(key))
}

fn compared(column: &str, test: &Test, parameters: &mut Parameters) -> String {
    match test {
        Test::Equal(text) => format!("{column} = {}", parameters.put(text.as_str())),
        Test::Unequal(text) => format!("{column} <> {}", parameters.put(text.as_str())),
        Test::Like(pattern) => format!("{column} LIKE {} ESCAPE '\\'", parameters.put(literal(pattern))),
        Test::LikeAnyCase(pattern) => format!("lower({column}) LIKE {} ESCAPE '\\'", parameters.put(literal(&pattern.to_ascii_lowercase()))),
        Test::In(list) => format!("{column} IN ({})", listed(list, parameters)),
        Test::NotIn(list) => format!("{column} NOT IN ({})", listed(list, parameters)),
    }
}

/// A pattern in which a backslash means itself.
fn literal(pattern: &str) -> String {
    pattern.replace('\\', "\\\\")
}

/// The values of a list, the last one repeated up to a power of two: databases keep a plan for each text of a statement.
fn listed(list: &[String], parameters: &mut Parameters) -> String {
    let repeated = list.last().into_iter().cycle();
    let values = list.iter().chain(repeated).take(list.len().next_power_of_two());
    values.map(|value| parameters.put(value.as_str())).collect::<Vec<_>>().join(", ")
}

/// What is true of everything that is no prompt: the model does not say that it is one, or, for versions, no version of the model does.
pub(super) fn no_prompt(target: Target) -> String {
    match target {
        Target::Models => {
            format!("coalesce(lower((SELECT p.value FROM tags p WHERE p.model_id = m.model_id AND p.number = 0 AND p.key = '{IS_PROMPT}')), '') <> 'true'")
        }
        // `lower` of the identifier, which is lower case anyway: otherwise SQLite prefers the primary key and reads all tags of the model.
        Target::Versions => format!(
            "coalesce((SELECT 1 FROM tags p WHERE p.key = '{IS_PROMPT}' AND {} = 1 AND {} = 'true' AND lower(p.model_id) = lower(v.model_id) LIMIT 1), 0) <> 1",
            OF_VERSION.replace("number", "p.number"),
            beginning_of("p.value")
        ),
    }
}

/// A select of `model_id, number` by an index: everything for which a clause can hold, and little else. None without such an index.
pub(super) fn candidates(clause: &Clause, target: Target, model: Option<&str>, parameters: &mut Parameters) -> Option<String> {
    match clause {
        Clause::Tag(key, test) => {
            let of_version = i32::from(target == Target::Versions);
            let key = parameters.put(key.as_str());
            let mut text = format!("SELECT model_id, number FROM tags WHERE key = {key} AND {OF_VERSION} = {of_version}");
            if let Some(range) = range("value", test, parameters) {
                text = format!("{text} AND {range}");
            }
            match (model, test) {
                (Some(model), Test::Equal(_)) => Some(format!("{text} AND lower(model_id) = lower({})", the_model(model, parameters))),
                _ => Some(text),
            }
        }
        Clause::Attribute(Attribute::RunId, test) => Some(format!("SELECT model_id, number FROM versions WHERE {}", range("run_id", test, parameters)?)),
        Clause::Attribute(Attribute::Source, test) => Some(format!("SELECT model_id, number FROM versions WHERE {}", range("source", test, parameters)?)),
        Clause::Number("=", wanted) if model.is_none() => Some(format!("SELECT model_id, number FROM versions WHERE number = {}", parameters.put(*wanted))),
        Clause::Attribute(Attribute::Name, _) | Clause::Number(..) => None,
    }
}

/// The versions of all models whose names fit.
pub(super) fn candidates_by_name(tests: &[&Test], parameters: &mut Parameters) -> String {
    let conditions: Vec<String> = tests.iter().map(|test| compared("n.name", test, parameters)).collect();
    format!("SELECT w.model_id, w.number FROM models n CROSS JOIN versions w WHERE w.model_id = n.model_id AND n.hidden <> 1 AND {}", conditions.join(" AND "))
}

/// The versions of all models that are in sight.
pub(super) const CANDIDATES_BY_SIGHT: &str = "SELECT w.model_id, w.number FROM models n CROSS JOIN versions w WHERE w.model_id = n.model_id AND n.hidden <> 1";

/// The identifier of the visible model with a name.
pub(super) fn the_model(name: &str, parameters: &mut Parameters) -> String {
    format!("(SELECT n.model_id FROM models n WHERE n.name = {} AND n.hidden <> 1 LIMIT 1)", parameters.put(name))
}

/// A range of the index on the beginning of a column, in which everything lies that passes the test.
fn range(column: &str, test: &Test, parameters: &mut Parameters) -> Option<String> {
    let indexed = beginning_of(column);
    match test {
        Test::Equal(text) => Some(format!("{indexed} = {}", parameters.put(beginning(text)))),
        Test::In(list) => {
            let beginnings: Vec<String> = list.iter().map(|text| beginning(text)).collect();
            Some(format!("{indexed} IN ({})", listed(&beginnings, parameters)))
        }
        Test::Like(pattern) | Test::LikeAnyCase(pattern) => {
            let prefix = beginning(pattern.split(['%', '_']).next().unwrap_or_default());
            let end = successor(&prefix)?;
            Some(format!("{indexed} >= {} AND {indexed} < {}", parameters.put(prefix), parameters.put(end)))
        }
        Test::Unequal(_) | Test::NotIn(_) => None,
    }
}

/// The first text after all that begin so; none when there is no such text.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => u32::from(last).checked_add(1).and_then(char::from_u32),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use chancery_core::tables::INDEXES;

    use super::*;

    #[test]
    fn the_indexes_have_what_is_asked_of_them() {
        for (index, expression) in [
            ("tags_by_key", OF_VERSION.to_owned()),
            ("tags_by_key", beginning_of("value")),
            ("tags_by_key", "lower(model_id)".to_owned()),
            ("versions_by_run", beginning_of("run_id")),
            ("versions_by_source", beginning_of("source")),
        ] {
            let columns = INDEXES.iter().find(|known| known.name == index).unwrap().columns;
            assert!(columns.contains(&expression.as_str()), "{index} has no {expression}: {columns:?}");
        }
    }

    #[test]
    fn everything_with_a_prefix_lies_before_its_successor() {
        for (prefix, wanted) in
            [("a", Some("b")), ("a\u{D7FF}", Some("a\u{E000}")), ("a\u{10FFFF}", Some("b")), ("\u{10FFFF}", None), ("", None), ("é", Some("ê"))]
        {
            assert_eq!(successor(prefix).as_deref(), wanted, "{prefix}");
        }
    }

    #[test]
    fn a_list_is_filled_up() {
        let mut parameters = Parameters::default();
        assert_eq!(listed(&["a".to_owned(), "b".to_owned(), "c".to_owned()], &mut parameters), "$1, $2, $3, $4");
        assert_eq!(parameters.0, ["a", "b", "c", "c"].map(|text| Value::Text(text.to_owned())));
    }
}
