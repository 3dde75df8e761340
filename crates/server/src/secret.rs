//! A value that must not be seen: passwords, tokens, client secrets. It has no `Display` and is not serialised, and its `Debug` says
//! nothing about it, so that a log line, an error or a `dbg!` of a struct around it cannot tell it. Reading it takes a word that a
//! reviewer can search for: [`Secret::expose`].

use serde::Deserialize;

/// A value that must not be seen.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    /// Hides `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Costs nothing; whoever calls this must not write the value anywhere.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, when it is to be moved on.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> std::fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_told_by_debug() {
        #[derive(Debug, Deserialize)]
        struct Body {
            #[expect(dead_code, reason = "read by Debug only")]
            name: String,
            password: Secret,
        }
        let body: Body = serde_json::from_str(r#"{"name": "ana", "password": "correct horse"}"#).unwrap();
        let shown = format!("{body:?} {body:#?} {:?}", Some(&body.password));
        assert!(!shown.contains("correct") && shown.contains("Secret(…)"), "{shown}");
        assert_eq!(body.password.expose(), "correct horse");
        assert_eq!(body.password.into_exposed(), "correct horse");
    }
}
