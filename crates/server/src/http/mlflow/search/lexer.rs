//! Tokens of a filter. The reference cuts its filters with an SQL tokeniser; this does the same for what its grammar can use.
//!
//! INVARIANT: tokens are parts of the text in its order; only blanks are left out.

/// A part of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As it stands in the text, quotes included.
    pub(super) text: &'a str,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words and quoted words joined by dots: `name`, `tags.a.b`, ``tag.`a b` ``, also `"text"`.
    Name,
    /// `'text'`
    Text,
    /// `7`, `-7`
    Integer,
    /// `1.5`, `1e3`
    Float,
    /// A run of `<`, `>`, `=`, `!`, `~`.
    Operator,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// Anything else, comments among it: no filter may hold it.
    Other,
}

impl Token<'_> {
    /// Whether it is this word, in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Name && self.text.eq_ignore_ascii_case(word)
    }
}

/// Cuts a filter into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token_at(rest, first);
        let (token, after) = rest.split_at_checked(length.max(first.len_utf8())).unwrap_or((rest, ""));
        found.push(Token { kind, text: token });
        rest = after.trim_start();
    }
    found
}

/// Kind and length of the token that begins the text.
fn token_at(text: &str, first: char) -> (Kind, usize) {
    let single = first.len_utf8();
    match first {
        '\'' => quoted(text, '\'').map_or((Kind::Other, single), |length| (Kind::Text, length)),
        '(' => (Kind::Open, single),
        ')' => (Kind::Close, single),
        ',' => (Kind::Comma, single),
        ';' => (Kind::Semicolon, single),
        '<' | '>' | '=' | '!' | '~' => (Kind::Operator, run(text, |c| matches!(c, '<' | '>' | '=' | '!' | '~'))),
        '-' if text.starts_with("--") => (Kind::Other, text.find(['\n', '\r']).unwrap_or(text.len())),
        '/' if text.starts_with("/*") => (Kind::Other, text.find("*/").map_or(single, |end| end.saturating_add(2))),
        '-' | '.' | '0'..='9' => number(text).unwrap_or((Kind::Other, single)),
        _ => match name(text) {
            0 => (Kind::Other, single),
            length => (Kind::Name, length),
        },
    }
}

/// Length of the characters at the beginning that fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a quoted text with its quotes. A doubled quote, and in texts also one after a backslash, does not end it, unless no
/// other quote does.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    let mut passed = None;
    while let Some((at, c)) = characters.next() {
        let end = at.saturating_add(1);
        if c == quote {
            if characters.next_if(|(_, next)| *next == quote).is_none() {
                return Some(end);
            }
            passed = Some(end);
        } else if c == '\\'
            && quote != '`'
            && let Some((at, _)) = characters.next_if(|(_, next)| *next == quote)
        {
            passed = Some(at.saturating_add(1));
        }
    }
    passed
}

/// Kind and length of a number: a sign, digits, a fraction, an exponent, and no letter after it.
fn number(text: &str) -> Option<(Kind, usize)> {
    let digits = |text: &str| run(text, |c| c.is_ascii_digit());
    let sign = usize::from(text.starts_with('-'));
    let whole = sign.saturating_add(digits(text.get(sign..)?));
    let mut length = whole;
    if text.get(length..)?.starts_with('.') {
        let fraction = length.saturating_add(1);
        length = fraction.saturating_add(digits(text.get(fraction..)?));
    }
    let mantissa = text.get(sign..length)?;
    if !mantissa.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if text.get(length..)?.starts_with(['e', 'E']) {
        let begin = length.saturating_add(1);
        let begin = begin.saturating_add(usize::from(text.get(begin..)?.starts_with('-')));
        match digits(text.get(begin..)?) {
            0 => {}
            exponent => length = begin.saturating_add(exponent),
        }
    }
    let after = text.get(length..)?.chars().next();
    let kind = if length == whole { Kind::Integer } else { Kind::Float };
    (!after.is_some_and(is_word)).then_some((kind, length))
}

/// Length of a name, 0 when there is none.
fn name(text: &str) -> usize {
    let mut length = piece(text, false);
    while length > 0 && text.get(length..).is_some_and(|rest| rest.starts_with('.')) {
        let begin = length.saturating_add(1);
        match piece(text.get(begin..).unwrap_or_default(), true) {
            0 => break,
            more => length = begin.saturating_add(more),
        }
    }
    length
}

/// Length of a word or a quoted word. Single quotes make a text, unless it follows a dot.
fn piece(text: &str, follows_dot: bool) -> usize {
    match text.chars().next() {
        Some('`') => quoted(text, '`').unwrap_or(0),
        Some('"') => quoted(text, '"').unwrap_or(0),
        Some('\'') if follows_dot => quoted(text, '\'').unwrap_or(0),
        _ => run(text, is_word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_the_reference_cuts_them() {
        let cut = |text| tokens(text).iter().map(|token| format!("{:?} {}", token.kind, token.text)).collect::<Vec<_>>().join(" | ");
        for (given, wanted) in [
            ("", ""),
            (" \t\n", ""),
            ("name='a'AND name", "Name name | Operator = | Text 'a' | Name AND | Name name"),
            ("tags.a.b<= -5", "Name tags.a.b | Operator <= | Integer -5"),
            ("tags.`a b`.'c d'.\"e\"", "Name tags.`a b`.'c d'.\"e\""),
            ("tags.`a`b", "Name tags.`a` | Name b"),
            ("tags. a", "Name tags | Other . | Name a"),
            ("tags.é_1", "Name tags.é_1"),
            ("1 1.5 .5 1. -1e3 1e-3 1a 1e", "Integer 1 | Float 1.5 | Float .5 | Float 1. | Float -1e3 | Float 1e-3 | Other 1 | Name a | Other 1 | Name e"),
            ("'a''b' 'a\\'b' \"it's\"", "Text 'a''b' | Text 'a\\'b' | Name \"it's\""),
            // A backslash at the end, or an empty text: the quote ends the text after all.
            ("'a\\' ''", "Text 'a\\' ' | Other '"),
            ("'a\\'", "Text 'a\\'"),
            ("''", "Text ''"),
            ("'a''", "Text 'a' | Other '"),
            ("'a", "Other ' | Name a"),
            ("`a", "Other ` | Name a"),
            ("a -- b\nc /* d */ e", "Name a | Other -- b | Name c | Other /* d */ | Name e"),
            ("(,);*", "Open ( | Comma , | Close ) | Semicolon ; | Other *"),
        ] {
            assert_eq!(cut(given), wanted, "{given}");
        }
    }
}
