//! The order of a search: keys with directions, always made total by name and number, so that pages never overlap.

use super::Bad;
use super::filter::{Target, quoted};
use super::lexer::{self, Kind};

/// A total order of what is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub(super) terms: Vec<Term>,
}

/// A key and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) by: By,
    pub(super) direction: Direction,
}

/// What is compared. Times count in milliseconds, as clients see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Name,
    Number,
    Created,
    Updated,
}

/// Which comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Term {
    const fn ascending(by: By) -> Self {
        Self { by, direction: Direction::Ascending }
    }

    const fn descending(by: By) -> Self {
        Self { by, direction: Direction::Descending }
    }
}

impl Order {
    /// One letter for each term, to see whether a page token belongs to this order.
    pub(super) fn signature(&self) -> String {
        let letter = |term: &Term| {
            let letter = match term.by {
                By::Name => 'n',
                By::Number => 'v',
                By::Created => 'c',
                By::Updated => 'u',
            };
            if term.direction == Direction::Descending { letter.to_ascii_uppercase() } else { letter }
        };
        self.terms.iter().map(letter).collect()
    }

    fn has(&self, by: By) -> bool {
        self.terms.iter().any(|term| term.by == by)
    }
}

/// Understands the `order_by` of a request; none gives the default order of the target.
///
/// # Errors
/// The text for INVALID_PARAMETER_VALUE.
pub fn parse_order(clauses: &[String], target: Target) -> Result<Order, Bad> {
    let mut order = Order { terms: Vec::new() };
    for clause in clauses {
        let term = term(clause, target)?;
        if order.has(term.by) {
            let shown: Vec<String> = clauses.iter().map(|clause| quoted(clause)).collect();
            return Err(Bad(format!("`order_by` contains duplicate fields: [{}]", shown.join(", "))));
        }
        order.terms.push(term);
    }
    if clauses.is_empty() && target == Target::Versions {
        order.terms.push(Term::descending(By::Updated));
    }
    if !order.has(By::Name) {
        order.terms.push(Term::ascending(By::Name));
    }
    if target == Target::Versions && !order.has(By::Number) {
        order.terms.push(Term::descending(By::Number));
    }
    Ok(order)
}

/// `key`, `key ASC` or `key DESC`.
fn term(clause: &str, target: Target) -> Result<Term, Bad> {
    let unclear = || Bad(format!("Invalid order_by clause '{clause}'. Could not be parsed."));
    let tokens = lexer::tokens(clause);
    let (key, direction) = match tokens.as_slice() {
        [key] => (key, Direction::Ascending),
        [key, word] if word.is_word("asc") => (key, Direction::Ascending),
        [key, word] if word.is_word("desc") => (key, Direction::Descending),
        [key, word] if key.kind == Kind::Name && word.kind == Kind::Name => return Err(Bad(format!("Invalid ordering key in order_by clause '{clause}'."))),
        _ => return Err(unclear()),
    };
    if key.kind != Kind::Name || clause.trim() != clause || key.is_word("asc") || key.is_word("desc") {
        return Err(unclear());
    }
    let plain = key.text.replace(['`', '"'], "");
    let by = match target {
        Target::Models => by_of_models(&plain)?,
        Target::Versions => by_of_versions(&plain)?,
    };
    Ok(Term { by, direction })
}

fn by_of_models(key: &str) -> Result<By, Bad> {
    match key {
        "name" => Ok(By::Name),
        "timestamp" | "last_updated_timestamp" => Ok(By::Updated),
        _ => Err(Bad(format!("Invalid order by key '{key}' specified. Valid keys are '{{'name', 'timestamp'}}'"))),
    }
}

fn by_of_versions(text: &str) -> Result<By, Bad> {
    const KEYS: &str = "{'name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'}";
    let (entity, key) = text.split_once('.').unwrap_or(("attribute", text));
    match (entity, key) {
        ("attribute", "name") => Ok(By::Name),
        ("attribute", "version_number") => Ok(By::Number),
        ("attribute", "creation_timestamp") => Ok(By::Created),
        ("attribute", "last_updated_timestamp") => Ok(By::Updated),
        ("attribute", _) => Err(Bad(format!("Invalid attribute key '{key}' specified. Valid keys are '{KEYS}'"))),
        ("tag" | "tags", _) => Err(Bad(format!("Invalid order by key '{key}' specified. Valid keys are {KEYS}"))),
        _ => Err(Bad(format!("Invalid entity type '{entity}'. Valid entity types are ('attribute', 'tag', 'tags')"))),
    }
}
