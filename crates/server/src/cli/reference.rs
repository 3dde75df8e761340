//! How people name versions: `name/3`, `name@1.4.0`, `name@champion`, `models:/…`, composite ids.
//!
//! Only `name/3` is understood here; the server resolves everything else.

use std::convert::Infallible;
use std::str::FromStr;

use reqwest::Url;

use super::client::Client;

/// A reference to one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `name/3`.
    Numbered {
        /// Name of the model.
        name: String,
        /// Number of the version.
        number: u64,
    },
    /// Anything that the server has to resolve.
    Other(String),
}

/// A model or one of its versions, for commands that work on both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A model, by name.
    Model(String),
    /// A version.
    Version(Reference),
}

impl Reference {
    /// The address of the version's view.
    #[must_use]
    pub fn url(&self, client: &Client) -> Url {
        match self {
            Self::Numbered { name, number } => client.url(&["models", name, "versions", &number.to_string()]),
            Self::Other(text) => {
                let mut url = client.url(&["resolve"]);
                url.query_pairs_mut().append_pair("reference", text);
                url
            }
        }
    }
}

impl FromStr for Reference {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let parts = text.split_once('/').filter(|(name, _)| !name.is_empty() && !name.contains(':'));
        Ok(match parts.and_then(|(name, number)| Some((name, number.parse().ok()?))) {
            Some((name, number)) => Self::Numbered { name: name.to_owned(), number },
            None => Self::Other(text.to_owned()),
        })
    }
}

impl FromStr for Target {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        if text.contains(['/', '@', ':']) { text.parse().map(Self::Version) } else { Ok(Self::Model(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_addresses() {
        let client = Client::for_test("http://h:1");
        let cases = [
            ("loan/3", "http://h:1/api/v1/models/loan/versions/3"),
            ("loan approval/12", "http://h:1/api/v1/models/loan%20approval/versions/12"),
            ("crédit/1", "http://h:1/api/v1/models/cr%C3%A9dit/versions/1"),
            ("loan@1.4.0", "http://h:1/api/v1/resolve?reference=loan%401.4.0"),
            ("loan@champion", "http://h:1/api/v1/resolve?reference=loan%40champion"),
            ("loan", "http://h:1/api/v1/resolve?reference=loan"),
            ("loan/latest", "http://h:1/api/v1/resolve?reference=loan%2Flatest"),
            ("models:/loan/3", "http://h:1/api/v1/resolve?reference=models%3A%2Floan%2F3"),
            ("chancery:a b/3@sha256:0123456789ab", "http://h:1/api/v1/resolve?reference=chancery%3Aa+b%2F3%40sha256%3A0123456789ab"),
        ];
        for (text, url) in cases {
            assert_eq!(text.parse::<Reference>().unwrap().url(&client).as_str(), url, "{text}");
        }
    }

    #[test]
    fn a_bare_name_is_a_model() {
        assert_eq!("loan approval".parse(), Ok(Target::Model("loan approval".into())));
        assert_eq!("loan/3".parse(), Ok(Target::Version(Reference::Numbered { name: "loan".into(), number: 3 })));
        assert_eq!("loan@champion".parse(), Ok(Target::Version(Reference::Other("loan@champion".into()))));
    }
}
