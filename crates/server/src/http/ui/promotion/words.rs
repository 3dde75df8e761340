//! Values as people read them: numbers with the digits that matter, facts in a line, lists of names.

use serde_json::Value;

/// Longest text of a value on a page, in letters.
const LONGEST: usize = 240;
/// Most items of a list that are shown.
const MOST_ITEMS: usize = 8;
/// Most digits after the point.
const MOST_DIGITS: usize = 6;

/// A text of at most so many letters.
pub(super) fn clip(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(letters).collect();
    cut.push('…');
    cut
}

/// Names in a sentence: `a`, `a and b`, `a, b and c`.
pub(super) fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Digits after the point with which these numbers are told apart, and at least those of the limits.
pub(super) fn digits(limits: &[Option<f64>], numbers: &[Option<f64>]) -> usize {
    let of_limit = |limit: &f64| format!("{limit}").split_once('.').map_or(0, |(_, digits)| digits.len());
    let least = limits.iter().flatten().map(of_limit).max().unwrap_or(0).clamp(2, MOST_DIGITS);
    let known: Vec<f64> = limits.iter().chain(numbers).flatten().copied().collect();
    let told_apart = |digits: &usize| {
        let shown = |number: &f64| format!("{number:.digits$}");
        known.iter().enumerate().all(|(place, one)| known.iter().skip(place + 1).all(|other| one.total_cmp(other).is_eq() || shown(one) != shown(other)))
    };
    (least..=MOST_DIGITS).find(told_apart).unwrap_or(MOST_DIGITS)
}

/// A number with a real minus sign.
pub(super) fn number(value: f64, digits: usize) -> String {
    format!("{value:.digits$}").replace('-', "\u{2212}")
}

/// A value of the facts in a line. A named thing is its name, version and role; other things are JSON.
pub(super) fn brief(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => list(items),
        Value::Object(members) => {
            let word = |name: &str| members.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
            match word("name") {
                Some(name) => {
                    let digest = word("digest").map(|digest| clip(digest, 12));
                    let others = ["version", "type", "role"].iter().filter_map(|name| word(name)).map(str::to_owned).chain(digest);
                    std::iter::once(name.to_owned()).chain(others).collect::<Vec<_>>().join(" ")
                }
                None => value.to_string(),
            }
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    clip(&text, LONGEST)
}

fn list(items: &[Value]) -> String {
    let mut words: Vec<String> = items.iter().take(MOST_ITEMS).map(brief).collect();
    if items.len() > MOST_ITEMS {
        words.push(format!("{} more", items.len() - MOST_ITEMS));
    }
    if words.is_empty() { "an empty list".to_owned() } else { words.join(", ") }
}

/// What was and what is. Of two lists only the items that differ.
pub(super) fn difference(old: &Value, new: &Value) -> (Option<String>, Option<String>) {
    let shown = |value: &Value| (!value.is_null()).then(|| brief(value));
    let (Some(before), Some(after)) = (old.as_array(), new.as_array()) else { return (shown(old), shown(new)) };
    let only = |items: &[Value], others: &[Value]| items.iter().filter(|item| !others.contains(item)).cloned().collect::<Vec<_>>();
    let (gone, come) = (only(before, after), only(after, before));
    if gone.is_empty() && come.is_empty() {
        // The same items in another order or number.
        return (shown(old), shown(new));
    }
    let said = |items: Vec<Value>| (!items.is_empty()).then(|| clip(&list(&items), LONGEST));
    (said(gone), said(come))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_told_apart_with_the_digits_of_the_limit() {
        for (limits, numbers, expected) in [
            (vec![Some(0.85)], vec![Some(0.861), Some(0.874)], 2),
            (vec![Some(0.8)], vec![Some(0.8601), Some(0.8604)], 4),
            (vec![None], vec![Some(1.0), Some(1.0)], 2),
            (vec![Some(0.125)], vec![Some(0.5), None], 3),
            (vec![], vec![Some(1e-9), Some(2e-9)], 6),
        ] {
            assert_eq!(digits(&limits, &numbers), expected, "{limits:?} {numbers:?}");
        }
        assert_eq!(number(-0.05, 2), "−0.05");
    }

    #[test]
    fn of_two_lists_the_items_that_differ_are_shown() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(difference(&json!(["a==1", "b==1"]), &json!(["a==2", "b==1"])), (some("a==1"), some("a==2")));
        assert_eq!(difference(&json!(["a"]), &json!(["a", "b"])), (None, some("b")));
        assert_eq!(difference(&Value::Null, &json!({"name": "loans", "version": "2", "digest": "0123456789abcdef"})), (None, some("loans 2 0123456789ab…")));
        assert_eq!(difference(&json!(1), &json!(2)), (some("1"), some("2")));
        assert_eq!(difference(&json!(["a", "b"]), &json!(["b", "a"])), (some("a, b"), some("b, a")));
        assert_eq!(joined(&["a".to_owned(), "b".to_owned(), "c".to_owned()]), "a, b and c");
        assert_eq!(brief(&json!("x".repeat(1_000))).chars().count(), LONGEST + 1);
    }
}
