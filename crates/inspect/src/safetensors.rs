//! The header of a safetensors file, read as strictly as the format allows: every byte of the data belongs to
//! exactly one tensor. The tensors themselves are not read.

use crate::files::Files;
use crate::text::one_line;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Longest header, in bytes: the limit of the format's own reader.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Most tensors in one file.
pub const MAX_TENSORS: usize = 1_000_000;
/// Most dimensions of one tensor.
pub const MAX_DIMENSIONS: usize = 64;
/// Most bytes of `__metadata__` that are kept.
pub const MAX_METADATA_BYTES: usize = 64 * 1024;

/// What a safetensors header says, checked against the size of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetensorsSummary {
    /// The file.
    pub path: String,
    /// How many tensors it has.
    pub tensors: u64,
    /// How many numbers they have together.
    pub parameters: u64,
    /// How many tensors have each dtype (`F32`, `BF16`, …).
    pub dtypes: BTreeMap<String, u64>,
    /// The `__metadata__` of the author.
    pub metadata: BTreeMap<String, String>,
}

/// Reads the header of the file at `path`, which has `size` bytes.
///
/// # Errors
/// One line: which rule of the format the file breaks, or why it cannot be read.
pub fn read(files: &dyn Files, path: &str, size: u64) -> Result<SafetensorsSummary, String> {
    let unreadable = |error: std::io::Error| one_line(&error.to_string());
    let start = files.read(path, 8).map_err(unreadable)?;
    let length = header_length(&start, size)?;
    let bytes = files.read(path, 8 + length).map_err(unreadable)?;
    let mut summary = parse(&bytes, size)?;
    path.clone_into(&mut summary.path);
    Ok(summary)
}

/// Checks a header: `bytes` are the first bytes of a file of `size` bytes, up to the end of the header at least.
///
/// # Errors
/// One line: which rule of the format is broken.
pub fn parse(bytes: &[u8], size: u64) -> Result<SafetensorsSummary, String> {
    let length = header_length(bytes, size)?;
    let end = usize::try_from(8 + length).map_err(|_| "the header is too long".to_owned())?;
    let header = bytes.get(8..end).ok_or("the file ends inside the header")?;
    if header.first() != Some(&b'{') {
        return Err("the header does not start with `{`".to_owned());
    }
    let header = std::str::from_utf8(header).map_err(|_| "the header is not UTF-8".to_owned())?;
    let header: Header<'_> = serde_json::from_str(header).map_err(|error| one_line(&format!("the header: {error}")))?;
    summarise(header, size - 8 - length)
}

fn header_length(bytes: &[u8], size: u64) -> Result<u64, String> {
    let length = bytes.first_chunk::<8>().ok_or("shorter than 8 bytes")?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(format!("the header claims {length} bytes, more than {MAX_HEADER_BYTES}"));
    }
    if length > size.saturating_sub(8) {
        return Err(format!("the header claims {length} bytes, more than the file has"));
    }
    Ok(length)
}

fn summarise(header: Header<'_>, data_bytes: u64) -> Result<SafetensorsSummary, String> {
    let mut summary = SafetensorsSummary { metadata: header.metadata, ..SafetensorsSummary::default() };
    let mut spans = Vec::with_capacity(header.tensors.len());
    for (name, tensor) in &header.tensors {
        let failed = |why: &str| one_line(&format!("tensor `{name}`: {why}"));
        let [begin, end] = tensor.data_offsets;
        let bits = bits(&tensor.dtype).ok_or_else(|| failed("unknown dtype"))?;
        if tensor.shape.len() > MAX_DIMENSIONS {
            return Err(failed("too many dimensions"));
        }
        let elements = tensor.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        let elements = elements.ok_or_else(|| failed("the shape overflows"))?;
        let length = elements.checked_mul(bits).ok_or_else(|| failed("the shape overflows"))?;
        let claimed = end.checked_sub(begin).ok_or_else(|| failed("ends before it begins"))?;
        if length % 8 != 0 || length / 8 != claimed {
            return Err(failed("shape and dtype do not fit the offsets"));
        }
        spans.push((begin, end));
        summary.tensors += 1;
        // Cannot overflow: the spans are checked below to be disjoint parts of the file, at 4 bits or more each.
        summary.parameters = summary.parameters.saturating_add(elements);
        *summary.dtypes.entry(tensor.dtype.to_string()).or_default() += 1;
    }
    cover(spans, data_bytes)?;
    Ok(summary)
}

/// INVARIANT: the spans cover the data without overlap, hole or rest.
fn cover(mut spans: Vec<(u64, u64)>, data_bytes: u64) -> Result<(), String> {
    spans.sort_unstable();
    let mut position = 0;
    for (begin, end) in spans {
        if begin < position {
            return Err(format!("two tensors overlap at byte {begin} of the data"));
        }
        if begin > position {
            return Err(format!("bytes {position} to {begin} of the data belong to no tensor"));
        }
        position = end;
    }
    if position == data_bytes { Ok(()) } else { Err(format!("the tensors take {position} bytes and the file has {data_bytes}")) }
}

fn bits(dtype: &str) -> Option<u64> {
    match dtype {
        "F4" => Some(4),
        "F6_E2M3" | "F6_E3M2" => Some(6),
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => Some(8),
        "I16" | "U16" | "F16" | "BF16" => Some(16),
        "I32" | "U32" | "F32" => Some(32),
        "I64" | "U64" | "F64" | "C64" => Some(64),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

struct Header<'a> {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(Cow<'a, str>, Tensor<'a>)>,
}

/// A key that borrows from the header when it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// By hand, because serde's maps take the last of two equal keys and readers differ in which one they take.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut header = Header { metadata: BTreeMap::new(), tensors: Vec::new() };
        let mut names = HashSet::new();
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("the key `{name}` comes twice")));
            }
            if name == "__metadata__" {
                header.metadata = map.next_value::<Metadata>()?.0;
            } else if header.tensors.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            } else {
                let tensor = map.next_value()?;
                header.tensors.push((name, tensor));
            }
        }
        Ok(header)
    }
}

struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = BTreeMap::new();
        let mut bytes = 0;
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            bytes += key.len() + value.len();
            if bytes > MAX_METADATA_BYTES {
                return Err(A::Error::custom(format!("`__metadata__` has more than {MAX_METADATA_BYTES} bytes")));
            }
            if metadata.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` comes twice in `__metadata__`")));
            }
            metadata.insert(key, value);
        }
        Ok(Metadata(metadata))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn file(header: &str, data_bytes: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data_bytes, 0);
        bytes
    }

    fn check(header: &str, data_bytes: usize) -> Result<SafetensorsSummary, String> {
        let bytes = file(header, data_bytes);
        parse(&bytes, bytes.len() as u64)
    }

    const A: &str = r#""a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"#;

    #[test]
    fn a_header_is_summed_up() {
        let b = r#""b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}"#;
        let empty = r#""e":{"dtype":"F32","shape":[0,5],"data_offsets":[24,24]}"#;
        let summary = check(&format!(r#"{{"__metadata__":{{"format":"pt"}},{b},{A},{empty}}}   "#), 32).unwrap();
        assert_eq!((summary.tensors, summary.parameters), (3, 10));
        assert_eq!(summary.dtypes, BTreeMap::from([("BF16".to_owned(), 1), ("F32".to_owned(), 2)]));
        assert_eq!(summary.metadata["format"], "pt");
        let half_bytes = check(r#"{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}"#, 2).unwrap();
        assert_eq!(half_bytes.parameters, 4);
        assert_eq!(check("{}", 0).unwrap(), SafetensorsSummary::default());
    }

    #[test]
    fn every_rule_of_the_format_is_checked() {
        let big = format!(r#"{{"__metadata__":{{"k":"{}"}}}}"#, "x".repeat(MAX_METADATA_BYTES));
        let tensor = |fields: &str| format!(r#"{{"a":{{{fields}}}}}"#);
        for (header, data_bytes, expected) in [
            (format!("{{{A}}}"), 25, "the tensors take 24 bytes and the file has 25"),
            (format!("{{{A}}}"), 23, "the tensors take 24 bytes and the file has 23"),
            (format!(" {{{A}}}"), 24, "the header does not start with `{`"),
            (format!("{{{A}}} x"), 24, "trailing characters"),
            (format!("{{{A},{A}}}"), 24, "the key `a` comes twice"),
            (format!(r#"{{{A},"\u0061":{{"dtype":"F32","shape":[0],"data_offsets":[24,24]}}}}"#), 24, "comes twice"),
            (r#"{"__metadata__":{"k":"1","k":"2"}}"#.to_owned(), 0, "the key `k` comes twice"),
            (r#"{"__metadata__":{"k":1}}"#.to_owned(), 0, "expected a string"),
            (big, 0, "`__metadata__` has more than"),
            (format!(r#"{{{A},"b":{{"dtype":"U8","shape":[4],"data_offsets":[20,24]}}}}"#), 24, "overlap at byte 20"),
            (format!(r#"{{{A},"b":{{"dtype":"U8","shape":[4],"data_offsets":[28,32]}}}}"#), 32, "bytes 24 to 28"),
            (tensor(r#""dtype":"F33","shape":[],"data_offsets":[0,4]"#), 4, "tensor `a`: unknown dtype"),
            (tensor(r#""dtype":"F32","shape":[1],"data_offsets":[4,0]"#), 4, "ends before it begins"),
            (tensor(r#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#), 4, "do not fit the offsets"),
            (tensor(r#""dtype":"F4","shape":[3],"data_offsets":[0,1]"#), 1, "do not fit the offsets"),
            (tensor(r#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]"#), 0, "overflows"),
            (tensor(r#""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#), 4, "invalid value"),
            (tensor(r#""dtype":"F32","shape":[],"data_offsets":[0,4],"x":1"#), 4, "unknown field"),
            (tensor(r#""dtype":"F32","shape":[],"data_offsets":[0]"#), 4, "invalid length"),
            (tensor(&format!(r#""dtype":"U8","shape":[{}1],"data_offsets":[0,1]"#, "1,".repeat(64))), 1, "too many dim"),
            (format!("{{\"a\":{}", "[".repeat(10_000)), 0, "the header:"),
        ] {
            let error = check(&header, data_bytes).expect_err(&header);
            assert!(error.contains(expected), "{header:.200}: {error}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let whole = file(&format!("{{{A}}}"), 24);
        for (bytes, size, expected) in [
            (b"".as_slice(), 0, "shorter than 8 bytes"),
            (&whole[..20], 20, "more than the file has"),
            (&whole[..20], whole.len() as u64, "the file ends inside the header"),
            (&[0xff; 9], u64::MAX, "more than 100000000"),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0xff], 9, "does not start with `{`"),
            (&[2, 0, 0, 0, 0, 0, 0, 0, b'{', 0xff], 10, "not UTF-8"),
            (&[0; 8], 8, "does not start with `{`"),
        ] {
            let error = parse(bytes, size).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size: u64) {
            let _ = parse(&bytes, size);
            let header = String::from_utf8_lossy(&bytes).into_owned();
            let _ = check(&header, 0);
        }

        #[test]
        fn no_numbers_panic(shape in prop::collection::vec(any::<u64>(), 0..4), begin: u64, end: u64) {
            let header = format!(r#"{{"a":{{"dtype":"F64","shape":{shape:?},"data_offsets":[{begin},{end}]}}}}"#);
            let _ = check(&header, 8);
        }
    }
}
