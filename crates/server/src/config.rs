//! The configuration of `chancery serve`: a TOML file, over it the environment and the flags.
//!
//! INVARIANT: a key that nobody knows, or a value outside its range, stops the start with a message that names the key. Nothing is
//! corrected in silence. `docs/configuration.md` lists every key; a test compares it with [`Config`].
//! INVARIANT: no secret is a value of the file: secrets are in files of their own, which it names, or in the environment.

mod effective;
mod keys;
mod limits;
mod listen;
mod rate;
mod value;

use std::path::{Path, PathBuf};

use chancery_core::names::PolicyMode;
use serde::{Deserialize, Serialize};

pub use keys::{KeySource, Keys, Pkcs11};
pub use limits::Limits;
pub use listen::{Listen, Network, Tls};
pub use rate::Rate;
pub use value::Invalid;

use value::{is_web_address, readable, within};

use crate::app::{LoginConfig, WorkloadIssuer};

/// Everything that an operator can set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Data folder: keys, artifacts, and the database when it is SQLite.
    pub data: Option<PathBuf>,
    /// Address under which callers reach this server, such as `https://registry.example.com`: scheme, host and port, no path.
    pub public_url: Option<String>,
    /// Policy mode of a registry that is started for the first time.
    pub policy_mode: Option<PolicyMode>,
    /// Where the database is.
    pub database: Database,
    /// Where connections are taken.
    pub listen: Listen,
    /// Certificate and key; without them connections are not encrypted.
    pub tls: Option<Tls>,
    /// What a caller may use at most.
    pub limits: Limits,
    /// How people log in.
    pub login: LoginConfig,
    /// How often a caller may call.
    pub rate: Rate,
    /// Where the private keys are.
    pub keys: Keys,
    /// Issuers whose tokens pipelines log in with.
    #[serde(rename = "workload_issuer", skip_serializing_if = "Vec::is_empty")]
    pub workload_issuers: Vec<WorkloadIssuer>,
}

/// Where the database is. Without any value it is SQLite in the data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// File with the `postgres://` address on one line. It holds the password, so nobody else may read it.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Reads a file; checks form and values, not yet what the values name.
    ///
    /// # Errors
    /// [`Invalid`] with the file, the line and the key.
    pub fn read(path: &Path) -> Result<Self, Invalid> {
        let config = Self::read_unchecked(path)?;
        config.check().map_err(|Invalid(reason)| Invalid(format!("`{}`: {reason}", path.display())))?;
        Ok(config)
    }

    /// Reads a file whose values are still to be overlaid: checks its form only.
    ///
    /// # Errors
    /// [`Invalid`] with the file, the line and the key.
    pub fn read_unchecked(path: &Path) -> Result<Self, Invalid> {
        let text = std::fs::read_to_string(path).map_err(|error| Invalid(format!("cannot read the configuration `{}`: {error}", path.display())))?;
        Self::parse(&text).map_err(|Invalid(reason)| Invalid(format!("`{}`: {reason}", path.display())))
    }

    /// Reads TOML 1.0.
    ///
    /// # Errors
    /// [`Invalid`] with the line and the key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let deserializer = toml::Deserializer::parse(text).map_err(|error| Invalid(described(text, None, &error)))?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let key = error.path().to_string();
            Invalid(described(text, Some(&key), error.inner()))
        })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Invalid`] that names the key, the rule and the way out.
    pub fn check(&self) -> Result<(), Invalid> {
        if let Some(address) = &self.public_url {
            is_web_address("public_url", address)?;
        }
        self.listen.check(self.tls.is_some())?;
        self.limits.check()?;
        self.rate.check()?;
        self.check_login()?;
        self.workload_issuers.iter().try_for_each(WorkloadIssuer::check).map_err(Invalid)?;
        self.keys.check()
    }

    fn check_login(&self) -> Result<(), Invalid> {
        let login = &self.login;
        within("login.idle_minutes", login.idle_minutes, 1..=24 * 60)?;
        within("login.session_hours", login.session_hours, 1..=7 * 24)?;
        let Some(issuer) = &login.issuer else { return Ok(()) };
        crate::app::jwks::checked(issuer).map_err(|why| Invalid(format!("`login.issuer`: {why}")))?;
        if login.client_id.is_empty() {
            return Err(Invalid("`login.client_id` is missing: the identity provider gave it with the client".to_owned()));
        }
        if self.public_url.is_none() {
            return Err(Invalid("`login.issuer` needs `public_url`: the identity provider sends people back to it".to_owned()));
        }
        Ok(())
    }

    /// Checks that the files which it names can be read: what `--check-config` adds to [`Config::check`].
    ///
    /// # Errors
    /// [`Invalid`] that names the key and the file.
    pub fn check_files(&self) -> Result<(), Invalid> {
        if let Some(file) = &self.database.file {
            readable("database.file", file)?;
        }
        if let Some(tls) = &self.tls {
            readable("tls.certificate", &tls.certificate)?;
            readable("tls.key", &tls.key)?;
        }
        if let Some(file) = &self.login.client_secret_file {
            readable("login.client_secret_file", file)?;
        }
        for issuer in &self.workload_issuers {
            if let Some(file) = &issuer.jwks_file {
                readable("workload_issuer.jwks_file", file)?;
            }
        }
        self.keys.check_files()
    }
}

/// What the reader says, in one line: where it is and what was expected.
fn described(text: &str, key: Option<&str>, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let key = key.filter(|key| *key != ".").map(|key| format!("`{key}`: ")).unwrap_or_default();
    format!("line {line}: {key}{}", error.message().trim().replace('\n', ", "))
}

#[cfg(test)]
mod tests;
