//! Keys that are not the registry's own: those of people and pipelines, whose signatures it verifies (standards.md b).
//!
//! Read as SPKI PEM or as a line of OpenSSH's `authorized_keys`; private ones as PKCS#8 PEM or as an unencrypted OpenSSH file. Two
//! algorithms: ECDSA P-256 with SHA-256 (signature in ASN.1 DER) and Ed25519 (RFC 8032, checked strictly).

mod openssh;

use ed25519_dalek::Signer as _;
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use sha2::{Digest as _, Sha256};

use super::keys::{KeyError, PublicKey, SigningKey};
use crate::names::Digest;
use crate::refusal::{Code, Refusal};

/// Largest text of a key that is read, in bytes.
pub const MAX_KEY_BYTES: usize = 16 * 1024;

crate::words! {
    /// Algorithm of a key.
    Algorithm, "algorithm" {
        /// ECDSA over P-256 with SHA-256.
        EcdsaP256 = "ecdsa-p256-sha256",
        /// Ed25519.
        Ed25519 = "ed25519",
    }
}

/// Somebody's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignKey {
    /// ECDSA over P-256.
    EcdsaP256(PublicKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl ForeignKey {
    /// Reads an SPKI PEM (`BEGIN PUBLIC KEY`) or a line `ssh-ed25519 …` or `ecdsa-sha2-nistp256 …`.
    ///
    /// # Errors
    /// `too_large` above [`MAX_KEY_BYTES`]; `invalid_field` for anything else, a private key above all.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_KEY_BYTES {
            return Err(Refusal::new(Code::TooLarge, &format!("a public key has at most {MAX_KEY_BYTES} bytes")).field("key"));
        }
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(Refusal::invalid("key", "this is a private key; it is not stored")
                .remedy("send the public key: `openssl pkey -in KEY -pubout`, or the file that ends in `.pub`; and replace a private key that you sent away"));
        }
        if text.starts_with("-----BEGIN") {
            return Self::from_spki_pem(text);
        }
        openssh::public_line(text)
    }

    fn from_spki_pem(text: &str) -> Result<Self, Refusal> {
        // The standard's label wants its last line to end.
        let text = format!("{text}\n");
        let p256 = PublicKey::from_spki_pem(&text).ok().map(Self::EcdsaP256);
        p256.or_else(|| ed25519_dalek::VerifyingKey::from_public_key_pem(&text).ok().and_then(Self::ed25519))
            .ok_or_else(|| Refusal::invalid("key", "this is no P-256 or Ed25519 public key in SPKI PEM").remedy(FORMATS))
    }

    /// A key whose point has small order would verify signatures that nobody made.
    fn ed25519(key: ed25519_dalek::VerifyingKey) -> Option<Self> {
        (!key.is_weak()).then_some(Self::Ed25519(key))
    }

    /// Reads SPKI DER, as entries hold it.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Refusal> {
        let p256 = PublicKey::from_spki_der(der).ok().map(Self::EcdsaP256);
        p256.or_else(|| ed25519_dalek::VerifyingKey::from_public_key_der(der).ok().and_then(Self::ed25519))
            .ok_or_else(|| Refusal::invalid("spki", "this is no P-256 or Ed25519 public key in SPKI DER"))
    }

    /// SPKI DER.
    ///
    /// # Errors
    /// [`KeyError::Encode`].
    pub fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::EcdsaP256(key) => key.to_spki_der(),
            Self::Ed25519(key) => key.to_public_key_der().map(|der| der.as_bytes().to_vec()).map_err(|_| KeyError::Encode),
        }
    }

    /// SPKI PEM, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// [`KeyError::Encode`].
    pub fn to_spki_pem(&self) -> Result<String, KeyError> {
        match self {
            Self::EcdsaP256(key) => key.to_spki_pem(),
            Self::Ed25519(key) => key.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Encode),
        }
    }

    /// The key id: SHA-256 of the SPKI DER.
    ///
    /// # Errors
    /// [`KeyError::Encode`].
    pub fn key_id(&self) -> Result<Digest, KeyError> {
        Ok(Digest::of(&self.to_spki_der()?))
    }

    /// What OMS bundles name a key by: SHA-256 of the SPKI PEM text with its last line end (model-signing-spec v1.0).
    ///
    /// # Errors
    /// [`KeyError::Encode`].
    pub fn pem_digest(&self) -> Result<String, KeyError> {
        Ok(hex::encode(Sha256::digest(self.to_spki_pem()?.as_bytes())))
    }

    /// Algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::EcdsaP256(_) => Algorithm::EcdsaP256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`KeyError::WrongSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match self {
            Self::EcdsaP256(key) => key.verify(message, signature),
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| KeyError::WrongSignature)?;
                key.verify_strict(message, &signature).map_err(|_| KeyError::WrongSignature)
            }
        }
    }
}

/// Which texts are read.
const FORMATS: &str = "give an SPKI PEM (`openssl pkey -in KEY -pubout`) of P-256 or Ed25519, or a line `ssh-ed25519 …` or `ecdsa-sha2-nistp256 …`";

/// Somebody's private key, on his own machine. `Debug` does not show it.
#[derive(Clone, Debug)]
pub enum ForeignSigningKey {
    /// ECDSA over P-256.
    EcdsaP256(SigningKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
}

impl ForeignSigningKey {
    /// Reads an unencrypted private key: PKCS#8 PEM (`BEGIN PRIVATE KEY`) or OpenSSH (`BEGIN OPENSSH PRIVATE KEY`).
    ///
    /// # Errors
    /// `invalid_field`, with the command that converts other files.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_KEY_BYTES {
            return Err(Refusal::new(Code::TooLarge, &format!("a private key has at most {MAX_KEY_BYTES} bytes")).field("key"));
        }
        if text.contains("BEGIN OPENSSH PRIVATE KEY") {
            return openssh::private_file(text);
        }
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("BEGIN EC PRIVATE KEY") {
            return Err(Refusal::invalid("key", "the private key is encrypted or in an old format")
                .remedy("convert it: `openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW`"));
        }
        let p256 = SigningKey::from_pkcs8_pem(text).ok().map(Self::EcdsaP256);
        p256.or_else(|| ed25519_dalek::SigningKey::from_pkcs8_pem(text).ok().map(Self::Ed25519)).ok_or_else(|| {
            Refusal::invalid("key", "this is no P-256 or Ed25519 private key in PKCS#8 PEM or OpenSSH format")
                .remedy("make one: `openssl genpkey -algorithm ed25519 -out KEY` or `ssh-keygen -t ed25519 -N '' -f KEY`")
        })
    }

    fn from_ed25519_seed(seed: &[u8; 32]) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&Zeroizing::new(*seed)))
    }

    /// The public key.
    pub fn public_key(&self) -> ForeignKey {
        match self {
            Self::EcdsaP256(key) => ForeignKey::EcdsaP256(key.public_key()),
            Self::Ed25519(key) => ForeignKey::Ed25519(key.verifying_key()),
        }
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`KeyError::Sign`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::EcdsaP256(key) => key.sign(message),
            Self::Ed25519(key) => key.try_sign(message).map(|signature| signature.to_bytes().to_vec()).map_err(|_| KeyError::Sign),
        }
    }
}

#[cfg(test)]
mod tests;
