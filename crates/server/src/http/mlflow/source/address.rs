//! A source as text: scheme, host and path, as Python's `urlparse` takes it apart, and what MLflow reads in it.

use super::super::names::normal_path;
use crate::http::mlflow::error::{MlflowError, clipped};

/// Schemes whose address names a host that somebody would have to connect to.
const HOSTS: [&str; 10] = ["http", "https", "ftp", "sftp", "hdfs", "viewfs", "abfss", "b2", "r2", "mlflow-artifacts"];

/// A source, taken apart.
#[derive(Debug)]
pub(super) struct Address<'a> {
    scheme: String,
    host: &'a str,
    path: &'a str,
}

/// A version of a registered model: `models:/NAME/SUFFIX` or `models:/NAME@ALIAS`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Registered<'a> {
    /// Name.
    pub(super) name: &'a str,
    /// Number, stage or `latest`; empty with an alias.
    pub(super) suffix: &'a str,
    /// Alias.
    pub(super) alias: Option<&'a str>,
}

impl Registered<'_> {
    /// What was named in the model.
    pub(super) fn what(&self) -> &str {
        self.alias.unwrap_or(self.suffix)
    }
}

impl<'a> Address<'a> {
    /// Takes a source apart. Text without a scheme is a path.
    pub(super) fn parse(source: &'a str) -> Self {
        let (scheme, rest) = match source.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            Some(_) | None => (String::new(), source),
        };
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Self { scheme, host, path }
    }

    /// The scheme, when the address names a host to connect to.
    pub(super) fn foreign_host(&self) -> Option<&str> {
        let names_host = HOSTS.contains(&self.scheme.as_str()) && (self.scheme != "mlflow-artifacts" || !self.host.is_empty());
        names_host.then_some(self.scheme.as_str())
    }

    /// Whether it is a path on the server's machine.
    pub(super) fn is_local(&self) -> bool {
        self.scheme.is_empty() || self.scheme == "file"
    }

    /// Whether it is an address of an artifact proxy.
    pub(super) fn is_proxy(&self) -> bool {
        self.scheme == "mlflow-artifacts"
    }

    /// Whether the path is the same after it was normalised, however often it was encoded.
    pub(super) fn is_absolute(&self, source: &str) -> bool {
        let plain = decoded(source);
        if plain.split('/').any(|segment| segment == "..") {
            return false;
        }
        let path = decoded(self.path);
        let mut single = String::with_capacity(path.len());
        for letter in path.trim_end_matches('/').chars() {
            if letter != '/' || !single.ends_with('/') {
                single.push(letter);
            }
        }
        !single.contains('\0') && single.starts_with('/') && normal_path(&single) == single
    }

    /// The run of a `runs:` address; `Some(None)` when it names none.
    pub(super) fn run(&self) -> Option<Option<&'a str>> {
        if self.scheme != "runs" {
            return None;
        }
        let run = self.path.strip_prefix('/').and_then(|path| path.split('/').next()).filter(|run| !run.is_empty());
        Some(run.filter(|_| self.host.is_empty()))
    }

    /// The logged model of a `models:/ID` address.
    pub(super) fn logged_model(&self) -> Option<&'a str> {
        let id = self.path.trim_start_matches('/');
        (self.scheme == "models" && !id.contains(['/', '@'])).then_some(id)
    }

    /// The registered model of a `models:/NAME/…` address; `None` for everything that is none.
    pub(super) fn registered_model(&self, source: &str) -> Result<Option<Registered<'a>>, MlflowError> {
        if self.scheme != "models" {
            return Ok(None);
        }
        let invalid = |why: &str| MlflowError::invalid(format!("Invalid model version source: '{}'. {why}", clipped(source)));
        if !self.host.is_empty() {
            return Err(invalid("Registered model sources must use the active model registry."));
        }
        let improper = || invalid("The model_id request parameter must identify the resource that contains the source.");
        let path = self.path.strip_prefix('/').ok_or_else(improper)?.trim_start_matches('/');
        match path.split_once('/') {
            Some((name, suffix)) if !name.trim().is_empty() && !suffix.trim().is_empty() && !suffix.contains('/') => {
                Ok(Some(Registered { name, suffix, alias: None }))
            }
            Some(_) => Err(improper()),
            None => match path.rsplit_once('@') {
                Some((name, alias)) if !alias.trim().is_empty() => Ok(Some(Registered { name, suffix: "", alias: Some(alias) })),
                Some(_) => Err(improper()),
                None if path.is_empty() => Err(improper()),
                None => Ok(None),
            },
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
}

/// Percent-decoded until nothing changes. Each round makes it shorter, so it ends.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let bytes = decode_once(text.as_bytes());
        let next = String::from_utf8_lossy(&bytes).into_owned();
        if bytes.len() == text.len() {
            return text;
        }
        text = next;
    }
}

fn decode_once(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            (byte, _, _) => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_whatever_the_case_of_the_scheme() {
        for (source, scheme) in [
            ("http://host/x", Some("http")),
            ("HTTPS://host/x", Some("https")),
            ("ftp:/x", Some("ftp")),
            ("mlflow-artifacts://host/x", Some("mlflow-artifacts")),
            ("mlflow-artifacts:/x", None),
            ("s3://bucket/x", None),
            ("hdfs:///x", Some("hdfs")),
        ] {
            assert_eq!(Address::parse(source).foreign_host(), scheme, "{source}");
        }
    }

    #[test]
    fn registered_models_are_read_as_the_client_reads_them() {
        let registered = |source: &'static str| Address::parse(source).registered_model(source).map_err(|error| error.message);
        let found = |name, suffix, alias| Ok(Some(Registered { name, suffix, alias }));
        assert_eq!(registered("models:/a b/3"), found("a b", "3", None));
        assert_eq!(registered("models:/a/Production"), found("a", "Production", None));
        assert_eq!(registered("models:/a@b@c"), found("a@b", "", Some("c")));
        assert_eq!(registered("models:/m-0123"), Ok(None));
        assert_eq!(registered("s3://a/3"), Ok(None));
        assert!(registered("models://host/a/3").unwrap_err().ends_with("Registered model sources must use the active model registry."));
        for improper in ["models:/", "models:a/3", "models:/a/", "models:/a/1/2", "models:/a@"] {
            assert!(registered(improper).is_err(), "{improper}");
        }
    }

    #[test]
    fn encodings_are_undone_until_nothing_changes() {
        for (text, plain) in [("a%2525b", "a%b"), ("%zz", "%zz"), ("%C3%A9", "é"), ("a+b", "a+b")] {
            assert_eq!(decoded(text), plain);
        }
    }
}
