//! YAML read as plain data, with every count bounded.
//!
//! INVARIANT: nothing in a document can choose a type or run code: unknown tags (`!!python/…`) and
//! repeated keys are errors, and so is more than one document.

use crate::text::{decode, one_line};
use serde::de::DeserializeOwned;

/// Largest YAML document that is read, in bytes. MLmodel files are a few KiB; wide signatures reach 100 KiB.
pub const MAX_YAML_BYTES: u64 = 1024 * 1024;
/// Deepest nesting of lists and mappings.
pub const MAX_YAML_DEPTH: usize = 32;
/// Most scalars, lists and mappings in one document.
pub const MAX_YAML_NODES: usize = 100_000;
/// Most events that aliases may replay, so that a few lines cannot grow into gigabytes.
pub const MAX_YAML_REPLAYED_EVENTS: usize = 256;
/// Aliases are refused in documents above this size in bytes: one long text repeated is also a bomb.
pub const MAX_YAML_BYTES_WITH_ALIASES: usize = 64 * 1024;

/// Parses one YAML document. The error is one line for the reader.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.len() as u64 > MAX_YAML_BYTES {
        return Err(format!("larger than {MAX_YAML_BYTES} bytes"));
    }
    let text = decode(bytes)?;
    let aliases = if text.len() <= MAX_YAML_BYTES_WITH_ALIASES { MAX_YAML_REPLAYED_EVENTS } else { 0 };
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_YAML_DEPTH,
            flow_nesting_limit: MAX_YAML_DEPTH,
            max_nodes: MAX_YAML_NODES,
            max_events: MAX_YAML_NODES * 2,
            max_aliases: aliases,
            max_anchors: MAX_YAML_REPLAYED_EVENTS,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: aliases,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        // A metric of NaN inside `metadata` must not make the whole file unreadable.
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| one_line(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    #[derive(Debug, Deserialize)]
    struct Typed {
        known: String,
    }

    #[test]
    fn plain_data_is_read() {
        let value: Value = parse(b"a: 1\nb: [x, 'y']\nc: .nan\n").unwrap();
        assert_eq!(value, json!({"a": 1, "b": ["x", "y"], "c": ".nan"}));
        let typed: Typed = parse(b"known: 3.10\nother: {deep: [1]}\n").unwrap();
        assert_eq!(typed.known, "3.10");
        let shared: Value = parse(b"a: &x [1, 2]\nb: *x\n").unwrap();
        assert_eq!(shared, json!({"a": [1, 2], "b": [1, 2]}));
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
                    c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n";
        let long = format!("known: &k {}\nb: *k\n", "x".repeat(MAX_YAML_BYTES_WITH_ALIASES));
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("repeated key", b"known: a\nknown: b\n".to_vec()),
            ("repeated ignored key", b"known: a\nz: {y: 1, y: 2}\n".to_vec()),
            ("python tag", b"known: !!python/object/apply:os.system ['id']\n".to_vec()),
            ("python tag in an ignored field", b"known: a\nz: !!python/name:os.system\n".to_vec()),
            ("deep flow", format!("known: a\nz: {}", "[".repeat(100_000)).into_bytes()),
            ("deep block", format!("known: a\nz:\n{}", deep_block(200)).into_bytes()),
            ("alias bomb", format!("known: a\n{bomb}").into_bytes()),
            ("long text repeated", long.into_bytes()),
            ("two documents", b"known: a\n---\nknown: b\n".to_vec()),
            ("not UTF-8", b"known: \xff\n".to_vec()),
            ("NUL", b"known: a\0b\n".to_vec()),
            ("too large", vec![b' '; MAX_YAML_BYTES as usize + 1]),
            ("too many nodes", format!("known: a\nz: [{}]", "1,".repeat(MAX_YAML_NODES)).into_bytes()),
        ];
        for (name, bytes) in cases {
            let error = parse::<Typed>(&bytes).expect_err(name);
            assert!(!error.contains('\n') && error.len() < 400, "{name}: {error}");
        }
    }

    fn deep_block(depth: usize) -> String {
        (1..=depth).map(|level| format!("{}k:\n", " ".repeat(level))).collect()
    }
}
