//! The `Range` header of HTTP (RFC 9110, section 14): one range of bytes, or none.

use std::ops::Range;

/// Which bytes of a blob are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them (status 200).
    Whole,
    /// These, not empty and inside the blob (status 206).
    Bytes(Range<u64>),
}

/// The range begins after the end (status 416, with `Content-Range: bytes */size`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range is not inside the {size} bytes of the file")]
pub struct Unsatisfiable {
    /// Size of the blob, in bytes.
    pub size: u64,
}

/// Reads a `Range` header for a blob of `size` bytes.
///
/// Other units, malformed headers and several ranges give [`Part::Whole`], as RFC 9110 allows for all three.
pub fn parse(header: &str, size: u64) -> Result<Part, Unsatisfiable> {
    let Some((unit, range)) = header.split_once('=') else { return Ok(Part::Whole) };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Ok(Part::Whole);
    }
    match range.trim().split_once('-') {
        Some(("", suffix)) => number(suffix).map_or(Ok(Part::Whole), |count| last_bytes(count, size)),
        Some((first, "")) => number(first).map_or(Ok(Part::Whole), |first| from_to(first, u64::MAX, size)),
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => from_to(first, last, size),
            (Some(_) | None, Some(_) | None) => Ok(Part::Whole),
        },
        None => Ok(Part::Whole),
    }
}

fn from_to(first: u64, last: u64, size: u64) -> Result<Part, Unsatisfiable> {
    if first >= size {
        return Err(Unsatisfiable { size });
    }
    Ok(Part::Bytes(first..last.saturating_add(1).min(size)))
}

fn last_bytes(count: u64, size: u64) -> Result<Part, Unsatisfiable> {
    match (count, size) {
        (0, _) => Err(Unsatisfiable { size }),
        // The last bytes of nothing are all of it: there is no range to name in a 206.
        (_, 0) => Ok(Part::Whole),
        (_, _) => Ok(Part::Bytes(size.saturating_sub(count)..size)),
    }
}

/// A number of digits only; one that is too large for 64 bits is past every end all the same.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        let none = Err(Unsatisfiable { size: 10 });
        let cases = [
            ("bytes=0-4", Ok(Part::Bytes(0..5))),
            ("bytes=0-0", Ok(Part::Bytes(0..1))),
            ("bytes=9-9", Ok(Part::Bytes(9..10))),
            ("bytes=5-", Ok(Part::Bytes(5..10))),
            ("bytes=5-99", Ok(Part::Bytes(5..10))),
            ("bytes=5-99999999999999999999999", Ok(Part::Bytes(5..10))),
            ("bytes=0-18446744073709551615", Ok(Part::Bytes(0..10))),
            ("bytes=-3", Ok(Part::Bytes(7..10))),
            ("bytes=-10", Ok(Part::Bytes(0..10))),
            ("bytes=-99", Ok(Part::Bytes(0..10))),
            ("BYTES=0-4", Ok(Part::Bytes(0..5))),
            ("bytes= 0-4 ", Ok(Part::Bytes(0..5))),
            ("bytes=10-", none.clone()),
            ("bytes=10-12", none.clone()),
            ("bytes=99999999999999999999999-", none.clone()),
            ("bytes=-0", none),
            ("bytes=4-2", Ok(Part::Whole)),
            ("bytes=0-1,3-4", Ok(Part::Whole)),
            ("bytes=-1,3-4", Ok(Part::Whole)),
            ("bytes=-", Ok(Part::Whole)),
            ("bytes=", Ok(Part::Whole)),
            ("bytes", Ok(Part::Whole)),
            ("", Ok(Part::Whole)),
            ("bytes=a-b", Ok(Part::Whole)),
            ("bytes=+1-2", Ok(Part::Whole)),
            ("bytes=1--2", Ok(Part::Whole)),
            ("bytes=0x1-2", Ok(Part::Whole)),
            ("items=0-4", Ok(Part::Whole)),
        ];
        for (header, expected) in cases {
            assert_eq!(parse(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn ranges_of_nothing() {
        assert_eq!(parse("bytes=0-", 0), Err(Unsatisfiable { size: 0 }));
        assert_eq!(parse("bytes=-1", 0), Ok(Part::Whole));
        assert_eq!(parse("bytes=-0", 0), Err(Unsatisfiable { size: 0 }));
    }
}
