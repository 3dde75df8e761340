//! What can be wrong with a bundle, in words that name the file and the line.

/// Longest message or remedy that a rule may give, in characters.
const MAX_LINE: usize = 2_000;

/// A bundle that cannot be used, or an input that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A file is over a limit, misplaced or not what it should be.
    #[error("{0}")]
    Bundle(String),
    /// A Rego file does not compile.
    #[error("`{file}` line {line}: {message}")]
    Rego {
        /// File in the bundle.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A rule's metadata is missing or malformed.
    #[error("`{file}`: {message}")]
    Rule {
        /// File in the bundle.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// The input document cannot be read by the engine.
    #[error("input document: {0}")]
    Input(String),
}

impl PolicyError {
    /// Reads file, line and message out of an error of regorus, which prints the source line between them.
    pub(super) fn rego(text: &str) -> Self {
        let place = text.lines().find_map(|line| line.trim_start().strip_prefix("--> "));
        let message = one_line(text);
        let Some(mut parts) = place.map(|place| place.trim().rsplitn(3, ':')) else {
            return Self::Bundle(message);
        };
        let (_column, line, file) = (parts.next(), parts.next(), parts.next());
        match (line.and_then(|line| line.parse().ok()), file) {
            (Some(line), Some(file)) => Self::Rego { file: file.to_owned(), line, message },
            (None, _) | (_, None) => Self::Bundle(message),
        }
    }
}

/// The last line that says something: regorus puts the message after the source line that it quotes.
pub(super) fn one_line(text: &str) -> String {
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let message = last.strip_prefix("error: ").unwrap_or(last);
    message.chars().filter(|character| !character.is_control()).take(MAX_LINE).collect()
}
