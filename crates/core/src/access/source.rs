//! Access policies as files: statements of Cedar, each with an id, checked against the schema.
//!
//! INVARIANT: a policy that the schema does not know the words of is never in force.

use std::collections::BTreeMap;
use std::fmt;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use crate::names::clipped;

/// Most bytes of all files of an organisation's access policies.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most policies of an organisation.
pub const MAX_POLICIES: usize = 200;
/// Most files of an organisation's access policies.
pub const MAX_FILES: usize = 20;
/// Longest path and longest id, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// What ids of shipped policies begin with.
const SHIPPED: [&str; 3] = ["role.", "team.", "classification."];

/// What is wrong with access policies, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// File.
    pub file: String,
    /// Line at which the policy begins, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, one line.
    pub message: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "`{}`: {}", clipped(&self.file), self.message),
            line => write!(formatter, "`{}`, policy at line {line}: {}", clipped(&self.file), self.message),
        }
    }
}

/// A policy and where it stands.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`, empty when it has none.
    pub title: String,
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Whether it allows or forbids.
    pub effect: Effect,
    pub(super) policy: Policy,
}

/// Whose policies are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// They come with the program.
    Shipped,
    /// An organisation wrote them.
    Organisation,
}

/// Reads the policies of files.
pub(super) fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, whose: Whose, schema: &Schema) -> Result<Vec<Source>, SourceError> {
    let mut found: Vec<Source> = Vec::new();
    for (file, text) in files {
        check_path(file)?;
        for (line, statement) in statements(text) {
            let source = one(file, line, statement, whose)?;
            if let Some(known) = found.iter().find(|known| known.id == source.id) {
                let message = format!("id `{}` is that of the policy in `{}` at line {} too", clipped(&source.id), clipped(&known.file), known.line);
                return Err(SourceError { file: file.to_owned(), line, message });
            }
            found.push(source);
            if found.len() > MAX_POLICIES {
                return Err(SourceError { file: file.to_owned(), line, message: format!("these are more than {MAX_POLICIES} policies") });
            }
        }
    }
    validate(&found, schema)?;
    Ok(found)
}

/// Refuses more files or bytes than an organisation may have.
pub(super) fn check_limits(files: &BTreeMap<String, String>) -> Result<(), SourceError> {
    let whole = |message: String| Err(SourceError { file: files.keys().next().cloned().unwrap_or_default(), line: 0, message });
    let bytes: usize = files.values().map(String::len).sum();
    if files.is_empty() {
        return whole("there is no file".to_owned());
    }
    if files.len() > MAX_FILES {
        return whole(format!("there are {} files; at most {MAX_FILES} are accepted", files.len()));
    }
    if bytes > MAX_BYTES {
        return whole(format!("the files have {bytes} bytes; at most {MAX_BYTES} are accepted"));
    }
    Ok(())
}

fn check_path(file: &str) -> Result<(), SourceError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/');
    let parts = file.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    if file.len() <= MAX_NAME_BYTES && file.ends_with(".cedar") && file.chars().all(plain) && parts {
        return Ok(());
    }
    Err(SourceError { file: file.to_owned(), line: 0, message: "a path has letters, digits, `.`, `-`, `_`, `/` and ends with `.cedar`".to_owned() })
}

fn one(file: &str, line: usize, statement: &str, whose: Whose) -> Result<Source, SourceError> {
    let wrong = |message: String| SourceError { file: file.to_owned(), line, message };
    // What the parser says can span lines and quote the source; one line of it names the place well enough.
    let parsed = Policy::parse(None, statement).map_err(|error| wrong(one_line(&error.to_string())))?;
    let Some(id) = parsed.annotation("id").map(str::to_owned) else {
        return Err(wrong("a policy begins with its id, as `@id(\"credit.readers\")`".to_owned()));
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    if id.is_empty() || id.len() > MAX_NAME_BYTES || !id.chars().all(plain) {
        return Err(wrong(format!("an id has letters, digits, `.`, `-` and `_`, at most {MAX_NAME_BYTES}; this is `{}`", clipped(&id))));
    }
    if whose == Whose::Organisation && SHIPPED.iter().any(|prefix| id.starts_with(prefix)) {
        return Err(wrong(format!("id `{id}` begins like one of the policies that ship with the program")));
    }
    let policy = parsed.new_id(PolicyId::new(&id));
    let title = policy.annotation("title").unwrap_or_default().to_owned();
    Ok(Source { id, title: one_line(&title), file: file.to_owned(), line, effect: policy.effect(), policy })
}

fn validate(found: &[Source], schema: &Schema) -> Result<(), SourceError> {
    let broken = |message: String| SourceError { file: found.first().map(|source| source.file.clone()).unwrap_or_default(), line: 0, message };
    let set = PolicySet::from_policies(found.iter().map(|source| source.policy.clone())).map_err(|error| broken(one_line(&error.to_string())))?;
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    // The validator gives its findings in no order; the first of them in the files is what somebody reads first.
    let mut errors: Vec<(usize, String)> = Vec::new();
    for error in result.validation_errors() {
        let place = found.iter().position(|source| source.policy.id() == error.policy_id()).unwrap_or_default();
        errors.push((place, one_line(&error.to_string())));
    }
    errors.sort();
    match errors.into_iter().next() {
        None => Ok(()),
        Some((place, message)) => {
            let source = found.get(place);
            let (file, line) = source.map(|source| (source.file.clone(), source.line)).unwrap_or_default();
            Err(SourceError { file, line, message })
        }
    }
}

/// A message of the parser as one line without control characters.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(300).collect();
    plain.trim().to_owned()
}

/// The statements of a file with the lines at which they begin. Semicolons in texts and comments end nothing.
fn statements(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut start, mut begun, mut line, mut first) = (0, false, 1, 1);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\n' => line += 1,
            '/' if letters.peek().is_some_and(|(_, next)| *next == '/') => {
                while letters.peek().is_some_and(|(_, next)| *next != '\n') {
                    letters.next();
                }
            }
            '"' => {
                if !begun {
                    (begun, first) = (true, line);
                }
                line += skip_text(&mut letters);
            }
            ';' => {
                if let Some(statement) = text.get(start..=at) {
                    found.push((if begun { first } else { line }, statement));
                }
                (start, begun) = (at + 1, false);
            }
            letter if !letter.is_whitespace() && !begun => (begun, first) = (true, line),
            _ => {}
        }
    }
    if begun && let Some(rest) = text.get(start..) {
        found.push((first, rest));
    }
    found
}

/// Goes behind the end of a quoted text; gives the number of lines that it spans.
fn skip_text(letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> usize {
    let mut lines = 0;
    while let Some((_, letter)) = letters.next() {
        match letter {
            '\n' => lines += 1,
            '"' => break,
            '\\' => {
                letters.next();
            }
            _ => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_of_the_language() {
        let text = "// a; comment\n@id(\"a;\\\"b\")\npermit (principal, action, resource);\n\n  forbid (x);\n// end;\n";
        let found = statements(text);
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 5], "{found:?}");
        assert!(found[1].1.ends_with("forbid (x);"));
        assert_eq!(statements("permit (").len(), 1, "what is not ended is a statement, which the parser refuses");
        assert!(statements(" // nothing\n").is_empty());
    }
}
