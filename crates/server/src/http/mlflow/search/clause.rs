//! One comparison of a filter: what it compares, how, and with what.

use super::Bad;
use super::filter::{Target, quoted};
use super::lexer::{Kind, Token};

/// A comparison as it stands in the text.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    pub(super) left: &'a str,
    /// Whether the left side is a name.
    pub(super) named: bool,
    /// In upper case.
    pub(super) operator: String,
    pub(super) right: Value<'a>,
}

/// The right side of a comparison as it stands in the text.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A text, or a word that ought to be in quotes.
    Word(&'a str),
    Integer(&'a str),
    Float(&'a str),
    List {
        text: &'a str,
        items: Vec<Token<'a>>,
    },
    Other(&'a str),
}

/// A comparison that holds or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    Attribute(Attribute, Test),
    /// On the number of a version.
    Number(Order, i64),
    /// On the tag with this key; an object without it does not fit, whatever the test.
    Tag(String, Test),
}

/// A text that every object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Name,
    RunId,
    Source,
}

/// A test of a text, by bytes. In patterns `%` stands for any text and `_` for one character; nothing escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equal(String),
    Unequal(String),
    Like(String),
    /// As `Like`, and letters of ASCII count in any case.
    LikeAnyCase(String),
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// A test of a number: SQL's operator.
pub(super) type Order = &'static str;

/// Whether prompts are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Prompts {
    #[default]
    Hidden,
    Shown,
}

/// Tag of everything that is a prompt; its value is compared without case.
pub(super) const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// Most values of a list.
const MAX_LIST: usize = 5_000;
/// Longest pattern in bytes: SQLite takes 50,000, and a backslash in it is doubled.
const MAX_PATTERN: usize = 20_000;

/// A comparison whose names and values make sense; its operator is not looked at yet.
pub(super) struct Sides {
    key: Key,
    operator: String,
    operand: Operand,
}

enum Key {
    Attribute(&'static str),
    Tag(String),
}

enum Operand {
    Text(String),
    List(Vec<String>),
    Integer(i64),
    Float(f64),
}

/// What names and values of a comparison mean.
pub(super) fn sides(comparison: &Comparison<'_>, target: Target) -> Result<Sides, Bad> {
    if !comparison.named {
        return Err(Bad(format!("Invalid comparison clause. Expected 'Identifier' found '{}'", comparison.left)));
    }
    let key = key(comparison.left, target)?;
    let operand = match &key {
        Key::Tag(_) => tag_operand(&comparison.right)?,
        Key::Attribute(name) => attribute_operand(name, comparison, target)?,
    };
    Ok(Sides { key, operator: comparison.operator.clone(), operand })
}

fn key(text: &str, target: Target) -> Result<Key, Bad> {
    let (entity, key) = text.split_once('.').unwrap_or(("attribute", text));
    match entity {
        "tag" | "tags" => Ok(Key::Tag(unquoted(key).unwrap_or(key).to_owned())),
        "attribute" => {
            let (known, shown): (&[&'static str], _) = match target {
                Target::Models => (&["name"], "{'name'}"),
                Target::Versions => (&["name", "version_number", "run_id", "source_path"], "{'name', 'version_number', 'run_id', 'source_path'}"),
            };
            let known = known.iter().find(|known| **known == key);
            known.map(|known| Key::Attribute(known)).ok_or_else(|| Bad(format!("Invalid attribute key '{key}' specified. Valid keys are '{shown}'")))
        }
        _ => Err(Bad(format!("Invalid entity type '{entity}'. Valid entity types are ('attribute', 'tag', 'tags')"))),
    }
}

/// What stands between quotes of any kind.
fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"', '`'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

fn word(text: &str) -> Result<Operand, Bad> {
    let quoted = unquoted(text).filter(|_| !text.starts_with('`'));
    quoted.map(|inner| Operand::Text(inner.to_owned())).ok_or_else(|| {
        Bad(format!("Parameter value is either not quoted or unidentified quote types used for string value {text}. Use either single or double quotes."))
    })
}

fn tag_operand(value: &Value<'_>) -> Result<Operand, Bad> {
    match value {
        Value::Word(text) => word(text),
        Value::Integer(text) | Value::Float(text) | Value::Other(text) | Value::List { text, .. } => {
            Err(Bad(format!("Expected a quoted string value for tag (e.g. 'my-value'). Got value {text}")))
        }
    }
}

fn attribute_operand(name: &str, comparison: &Comparison<'_>, target: Target) -> Result<Operand, Bad> {
    let no_text = |text: &str| Bad(format!("Expected a quoted string value or a list of quoted string values for attributes. Got value {text}"));
    let no_number =
        || Bad("Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' attributes support comparison with numeric values.".to_owned());
    match (&comparison.right, target) {
        (Value::Word(text), _) => word(text),
        (Value::List { text, items }, _) => {
            let list = list(name, items, target)?;
            if comparison.operator.ends_with("IN") { Ok(Operand::List(list)) } else { Err(no_text(text)) }
        }
        (Value::Other(text), _) | (Value::Integer(text) | Value::Float(text), Target::Models) => Err(no_text(text)),
        (Value::Integer(_) | Value::Float(_), Target::Versions) if name != "version_number" => Err(no_number()),
        (Value::Integer(text), Target::Versions) => integer(text).map(Operand::Integer).ok_or_else(no_number),
        (Value::Float(text), Target::Versions) => text.parse().map(Operand::Float).map_err(|_| no_number()),
    }
}

/// A whole number; one that does not fit is as good as the nearest that does: no version has it.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let fits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let nearest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    fits.then(|| text.parse().unwrap_or(nearest))
}

/// The texts of a list. Only here a backslash before a quote or a backslash is an escape, as in the reference.
fn list(name: &str, items: &[Token<'_>], target: Target) -> Result<Vec<String>, Bad> {
    let known: (&[&str], _) = match target {
        Target::Models => (&["name"], "['name']"),
        Target::Versions => (&["name", "run_id"], "['name', 'run_id']"),
    };
    if !known.0.contains(&name) {
        return Err(Bad(format!("Only {} attributes support comparison with a list of quoted string values.", known.1)));
    }
    let wrong = |what: &str| Bad(format!("While parsing a list in the query, expected a non-empty list of string values, but got {what}"));
    if items.is_empty() {
        return Err(wrong("empty list"));
    }
    let mut values = Vec::new();
    let mut numbers = false;
    for pair in items.chunks(2) {
        let separated = pair.get(1).is_none_or(|comma| comma.kind == Kind::Comma);
        match pair.first() {
            Some(item) if separated && matches!(item.kind, Kind::Integer | Kind::Float) => numbers = true,
            Some(item) if separated && matches!(item.kind, Kind::Text | Kind::Name) => {
                values.push(unescaped(word_of_list(item.text).ok_or_else(|| wrong("ill-formed list."))?))
            }
            Some(_) | None => return Err(wrong("ill-formed list.")),
        }
    }
    if numbers {
        let shown: String = items.iter().map(|item| if item.kind == Kind::Comma { ", " } else { item.text }).collect();
        let what = "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list:";
        return Err(Bad(format!("{what} ({shown})")));
    }
    if values.len() > MAX_LIST {
        return Err(Bad(format!("While parsing a list in the query, expected at most {MAX_LIST} values, but got {}", values.len())));
    }
    Ok(values)
}

fn word_of_list(text: &str) -> Option<&str> {
    unquoted(text).filter(|_| !text.starts_with('`'))
}

fn unescaped(text: &str) -> String {
    let mut characters = text.chars().peekable();
    let mut plain = String::with_capacity(text.len());
    while let Some(c) = characters.next() {
        let escaped = if c == '\\' { characters.next_if(|next| matches!(next, '\'' | '"' | '\\')) } else { None };
        plain.push(escaped.unwrap_or(c));
    }
    plain
}

/// The clause, once its operator fits.
pub(super) fn checked(sides: Sides) -> Result<Clause, Bad> {
    let Sides { key, operator, operand } = sides;
    match key {
        Key::Attribute("version_number") => {
            let order = ["=", "!=", "<", "<=", ">", ">="].into_iter().find(|known| *known == operator);
            let order = order.ok_or_else(|| Bad(format!("Invalid comparator for attribute version_number: {operator}")))?;
            Ok(Clause::Number(order, version_number(operand)?))
        }
        Key::Attribute(name) => {
            let attribute = match name {
                "run_id" => Attribute::RunId,
                "source_path" => Attribute::Source,
                _ => Attribute::Name,
            };
            Ok(Clause::Attribute(attribute, test(&operator, operand, "attribute")?))
        }
        Key::Tag(key) => Ok(Clause::Tag(key, test(&operator, operand, "tag")?)),
    }
}

fn version_number(operand: Operand) -> Result<i64, Bad> {
    let wrong = |shown: String| Bad(format!("Invalid value for numeric attribute 'version_number': {shown}"));
    match operand {
        Operand::Integer(number) => Ok(number),
        Operand::Text(text) => integer(&text).ok_or_else(|| wrong(quoted(&text))),
        Operand::Float(number) => Err(wrong(format!("{number:?}"))),
        Operand::List(_) => Err(wrong("a list".to_owned())),
    }
}

fn test(operator: &str, operand: Operand, of: &str) -> Result<Test, Bad> {
    let test = match (operator, operand) {
        ("=", Operand::Text(text)) => Test::Equal(text),
        ("!=", Operand::Text(text)) => Test::Unequal(text),
        ("LIKE", Operand::Text(pattern)) => Test::Like(pattern),
        ("ILIKE", Operand::Text(pattern)) => Test::LikeAnyCase(pattern),
        ("IN", Operand::List(list)) => Test::In(list),
        ("NOT IN", Operand::List(list)) => Test::NotIn(list),
        (_, Operand::Text(_) | Operand::List(_) | Operand::Integer(_) | Operand::Float(_)) => {
            return Err(Bad(format!("Invalid comparator for {of}: {operator}")));
        }
    };
    match &test {
        Test::Like(pattern) | Test::LikeAnyCase(pattern) if pattern.len() > MAX_PATTERN => {
            Err(Bad(format!("Invalid value: a pattern has {} bytes, at most {MAX_PATTERN} are allowed.", pattern.len())))
        }
        Test::Like(_) | Test::LikeAnyCase(_) | Test::Equal(_) | Test::Unequal(_) | Test::In(_) | Test::NotIn(_) => Ok(test),
    }
}

/// What the filter says about prompts. The first comparison of their tag decides; unless it asks for prompts, all comparisons of the
/// tag mean the same: no prompts.
pub(super) fn without_prompts(mut clauses: Vec<Clause>) -> (Vec<Clause>, Prompts) {
    let first = clauses.iter().find_map(|clause| if let Clause::Tag(key, test) = clause { (key == IS_PROMPT).then_some(test) } else { None });
    let shown = match first {
        Some(Test::Equal(value)) => value.eq_ignore_ascii_case("true"),
        Some(Test::Unequal(value)) => value.eq_ignore_ascii_case("false"),
        Some(Test::Like(_) | Test::LikeAnyCase(_) | Test::In(_) | Test::NotIn(_)) | None => false,
    };
    if shown {
        return (clauses, Prompts::Shown);
    }
    clauses.retain(|clause| !matches!(clause, Clause::Tag(key, _) if key == IS_PROMPT));
    (clauses, Prompts::Hidden)
}
