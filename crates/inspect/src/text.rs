//! Small helpers for text that other people wrote.

/// Longest message made from somebody else's text, in characters.
const MAX_MESSAGE_CHARACTERS: usize = 300;

/// Bytes as UTF-8 text without NUL and without a byte order mark.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    if text.contains('\0') {
        return Err("contains a NUL character".to_owned());
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A message on one line, short, without control characters: it goes to logs and terminals.
pub(crate) fn one_line(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE_CHARACTERS).collect::<String>().trim_end().to_owned()
}

/// A package name as PEP 503 compares it: lower case, runs of `-`, `_` and `.` become one `-`.
pub(crate) fn normalise_package(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        let separator = matches!(character, '-' | '_' | '.');
        match (separator, normal.ends_with('-')) {
            (true, true) => {}
            (true, false) => normal.push('-'),
            (false, _) => normal.push(character.to_ascii_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_compare_as_pep_503_says() {
        for (name, expected) in [("scikit_learn", "scikit-learn"), ("Zope.Interface", "zope-interface"), ("a-_.b", "a-b"), ("numpy", "numpy")] {
            assert_eq!(normalise_package(name), expected);
        }
    }

    #[test]
    fn messages_stay_on_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m\n"), "a b [31m");
        assert_eq!(one_line(&"é".repeat(1000)).chars().count(), MAX_MESSAGE_CHARACTERS);
    }

    #[test]
    fn only_clean_text_is_decoded() {
        assert_eq!(decode(b"\xef\xbb\xbfa").unwrap(), "a");
        assert!(decode(b"a\0").is_err());
        assert!(decode(b"\xff").is_err());
    }
}
