//! `[[workload_issuer]]`: the issuers whose tokens a pipeline may log in with, as the operator configures them.

use std::path::PathBuf;

use chancery_core::identity::Shape;
use serde::{Deserialize, Serialize};

use super::super::jwks::{Issuer, IssuerConfig, KeySource, checked};
use super::super::jwt::Algorithm;
use crate::fault::Fault;

/// One issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadIssuer {
    /// The `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// What the tokens must be meant for: the `aud` that a pipeline asks its issuer for.
    pub audience: String,
    /// Whose tokens they are like; `other` unless given.
    #[serde(default = "other")]
    pub shape: Shape,
    /// Algorithms that its tokens may have; RS256 unless given.
    #[serde(default = "rs256")]
    pub algorithms: Vec<Algorithm>,
    /// File with its key set. Without it and `jwks_uri` the address is found by discovery.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// Address of its key set.
    #[serde(default)]
    pub jwks_uri: Option<String>,
}

fn other() -> Shape {
    Shape::Other
}

fn rs256() -> Vec<Algorithm> {
    vec![Algorithm::Rs256]
}

impl WorkloadIssuer {
    /// Checks every value.
    ///
    /// # Errors
    /// What is wrong, with the key's name.
    pub fn check(&self) -> Result<(), String> {
        if self.issuer.is_empty() {
            return Err("workload_issuer.issuer is empty".to_owned());
        }
        if self.audience.is_empty() {
            return Err("workload_issuer.audience is empty: a token that is meant for nobody is taken by everybody".to_owned());
        }
        if self.algorithms.is_empty() {
            return Err("workload_issuer.algorithms is empty; name one of RS256, PS256, ES256, ES384, EdDSA".to_owned());
        }
        match (&self.jwks_file, &self.jwks_uri) {
            (Some(_), Some(_)) => Err("workload_issuer has both jwks_file and jwks_uri; give one".to_owned()),
            (Some(_), None) => Ok(()),
            (None, Some(address)) => checked(address).map(drop).map_err(|reason| format!("workload_issuer.jwks_uri: {reason}")),
            (None, None) => checked(&self.issuer).map(drop).map_err(|reason| format!("workload_issuer.issuer, by which its keys are found: {reason}")),
        }
    }

    pub(super) fn open(&self) -> Result<Issuer, Fault> {
        self.check().map_err(Fault::Config)?;
        let keys = match (&self.jwks_file, &self.jwks_uri) {
            (Some(file), _) => KeySource::File(file.clone()),
            (None, Some(address)) => KeySource::Address(address.clone()),
            (None, None) => KeySource::Discovery,
        };
        Issuer::new(IssuerConfig { issuer: self.issuer.clone(), keys, algorithms: self.algorithms.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(), String> {
        toml::from_str::<WorkloadIssuer>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn an_issuer_is_checked_before_it_is_used() {
        let good = "issuer = 'https://i.example'\naudience = 'chancery'\n";
        assert_eq!(read(good), Ok(()));
        assert_eq!(read("issuer = 'ci'\naudience = 'a'\njwks_file = 'keys.json'\nshape = 'gitlab'\nalgorithms = ['ES256']"), Ok(()));
        for bad in [
            "issuer = 'https://i.example'".to_owned(),
            good.replace("chancery", ""),
            good.replace("https", "http"),
            format!("{good}algorithms = ['HS256']"),
            format!("{good}algorithms = ['none']"),
            format!("{good}algorithms = []"),
            format!("{good}jwks_uri = 'http://keys.example'"),
            format!("{good}jwks_uri = 'https://k.example'\njwks_file = 'x'"),
            format!("{good}shape = 'jenkins'"),
            format!("{good}secret = 'x'"),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
