//! Signature keys: ECDSA P-256 with SHA-256 for decisions and models, and PEM files for the Ed25519 seeds of notes.
//!
//! Private keys are PKCS#8 PEM, public keys SPKI PEM, signatures ASN.1 DER: what openssl and the in-toto tools read.

use p256::ecdsa::{
    DerSignature,
    signature::{Signer, Verifier},
};
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use sha2::{Digest, Sha256};

/// An ECDSA P-256 private key. Its memory is overwritten on drop; `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct SigningKey(p256::ecdsa::SigningKey);

/// An ECDSA P-256 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(p256::ecdsa::VerifyingKey);

/// A P-256 private key, wherever it is: in this memory, or in a device that gives it to nobody.
pub trait Sign: std::fmt::Debug + Send + Sync {
    /// The public key.
    fn public_key(&self) -> PublicKey;

    /// Signs the SHA-256 of `message`; gives the DER signature.
    ///
    /// # Errors
    /// [`KeyError::Sign`] when the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

impl Sign for SigningKey {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.sign(message)
    }
}

/// The DER form of a P-256 signature that a device gave as `r` and `s`, 32 bytes each.
///
/// # Errors
/// [`KeyError::Sign`] when it is none.
pub fn der_of_raw(signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| KeyError::Sign)?;
    Ok(signature.to_der().as_bytes().to_vec())
}

/// Why a key or signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The 32 bytes are zero or not below the order of the curve (chance 2^-32): draw again.
    #[error("bytes are not a p-256 private key")]
    OutOfRange,
    /// The PEM text is not a private key of this kind.
    #[error("not a `{0}` private key in pkcs#8 pem form")]
    PrivatePem(&'static str),
    /// The PEM text is not a P-256 public key.
    #[error("not a p-256 public key in spki pem form")]
    PublicPem,
    /// The key cannot be written.
    #[error("key cannot be encoded")]
    Encode,
    /// The key cannot sign.
    #[error("message cannot be signed")]
    Sign,
    /// The signature is not DER, or not this key's signature of this message.
    #[error("signature is wrong")]
    WrongSignature,
}

impl SigningKey {
    /// Makes the key whose secret number is these 32 random bytes (big endian).
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, KeyError> {
        p256::ecdsa::SigningKey::from_slice(secret).map(Self).map_err(|_| KeyError::OutOfRange)
    }

    /// Reads an unencrypted PKCS#8 PEM file (`BEGIN PRIVATE KEY`).
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        p256::ecdsa::SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::PrivatePem("p-256"))
    }

    /// Writes an unencrypted PKCS#8 PEM file.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Encode)
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// Signs the SHA-256 of `message`; gives the DER signature. Deterministic (RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature: DerSignature = self.0.try_sign(message).map_err(|_| KeyError::Sign)?;
        Ok(signature.as_bytes().to_vec())
    }
}

impl PublicKey {
    /// Reads an SPKI PEM file (`BEGIN PUBLIC KEY`).
    pub fn from_spki_pem(pem: &str) -> Result<Self, KeyError> {
        p256::ecdsa::VerifyingKey::from_public_key_pem(pem).map(Self).map_err(|_| KeyError::PublicPem)
    }

    /// Reads SPKI DER.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| KeyError::PublicPem)
    }

    /// Reads a point of the curve as SEC 1 writes it.
    pub fn from_sec1(point: &[u8]) -> Result<Self, KeyError> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self).map_err(|_| KeyError::PublicPem)
    }

    /// Writes SPKI DER.
    pub fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        self.0.to_public_key_der().map(|der| der.as_bytes().to_vec()).map_err(|_| KeyError::Encode)
    }

    /// Writes an SPKI PEM file, byte for byte what `openssl pkey -pubout` writes.
    pub fn to_spki_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Encode)
    }

    /// The key id: lower-case hex of the SHA-256 of the SPKI DER. It only finds a key; it is no security input.
    pub fn key_id(&self) -> Result<String, KeyError> {
        let der = self.0.to_public_key_der().map_err(|_| KeyError::Encode)?;
        Ok(hex::encode(Sha256::digest(der.as_bytes())))
    }

    /// Checks a DER signature over the SHA-256 of `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = DerSignature::from_bytes(signature).map_err(|_| KeyError::WrongSignature)?;
        self.0.verify(message, &signature).map_err(|_| KeyError::WrongSignature)
    }
}

/// Reads the 32-byte seed of an Ed25519 key from an unencrypted PKCS#8 PEM file, for [`crate::ledger::note::Signer`].
pub fn ed25519_seed_from_pkcs8_pem(pem: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(|key| Zeroizing::new(key.to_bytes())).map_err(|_| KeyError::PrivatePem("ed25519"))
}

/// Writes the 32-byte seed of an Ed25519 key as an unencrypted PKCS#8 PEM file.
pub fn ed25519_seed_to_pkcs8_pem(seed: &[u8; 32]) -> Result<Zeroizing<String>, KeyError> {
    // Without the public key the file is PKCS#8 version 1; openssl does not read version 2.
    let key = ed25519_dalek::pkcs8::KeypairBytes { secret_key: *seed, public_key: None };
    key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Encode)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and signature of RFC 6979 appendix A.2.5 for the message `sample`.
    const RFC_6979_KEY: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    const RFC_6979_R: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    const RFC_6979_S: &str = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

    /// The same key as openssl (by python cryptography) writes it.
    const PRIVATE_PEM: &str = "\
        -----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX\n\
        Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth\n\
        +mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC_PEM: &str = "\
        -----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n\
        Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n\
        -----END PUBLIC KEY-----\n";
    const KEY_ID: &str = "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4";
    /// The Ed25519 seed of 32 bytes 0x01.
    const ED25519_PEM: &str = "\
        -----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n\
        -----END PRIVATE KEY-----\n";

    fn key() -> SigningKey {
        SigningKey::from_bytes(&hex::decode(RFC_6979_KEY).unwrap().try_into().unwrap()).unwrap()
    }

    #[test]
    fn signatures_are_those_of_rfc_6979_in_der() {
        let signature = key().sign(b"sample").unwrap();
        let expected = format!("3046022100{RFC_6979_R}022100{RFC_6979_S}");
        assert_eq!(hex::encode(&signature), expected);
        assert_eq!(key().public_key().verify(b"sample", &signature), Ok(()));
    }

    #[test]
    fn changed_messages_keys_and_signatures_are_refused() {
        let signature = key().sign(b"sample").unwrap();
        let refused = Err(KeyError::WrongSignature);
        let other = SigningKey::from_bytes(&[1; 32]).unwrap();
        assert_eq!(key().public_key().verify(b"Sample", &signature), refused);
        assert_eq!(other.public_key().verify(b"sample", &signature), refused);
        for position in 0..signature.len() {
            let mut changed = signature.clone();
            changed[position] ^= 1;
            assert_eq!(key().public_key().verify(b"sample", &changed), refused, "{position}");
        }
        let raw = hex::decode(format!("{RFC_6979_R}{RFC_6979_S}")).unwrap();
        let trailing = [&signature[..], &[0]].concat();
        for not_der in [&raw[..], &trailing, &signature[..70], &[]] {
            assert_eq!(key().public_key().verify(b"sample", not_der), refused);
        }
    }

    #[test]
    fn pem_files_are_those_of_openssl() {
        let public = key().public_key();
        assert_eq!(key().to_pkcs8_pem().unwrap().as_str(), PRIVATE_PEM);
        assert_eq!(public.to_spki_pem().unwrap(), PUBLIC_PEM);
        assert_eq!(public.key_id().unwrap(), KEY_ID);
        let read = SigningKey::from_pkcs8_pem(PRIVATE_PEM).unwrap();
        assert_eq!(read.public_key(), public);
        assert_eq!(PublicKey::from_spki_pem(PUBLIC_PEM), Ok(public));
        let seed = [1; 32];
        assert_eq!(ed25519_seed_to_pkcs8_pem(&seed).unwrap().as_str(), ED25519_PEM);
        assert_eq!(*ed25519_seed_from_pkcs8_pem(ED25519_PEM).unwrap(), seed);
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for pem in ["", "-----BEGIN PRIVATE KEY-----", ED25519_PEM, PUBLIC_PEM] {
            assert!(SigningKey::from_pkcs8_pem(pem).is_err(), "{pem}");
        }
        for pem in ["", ED25519_PEM, PRIVATE_PEM] {
            assert!(PublicKey::from_spki_pem(pem).is_err(), "{pem}");
        }
        for pem in ["", PRIVATE_PEM, PUBLIC_PEM] {
            assert!(ed25519_seed_from_pkcs8_pem(pem).is_err(), "{pem}");
        }
        for bytes in [[0; 32], [0xff; 32]] {
            assert_eq!(SigningKey::from_bytes(&bytes).err(), Some(KeyError::OutOfRange));
        }
    }

    #[test]
    fn debug_output_hides_the_private_key() {
        assert!(!format!("{:?}", key()).to_lowercase().contains("c9afa9"));
    }
}
