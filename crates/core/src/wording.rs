//! Words of messages.

use std::fmt::Display;

/// So many things: `1 file`, `3 files`, `0 files`.
#[must_use]
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let word = if count == N::from(1) { one } else { many };
    format!("{count} {word}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_thing_is_no_things() {
        assert_eq!([0_usize, 1, 2].map(|count| counted(count, "file", "files")), ["0 files", "1 file", "2 files"]);
    }
}
