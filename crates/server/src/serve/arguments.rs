//! Flags of `chancery serve`, and how they go over the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chancery_core::names::PolicyMode;
use chancery_core::registry::KeyPurpose;
use clap::Args;

use crate::app::settings::{self, Setting};
use crate::config::{Config, Invalid, KeySource, Network, Tls};
use crate::keys::{Pem, Source, Sources};

/// Options of `chancery serve`. A flag goes before its environment variable, and that before the file.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Configuration file (TOML); docs/configuration.md lists its keys.
    #[arg(long, env = "CHANCERY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the configuration and end.
    #[arg(long)]
    pub check_config: bool,
    /// Data folder: keys, artifacts, and the database when it is SQLite [default: chancery-data].
    #[arg(long, env = "CHANCERY_DATA")]
    pub data: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080].
    #[arg(long, env = "CHANCERY_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Address under which callers reach this server, such as `https://registry.example.com`.
    #[arg(long, env = "CHANCERY_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Certificate of the server and those that lead to the root (PEM).
    #[arg(long, env = "CHANCERY_TLS_CERTIFICATE", requires = "tls_key", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, env = "CHANCERY_TLS_KEY", requires = "tls_certificate", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// A proxy, or a network of proxies, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Can be repeated.
    #[arg(long, env = "CHANCERY_TRUSTED_PROXY", value_delimiter = ',', value_name = "NETWORK")]
    pub trusted_proxy: Vec<Network>,
    /// Take unencrypted connections from other machines: whoever is on the way reads every token.
    #[arg(long, env = "CHANCERY_INSECURE_HTTP")]
    pub insecure_http: bool,
    /// PostgreSQL address (`postgres://user@host/database`); without it SQLite in the data folder. One with a password does not
    /// belong on a command line, which every user of the machine can read: use --database-file or the environment.
    #[arg(long, env = "CHANCERY_DATABASE", hide_env_values = true, conflicts_with = "database_file")]
    pub database: Option<String>,
    /// File with the PostgreSQL address on one line.
    #[arg(long, env = "CHANCERY_DATABASE_FILE", value_name = "FILE")]
    pub database_file: Option<PathBuf>,
    /// Policy mode of a registry that is started for the first time [default: enforce].
    #[arg(long, env = "CHANCERY_POLICY_MODE")]
    pub policy_mode: Option<PolicyMode>,
    /// Ask nobody who they are. Loopback only; every entry then says `anonymous`.
    #[arg(long)]
    pub no_auth: bool,
    /// Move the clock, such as `90d` or `-2h`. Loopback only; for rehearsals.
    #[arg(long, allow_hyphen_values = true, value_parser = parse_offset)]
    pub clock_offset: Option<i64>,
}

impl ServeArgs {
    /// The file with the flags over it, checked.
    ///
    /// # Errors
    /// [`Invalid`] that names the key or the flag.
    pub fn config(&self) -> Result<Config, Invalid> {
        let mut config = match &self.config {
            Some(path) => Config::read_unchecked(path)?,
            None => Config::default(),
        };
        config.public_url = self.public_url.clone().or(config.public_url);
        config.policy_mode = self.policy_mode.or(config.policy_mode);
        config.listen.address = self.listen.unwrap_or(config.listen.address);
        config.listen.insecure_http |= self.insecure_http;
        if !self.trusted_proxy.is_empty() {
            config.listen.trusted_proxies.clone_from(&self.trusted_proxy);
        }
        if let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) {
            config.tls = Some(Tls { certificate: certificate.clone(), key: key.clone() });
        }
        config.data = self.data.clone().or(config.data);
        config.database.file = self.database_file.clone().or(config.database.file);
        config.check()?;
        let address = config.listen.address;
        if !address.ip().is_loopback() && (self.no_auth || self.clock_offset.is_some()) {
            return Err(Invalid(format!("--no-auth and --clock-offset are for loopback addresses only; {address} is not one")));
        }
        Ok(config)
    }

    /// The settings in force, with where each value comes from.
    ///
    /// # Errors
    /// [`Invalid`] when the file cannot be read any more.
    pub fn settings(&self, config: &Config) -> Result<Vec<Setting>, Invalid> {
        let file = self.config.as_deref().map(Config::read_unchecked).transpose()?;
        let mut found = config.effective(file.as_ref());
        let flag = |key: &str, value: String| Setting { key: key.to_owned(), value, source: settings::Source::Flag };
        // The address may hold a password: that there is one is enough.
        found.extend(self.database.as_ref().map(|_| flag("database", "PostgreSQL, at an address that is not shown".to_owned())));
        found.extend(self.no_auth.then(|| flag("no_auth", "true".to_owned())));
        found.extend(self.clock_offset.map(|offset| flag("clock_offset", format!("{} s", offset / 1_000_000))));
        found.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(found)
    }

    /// The data folder.
    pub fn data(&self, config: &Config) -> PathBuf {
        config.data.clone().unwrap_or_else(|| PathBuf::from("chancery-data"))
    }

    /// Where the private keys are; `rotating` is the key that is about to be rotated.
    ///
    /// # Errors
    /// [`Invalid`] when a key is in two places.
    pub fn key_sources(&self, config: &Config, rotating: Option<KeyPurpose>) -> Result<Sources, Invalid> {
        key_sources(config, rotating)
    }

    /// The address of the database; nothing for SQLite.
    ///
    /// # Errors
    /// [`Invalid`] when the file cannot be read, others may read it, or a password is on the command line.
    pub fn database_address(&self, config: &Config) -> Result<Option<String>, Invalid> {
        database_address(self.database.as_deref(), config.database.file.as_deref())
    }
}

/// Where the private keys are: a token when the configuration names one, else the environment, else files in the data folder.
///
/// # Errors
/// [`Invalid`] when a key is in two places.
pub fn key_sources(config: &Config, rotating: Option<KeyPurpose>) -> Result<Sources, Invalid> {
    let source = |configured: &KeySource, variable: &str, key: &str| match (&configured.pkcs11, std::env::var(variable).ok()) {
        (Some(_), Some(_)) => Err(Invalid(format!("the key is in `{key}.pkcs11` and in {variable}: remove one of them"))),
        (Some(token), None) => Ok(Source::Pkcs11(Box::new(token.clone()))),
        (None, Some(pem)) => Ok(Source::Pem(Pem(pem))),
        (None, None) => Ok(Source::File),
    };
    Ok(Sources {
        decision: source(&config.keys.decision, "CHANCERY_DECISION_KEY", "keys.decision")?,
        checkpoint: source(&config.keys.checkpoint, "CHANCERY_CHECKPOINT_KEY", "keys.checkpoint")?,
        rotating,
    })
}

/// The address of the database from `--database` (or its environment variable) or from a file.
///
/// # Errors
/// [`Invalid`] when the file cannot be read, others may read it, or a password is on the command line.
pub fn database_address(given: Option<&str>, file: Option<&Path>) -> Result<Option<String>, Invalid> {
    if let Some(address) = given {
        let on_command_line = std::env::args_os().any(|word| word.to_string_lossy().contains(address));
        if on_command_line && has_password(address) {
            return Err(Invalid(
                "the address of the database holds a password, and every user of this machine can read a command line: \
                 put the address into a file and name it with --database-file, or into the environment variable CHANCERY_DATABASE"
                    .to_owned(),
            ));
        }
        return Ok(Some(address.to_owned()));
    }
    let Some(file) = file else { return Ok(None) };
    let text = crate::keys::read_private(file).map_err(|fault| Invalid(format!("--database-file: {}", crate::fault::chain(&fault))))?;
    let text = text.ok_or_else(|| Invalid(format!("--database-file names `{}`, which is not there", file.display())))?;
    Ok(Some(text.trim().to_owned()))
}

fn has_password(address: &str) -> bool {
    reqwest::Url::parse(address)
        .map_or_else(|_| address.contains("password"), |url| url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password"))
}

/// Microseconds of a duration such as `90d`, `-2h`, `30m`, `45s`.
///
/// # Errors
/// A text that says what a duration is.
pub fn parse_offset(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is not a duration such as 90d, -2h, 30m or 45s");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(bad()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(seconds * 1_000_000)).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_offset("90d"), Ok(7_776_000_000_000));
        assert_eq!(parse_offset("-2h"), Ok(-7_200_000_000));
        for bad in ["", "d", "90", "9w", "1.5h", "ü"] {
            assert!(parse_offset(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_seen_in_an_address() {
        for (address, expected) in [
            ("postgres://u:secret@host/db", true),
            ("postgres://u@host/db?password=secret", true),
            ("host=h password=secret", true),
            ("postgres://u@host/db", false),
        ] {
            assert_eq!(has_password(address), expected, "{address}");
        }
    }
}
