//! The formats that are text: JSON, YAML, XML, PMML, the oldest pickles.

use super::{Format, contains};

/// The kind of text, or nothing when the sample is not UTF-8 text.
pub(super) fn detect(path: &str, sample: &[u8], size: u64) -> Option<Format> {
    let whole = sample.len() as u64 >= size;
    let text = match std::str::from_utf8(sample) {
        Ok(text) => text,
        // The sample may end in the middle of a character.
        Err(error) if !whole && error.error_len().is_none() => std::str::from_utf8(sample.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}')) {
        return None;
    }
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with(['{', '[']) && (!whole || serde_json::from_str::<serde::de::IgnoredAny>(start).is_ok()) {
        return Some(Format::Json);
    }
    if start.starts_with("<?xml") || (start.starts_with('<') && start.contains('>')) {
        return Some(if contains(sample, b"<PMML") { Format::Pmml } else { Format::Xml });
    }
    Some(if named_like_yaml(path) || start.starts_with("%YAML") { Format::Yaml } else { Format::Text })
}

/// Protocol 0 and 1 have no header: a global, or a marked dictionary or list with its first memo.
pub(super) fn is_old_pickle(sample: &[u8]) -> bool {
    if [b"(dp0\n".as_slice(), b"(dp1\n", b"(lp0\n", b"(lp1\n", b"(dq\0", b"(lq\0", b"]q\0", b"}q\0"].iter().any(|start| sample.starts_with(start)) {
        return true;
    }
    let Some((b'c' | b'i', rest)) = sample.split_first() else {
        return false;
    };
    let mut lines = rest.split(|byte| *byte == b'\n');
    let identifiers = lines.by_ref().take(2).filter(|line| is_dotted_name(line)).count();
    // Two words on two lines are also text; an opcode behind them is not.
    identifiers == 2 && lines.next().is_some_and(|line| matches!(line.first(), Some(b'(' | b')' | b'p' | b'q' | b'.')))
}

fn is_dotted_name(line: &[u8]) -> bool {
    !line.is_empty() && line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn named_like_yaml(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    name == "MLmodel" || lower.ends_with(".yaml") || lower.ends_with(".yml")
}
