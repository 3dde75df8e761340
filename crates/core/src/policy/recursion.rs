//! Refuses functions that call themselves, directly or through each other, before anything is evaluated.
//!
//! Rego forbids recursion, but regorus finds it only between rules, not between functions: there it runs until the
//! stack of the thread is full, which ends the process. No timer helps. So this check errs on the safe side: it looks at
//! names only, the same name in two packages counts as one function, and any mention counts as a call.

use std::collections::{BTreeMap, BTreeSet};

use super::error::PolicyError;

/// One rule of a bundle as written.
pub(super) struct Definition {
    /// File in the bundle.
    pub(super) file: String,
    /// Line of its head, from 1.
    pub(super) line: u64,
    /// Its text, head and bodies.
    pub(super) text: String,
}

/// Checks that no function of a bundle reaches itself.
///
/// # Errors
/// [`PolicyError::Rego`] names the function and where it is defined.
pub(super) fn refuse_recursion(definitions: &[Definition]) -> Result<(), PolicyError> {
    let mut mentions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut places: BTreeMap<String, &Definition> = BTreeMap::new();
    for definition in definitions {
        let (head, body) = names(&definition.text);
        if let Some(function) = head {
            mentions.entry(function.clone()).or_default().extend(body);
            places.entry(function).or_insert(definition);
        }
    }
    for (function, place) in places {
        if reaches_itself(&function, &mentions) {
            let message = format!("function `{function}` calls itself, directly or through others; functions of one name count as one");
            return Err(PolicyError::Rego { file: place.file.clone(), line: place.line, message });
        }
    }
    Ok(())
}

fn reaches_itself(function: &str, mentions: &BTreeMap<String, BTreeSet<String>>) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![function];
    while let Some(next) = open.pop() {
        for name in mentions.get(next).into_iter().flatten() {
            if name == function {
                return true;
            }
            if seen.insert(name) {
                open.push(name);
            }
        }
    }
    false
}

/// The name that a definition gives to a function (none when it is not one), and all names that follow it.
fn names(text: &str) -> (Option<String>, BTreeSet<String>) {
    let words = words(text);
    let mut rest = words.iter().skip_while(|(word, _)| word == "default");
    // The head may be a path (`a.b.f(x)`): the function is the first name with a parenthesis, unless the head ends before.
    let mut head = None;
    for (word, next) in rest.by_ref() {
        match next {
            Some('(') => {
                head = Some(word.clone());
                break;
            }
            Some('.') => {}
            Some(_) | None => break,
        }
    }
    (head, rest.map(|(word, _)| word.clone()).collect())
}

/// The identifiers outside comments and texts, each with the character that follows it.
fn words(text: &str) -> Vec<(String, Option<char>)> {
    let mut words = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '#' => while characters.next().is_some_and(|skipped| skipped != '\n') {},
            '`' => while characters.next().is_some_and(|skipped| skipped != '`') {},
            '"' => skip_text(&mut characters),
            first if first.is_alphabetic() || first == '_' => {
                let mut word = String::from(first);
                while let Some(part) = characters.next_if(|part| part.is_alphanumeric() || *part == '_') {
                    word.push(part);
                }
                while characters.next_if(|space| space.is_whitespace()).is_some() {}
                words.push((word, characters.peek().copied()));
            }
            _ => {}
        }
    }
    words
}

fn skip_text(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(texts: &[&str]) -> bool {
        let definitions: Vec<Definition> = texts.iter().map(|text| Definition { file: "x.rego".to_owned(), line: 1, text: (*text).to_owned() }).collect();
        refuse_recursion(&definitions).is_err()
    }

    #[test]
    fn cycles_of_functions_are_found() {
        for texts in [
            &["f(x) := f(x + 1)"][..],
            &["f(x) := data.chancery.rules.x.f(x)"],
            &["f(x) := y if { y := [z | z := f (x)] }"],
            &["f(x) := g(x)", "g(x) := h(x)", "h(x) := f(x)"],
            &["f(x) := 1 if x == 0", "f(x) := f(x - 1) if x > 0"],
            &["default f(x) := 1", "f(x) := f(x)"],
            &["a.b.f(x) := a.b.f(x)"],
            &["f(x) := count(x) with count as f"],
            &["f(x) := \"\\\"\" if f(x)"],
        ] {
            assert!(refused(texts), "{texts:?}");
        }
    }

    #[test]
    fn other_functions_are_accepted() {
        for texts in [
            &["f(x) := g(x)", "g(x) := count(x)"][..],
            &["f(x) := \"f(x)\" # f(x)\n"],
            &["f(x) := `f(x)`"],
            &["result := f(1)", "f(x) := result if { result := x }"],
            &["f(x) := 1 if x == 0", "f(x) := 2 if x == 1"],
            &["p contains f(x) if some x in [1]", "f(x) := x"],
        ] {
            assert!(!refused(texts), "{texts:?}");
        }
    }
}
