//! The filter of a search: comparisons that must all hold.
//!
//! The grammar, and which mistake is reported first, follow the reference: first what is no comparison at all, then names and values in
//! their order, then operators. The messages are the reference's, because clients and their tests look for them.

use super::Bad;
use super::clause::{self, Clause, Comparison, Prompts, Value};
use super::lexer::{self, Kind, Token};

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Registered models.
    Models,
    /// Versions of models.
    Versions,
}

/// A filter that was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub(super) clauses: Vec<Clause>,
    pub(super) prompts: Prompts,
}

/// Most comparisons of a filter: keeps a statement far from the databases' limits.
const MAX_COMPARISONS: usize = 100;

/// Words that are no names of anything that can be searched: keywords, and what the reference takes for keywords.
const RESERVED: &[&str] = &[
    "and",
    "or",
    "not",
    "in",
    "is",
    "like",
    "ilike",
    "rlike",
    "regexp",
    "between",
    "null",
    "true",
    "false",
    "order",
    "limit",
    "select",
    "union",
    "version",
    "source",
    "timestamp",
    "key",
];

/// Understands a filter; an empty one finds everything.
///
/// # Errors
/// The text for INVALID_PARAMETER_VALUE.
pub fn parse_filter(text: &str, target: Target) -> Result<Filter, Bad> {
    if text.is_empty() {
        return Ok(Filter::default());
    }
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Bad(format!("Invalid filter '{}'. Could not be parsed.", text.replace('\0', "\\0"))));
    }
    let comparisons = comparisons(text)?;
    if comparisons.len() > MAX_COMPARISONS {
        return Err(Bad(format!("Invalid filter: it has {} comparisons, at most {MAX_COMPARISONS} are allowed.", comparisons.len())));
    }
    let sides = comparisons.iter().map(|comparison| clause::sides(comparison, target)).collect::<Result<Vec<_>, _>>()?;
    let clauses = sides.into_iter().map(clause::checked).collect::<Result<Vec<_>, _>>()?;
    let (clauses, prompts) = clause::without_prompts(clauses);
    Ok(Filter { clauses, prompts })
}

/// The comparisons of a text that holds nothing else but `AND`. As in the reference `AND` may be missing, or stand where it does nothing.
fn comparisons(text: &str) -> Result<Vec<Comparison<'_>>, Bad> {
    let tokens = lexer::tokens(text);
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        if token.kind == Kind::Semicolon && !after.is_empty() {
            return Err(Bad(format!("Search filter contained multiple expression {}. Provide AND-ed expression list.", quoted(text))));
        }
        if let Some((comparison, after)) = comparison(text, rest) {
            found.push(comparison);
            rest = after;
        } else if token.is_word("and") {
            rest = after;
        } else if let Some((list, after)) = parenthesis(text, rest) {
            others.push(list);
            rest = after;
        } else {
            others.push(token.text);
            rest = after;
        }
    }
    if others.is_empty() { Ok(found) } else { Err(Bad(format!("Invalid clause(s) in filter string: {}", others.join(", ")))) }
}

/// The comparison that the tokens begin with, and what follows it.
fn comparison<'a, 't>(text: &'a str, tokens: &'t [Token<'a>]) -> Option<(Comparison<'a>, &'t [Token<'a>])> {
    let (left, rest) = tokens.split_first()?;
    let named = left.kind == Kind::Name && !is_reserved(left);
    if !named && !matches!(left.kind, Kind::Text | Kind::Integer | Kind::Float) {
        return None;
    }
    let (operator, rest) = operator(rest)?;
    let (right, rest) = value(text, rest)?;
    let is_list = matches!(right, Value::List { .. });
    let wants_list = matches!(operator.as_str(), "IN" | "NOT IN");
    (is_list || !wants_list).then_some((Comparison { left: left.text, named, operator, right }, rest))
}

/// An operator in upper case, and what follows it.
fn operator<'a, 't>(tokens: &'t [Token<'a>]) -> Option<(String, &'t [Token<'a>])> {
    let (first, rest) = tokens.split_first()?;
    if first.kind == Kind::Operator {
        return Some((first.text.to_owned(), rest));
    }
    let words = |token: &Token<'_>| ["in", "like", "ilike", "rlike", "regexp"].iter().any(|word| token.is_word(word));
    if words(first) {
        return Some((first.text.to_uppercase(), rest));
    }
    let (second, rest) = rest.split_first()?;
    (first.is_word("not") && words(second)).then(|| (format!("NOT {}", second.text.to_uppercase()), rest))
}

/// The right side of a comparison, and what follows it.
fn value<'a, 't>(text: &'a str, tokens: &'t [Token<'a>]) -> Option<(Value<'a>, &'t [Token<'a>])> {
    let (first, rest) = tokens.split_first()?;
    let value = match first.kind {
        Kind::Text => Value::Word(first.text),
        Kind::Name if first.is_word("null") => Value::Other(first.text),
        Kind::Name if !is_reserved(first) => Value::Word(first.text),
        Kind::Integer => Value::Integer(first.text),
        Kind::Float => Value::Float(first.text),
        Kind::Open => {
            let (list, after) = parenthesis(text, tokens)?;
            let inner = rest.len().saturating_sub(after.len()).saturating_sub(1);
            return Some((Value::List { text: list, items: rest.iter().take(inner).copied().collect() }, after));
        }
        Kind::Name | Kind::Operator | Kind::Close | Kind::Comma | Kind::Semicolon | Kind::Other => return None,
    };
    Some((value, rest))
}

/// The text from an opening parenthesis to the one that closes it, and what follows it.
fn parenthesis<'a, 't>(text: &'a str, tokens: &'t [Token<'a>]) -> Option<(&'a str, &'t [Token<'a>])> {
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth = depth.saturating_add(1),
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Name | Kind::Text | Kind::Integer | Kind::Float | Kind::Operator | Kind::Comma | Kind::Semicolon | Kind::Other => {}
        }
        if depth == 0 {
            let place = |token: &Token<'_>| token.text.as_ptr().addr().saturating_sub(text.as_ptr().addr());
            let begin = place(tokens.first()?);
            let end = place(token).saturating_add(token.text.len());
            let after = tokens.get(position.saturating_add(1)..)?;
            return (position > 0).then_some((text.get(begin..end)?, after));
        }
    }
    None
}

fn is_reserved(token: &Token<'_>) -> bool {
    RESERVED.iter().any(|word| token.is_word(word))
}

/// A text in quotes as the reference shows one.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let inner = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
    let inner = if quote == '\'' { inner.replace('\'', "\\'") } else { inner };
    format!("{quote}{inner}{quote}")
}
