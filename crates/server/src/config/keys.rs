//! `[keys]`: where the private keys of the registry are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::value::{Invalid, readable};

/// The two keys of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Signs decisions: ECDSA P-256.
    pub decision: KeySource,
    /// Signs checkpoints: Ed25519.
    pub checkpoint: KeySource,
}

/// Where a private key is. Without a value: a file in `DATA/keys`, made at the first start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeySource {
    /// In a token that gives it to nobody (PKCS#11).
    pub pkcs11: Option<Pkcs11>,
}

/// A key in a PKCS#11 token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11 {
    /// The library of the token's maker.
    pub module: PathBuf,
    /// Label of the token.
    pub token_label: String,
    /// Label of the private key, and of its public half.
    pub key_label: String,
    /// File with the PIN of the token on one line. Nobody else may read it.
    pub pin_file: PathBuf,
}

impl Keys {
    fn tokens(&self) -> impl Iterator<Item = (&'static str, &Pkcs11)> {
        let sources = [("keys.decision.pkcs11", &self.decision), ("keys.checkpoint.pkcs11", &self.checkpoint)];
        sources.into_iter().filter_map(|(key, source)| source.pkcs11.as_ref().map(|token| (key, token)))
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        for (key, token) in self.tokens() {
            for (member, label) in [("token_label", &token.token_label), ("key_label", &token.key_label)] {
                if label.is_empty() || label.len() > 255 {
                    return Err(Invalid(format!("`{key}.{member}` must have 1 to 255 bytes")));
                }
            }
            if !token.module.is_absolute() {
                return Err(Invalid(format!(
                    "`{key}.module` is `{}`, it must be an absolute path: it is code that runs in the server",
                    token.module.display()
                )));
            }
        }
        Ok(())
    }

    pub(super) fn check_files(&self) -> Result<(), Invalid> {
        for (key, token) in self.tokens() {
            readable(&format!("{key}.module"), &token.module)?;
            readable(&format!("{key}.pin_file"), &token.pin_file)?;
        }
        Ok(())
    }
}
