//! YAML front matter, read as plain data with every count bounded.
//!
//! INVARIANT: nothing in it can choose a type: unknown tags are errors, and so are a key twice, a merge key, a number that is none,
//! a second document. Aliases may replay a few events only, so that a few lines cannot grow into gigabytes.

use serde::Deserialize;
use serde_json::Value;

use super::json::{Strict, one_line};
use crate::refusal::Refusal;

/// Largest front matter, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Most scalars, lists and mappings.
const MAX_NODES: usize = 20_000;
/// Most events that aliases may replay.
const MAX_REPLAYED: usize = 256;

/// Reads YAML.
///
/// # Errors
/// `invalid_field` of `document`.
pub fn parse(text: &str) -> Result<Value, Refusal> {
    let refused = |message: &str| Refusal::invalid("document", message).remedy("write plain YAML: every key once, no tags, no anchors that multiply");
    if text.len() > MAX_BYTES {
        return Err(refused(&format!("the front matter has more than {MAX_BYTES} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
            max_aliases: MAX_REPLAYED,
            max_anchors: MAX_REPLAYED,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    };
    let read = serde_saphyr::from_str_with_options::<Front>(text, options);
    read.map(|front| front.0).map_err(|error| refused(&one_line(&format!("the front matter is not YAML that can be read: {error}"))))
}

struct Front(Value);

impl<'de> Deserialize<'de> for Front {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict::deserialize(deserializer).map(|strict| Self(strict.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_data_is_read_and_hostile_data_refused() {
        assert_eq!(
            parse("a: 1\nb: [x, 'y', 2026-05-03]\nc: {d: true, e: 0.5}\n").unwrap(),
            json!({"a": 1, "b": ["x", "y", "2026-05-03"], "c": {"d": true, "e": 0.5}})
        );
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n";
        let cases = [
            ("a key twice", "a: 1\na: 2\n".to_owned()),
            ("a tag", "a: !!python/object/apply:os.system ['id']\n".to_owned()),
            ("an alias bomb", bomb.to_owned()),
            ("deep", format!("a: {}", "[".repeat(100_000))),
            ("two documents", "a: 1\n---\nb: 2\n".to_owned()),
            ("no number", "a: .nan\n".to_owned()),
            ("infinite", "a: -.inf\n".to_owned()),
            ("many nodes", format!("a: [{}]", "1,".repeat(MAX_NODES))),
            ("large", " ".repeat(MAX_BYTES + 1)),
        ];
        for (what, text) in cases {
            let refusal = parse(&text).expect_err(what);
            crate::testing::check_style(&refusal);
        }
    }
}
