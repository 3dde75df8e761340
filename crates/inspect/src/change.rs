//! What a new signature means for those who call the model: the lower bound of the next version number.
//!
//! MAJOR: something that worked may fail. MINOR: the contract grew. PATCH: the contract is the same.
//! When in doubt the answer is MAJOR: people may raise a version, nothing may lower it.

use crate::signature::{Column, Signature};
use serde::{Deserialize, Serialize};

/// How far the contract moved; ordered, so the worst of many is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The same contract.
    Patch,
    /// Old callers go on working; there is something new.
    Minor,
    /// Old inputs are no longer accepted, or the output is not what it was.
    Major,
}

/// The change between two signatures, with every difference behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureChange {
    /// The largest of the reasons; `patch` when there are none.
    pub change: Change,
    /// Every difference, inputs first.
    pub reasons: Vec<Reason>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// How far this difference alone moves the contract.
    pub change: Change,
    /// What is different, for people.
    pub text: String,
}

/// Compares the signature of the version in use with that of the next one.
#[must_use]
pub fn signature_change(old: &Signature, new: &Signature) -> SignatureChange {
    let mut reasons = Vec::new();
    compare(Side::Takes("input"), &old.inputs, &new.inputs, &mut reasons);
    compare(Side::Takes("parameter"), &old.params, &new.params, &mut reasons);
    compare(Side::Gives("output"), &old.outputs, &new.outputs, &mut reasons);
    let change = reasons.iter().map(|reason| reason.change).max().unwrap_or(Change::Patch);
    SignatureChange { change, reasons }
}

/// The direction decides what is safe: inputs may become wider, outputs may not.
#[derive(Clone, Copy)]
enum Side {
    Takes(&'static str),
    Gives(&'static str),
}

impl Side {
    fn noun(self) -> &'static str {
        match self {
            Side::Takes(noun) | Side::Gives(noun) => noun,
        }
    }
}

fn compare(side: Side, old: &[Column], new: &[Column], reasons: &mut Vec<Reason>) {
    let old_keys = keys(old);
    let new_keys = keys(new);
    let noun = side.noun();
    let mut note = |change, text| reasons.push(Reason { change, text });
    for (key, before) in &old_keys {
        match new_keys.get(key) {
            None => note(Change::Major, format!("{noun} {key} is gone")),
            Some(after) => compare_column(side, key, before, after, &mut note),
        }
    }
    for (key, after) in new_keys.iter().filter(|(key, _)| !old_keys.contains_key(*key)) {
        match (side, after.required) {
            (Side::Takes(_), true) => note(Change::Major, format!("{noun} {key} is new and required")),
            (Side::Takes(_), false) => note(Change::Minor, format!("{noun} {key} is new and optional")),
            (Side::Gives(_), _) => note(Change::Minor, format!("{noun} {key} is new")),
        }
    }
}

/// Named columns are matched by name, unnamed ones by position.
fn keys(columns: &[Column]) -> std::collections::BTreeMap<String, &Column> {
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let key = match &column.name {
                Some(name) => format!("`{}`", crate::text::one_line(name)),
                None => format!("number {}", index + 1),
            };
            (key, column)
        })
        .collect()
}

fn compare_column(side: Side, key: &str, before: &Column, after: &Column, note: &mut impl FnMut(Change, String)) {
    let noun = side.noun();
    if before.data_type != after.data_type {
        let text = format!("{noun} {key} was `{}` and is `{}`", before.data_type, after.data_type);
        // A tensor's bytes are read as they come, so its dtype never widens.
        let plain = before.shape.is_none() && after.shape.is_none();
        let wider = plain && accepts(&after.data_type, &before.data_type);
        note(if matches!(side, Side::Takes(_)) && wider { Change::Minor } else { Change::Major }, text);
    }
    if before.shape != after.shape {
        let text = format!("{noun} {key} had shape {} and has {}", shown(before), shown(after));
        let relaxed = relaxes(before.shape.as_deref(), after.shape.as_deref());
        note(if matches!(side, Side::Takes(_)) && relaxed { Change::Minor } else { Change::Major }, text);
    }
    match (side, before.required, after.required) {
        (_, true, true) | (_, false, false) => {}
        (Side::Takes(_), false, true) => note(Change::Major, format!("{noun} {key} is now required")),
        (Side::Takes(_), true, false) => note(Change::Minor, format!("{noun} {key} is now optional")),
        (Side::Gives(_), true, false) => note(Change::Major, format!("{noun} {key} may now be missing")),
        (Side::Gives(_), false, true) => note(Change::Minor, format!("{noun} {key} is now always there")),
    }
}

/// The conversions without loss that MLflow makes for column inputs.
fn accepts(wide: &str, narrow: &str) -> bool {
    matches!((narrow, wide), ("integer", "long" | "double") | ("float", "double"))
}

/// True when every tensor of the old shape has the new one too. No shape at all means a plain value, not any shape.
fn relaxes(old: Option<&[i64]>, new: Option<&[i64]>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.len() == new.len() && old.iter().zip(new).all(|(old, new)| new == old || *new == -1),
        (None, None) => true,
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn shown(column: &Column) -> String {
    column.shape.as_ref().map_or("none".to_owned(), |shape| format!("{shape:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name:type`, `name?:type` for optional, `:type` for unnamed, `:type[1,-1]` with a shape.
    fn columns(text: &str) -> Vec<Column> {
        text.split_whitespace()
            .map(|item| {
                let (name, rest) = item.split_once(':').unwrap();
                let (data_type, shape) = match rest.split_once('[') {
                    None => (rest, None),
                    Some((data_type, sizes)) => {
                        let sizes = sizes.trim_end_matches(']').split(',').map(|size| size.parse().unwrap());
                        (data_type, Some(sizes.collect()))
                    }
                };
                let required = !name.ends_with('?');
                let name = name.trim_end_matches('?');
                let name = (!name.is_empty()).then(|| name.to_owned());
                Column { name, data_type: data_type.to_owned(), shape, required }
            })
            .collect()
    }

    fn signature(text: &str) -> Signature {
        let (inputs, outputs) = text.split_once("->").unwrap();
        Signature { inputs: columns(inputs), outputs: columns(outputs), params: vec![] }
    }

    #[test]
    fn changes_are_graded_for_the_caller() {
        for (old, new, expected, reasons) in [
            ("a:long -> y:long", "a:long -> y:long", Change::Patch, 0),
            ("a:long b:long -> y:long", "b:long a:long -> y:long", Change::Patch, 0),
            ("a:long -> y:long", "a:long b?:long -> y:long", Change::Minor, 1),
            ("a:long -> y:long", "a:long b:long -> y:long", Change::Major, 1),
            ("a:long b?:long -> y:long", "a:long -> y:long", Change::Major, 1),
            ("a:long -> y:long", "c:long -> y:long", Change::Major, 2),
            ("a:long -> y:long", "a?:long -> y:long", Change::Minor, 1),
            ("a?:long -> y:long", "a:long -> y:long", Change::Major, 1),
            ("a:integer -> y:long", "a:long -> y:long", Change::Minor, 1),
            ("a:float -> y:long", "a:double -> y:long", Change::Minor, 1),
            ("a:long -> y:long", "a:double -> y:long", Change::Major, 1),
            ("a:double -> y:long", "a:float -> y:long", Change::Major, 1),
            (":float32[-1,3] -> y:long", ":float64[-1,3] -> y:long", Change::Major, 1),
            (":float32[1,3] -> y:long", ":float32[-1,3] -> y:long", Change::Minor, 1),
            (":float32[-1,3] -> y:long", ":float32[1,3] -> y:long", Change::Major, 1),
            (":float32[-1,3] -> y:long", ":float32[-1,3,1] -> y:long", Change::Major, 1),
            ("a:long -> y:long", "a:long -> y:long p:double", Change::Minor, 1),
            ("a:long -> y:long p:double", "a:long -> y:long", Change::Major, 1),
            ("a:long -> y:integer", "a:long -> y:long", Change::Major, 1),
            ("a:long -> :int64[1]", "a:long -> :int64[-1]", Change::Major, 1),
            ("a:long -> y:long", "a:long -> y?:long", Change::Major, 1),
            ("a:long -> y?:long", "a:long -> y:long", Change::Minor, 1),
            ("-> y:long", "a:long -> y:long", Change::Major, 1),
        ] {
            let change = signature_change(&signature(old), &signature(new));
            assert_eq!((change.change, change.reasons.len()), (expected, reasons), "{old} => {new}: {change:?}");
        }
    }

    #[test]
    fn parameters_count_as_inputs() {
        let with = |params: &str| Signature { params: columns(params), ..Signature::default() };
        let change = signature_change(&with("t?:double"), &with("t?:double k?:long"));
        assert_eq!(change.change, Change::Minor);
        assert_eq!(change.reasons[0].text, "parameter `k` is new and optional");
        assert_eq!(signature_change(&with("t?:double"), &with("")).change, Change::Major);
    }
}
