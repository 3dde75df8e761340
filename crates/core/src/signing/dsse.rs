//! DSSE v1 envelopes: signed bytes with their type (secure-systems-lab/dsse).
//!
//! The signature covers the pre-authentication encoding of type and payload, so neither can be read as another. Key
//! ids are hints and decide nothing. Verifying hands back the very bytes that were verified.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::foreign::{ForeignKey, ForeignSigningKey};
use super::keys::{KeyError, PublicKey, Sign};

/// The payload type of an in-toto statement.
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// How many signatures an envelope may carry; each is tried with each key.
pub const MAX_SIGNATURES: usize = 32;

/// A payload with its type and signatures. JSON: `{"payload", "payloadType", "signatures"}`; unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The payload. Use it only as [`Envelope::verify`] gives it.
    #[serde(with = "base64_bytes")]
    payload: Vec<u8>,
    /// What the payload is, a media type.
    payload_type: String,
    /// The signatures, in no particular order.
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    /// A hint which key signed; empty if missing.
    #[serde(default, deserialize_with = "text_or_null")]
    keyid: String,
    #[serde(with = "base64_bytes")]
    sig: Vec<u8>,
}

/// Why an envelope is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// The envelope holds something else than expected.
    #[error("envelope holds `{found}` instead of `{expected}`")]
    PayloadType {
        /// The type asked for.
        expected: String,
        /// The type in the envelope.
        found: String,
    },
    /// The envelope has more than [`MAX_SIGNATURES`] signatures.
    #[error("envelope has `{0}` signatures, more than 32")]
    TooManySignatures(usize),
    /// None of the keys has signed the envelope.
    #[error("envelope is not signed by a known key")]
    Unsigned,
    /// The key could not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Envelope {
    /// Signs a payload of the given type.
    pub fn sign(payload_type: &str, payload: &[u8], key: &dyn Sign) -> Result<Self, DsseError> {
        let envelope = Self { payload: payload.to_vec(), payload_type: payload_type.to_owned(), signatures: Vec::new() };
        envelope.add_signature(key)
    }

    /// Adds a further signature over the same type and payload, for a second signer.
    pub fn add_signature(mut self, key: &dyn Sign) -> Result<Self, DsseError> {
        let encoded = pre_authentication_encoding(&self.payload_type, &self.payload);
        self.signatures.push(EnvelopeSignature { keyid: key.public_key().key_id()?, sig: key.sign(&encoded)? });
        Ok(self)
    }

    /// Signs a payload with somebody's own key.
    pub fn sign_foreign(payload_type: &str, payload: &[u8], key: &ForeignSigningKey) -> Result<Self, DsseError> {
        let signature = key.sign(&pre_authentication_encoding(payload_type, payload))?;
        let envelope = Self { payload: payload.to_vec(), payload_type: payload_type.to_owned(), signatures: Vec::new() };
        Ok(envelope.with_signature(&key.public_key().key_id()?.to_string(), signature))
    }

    /// Adds a signature that somebody else made over the same type and payload. It is not checked here.
    #[must_use]
    pub fn with_signature(mut self, keyid: &str, sig: Vec<u8>) -> Self {
        self.signatures.push(EnvelopeSignature { keyid: keyid.to_owned(), sig });
        self
    }

    /// What the payload is, as the envelope says.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload although no signature over it was checked: for documents whose signer is not known here.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The key ids that the signatures name; empty text where one names none.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.keyid.as_str())
    }

    /// Whether the signature at `position` is this key's.
    pub fn is_signed_at(&self, position: usize, key: &ForeignKey) -> bool {
        let encoded = pre_authentication_encoding(&self.payload_type, &self.payload);
        self.signatures.get(position).is_some_and(|signature| key.verify(&encoded, &signature.sig).is_ok())
    }

    /// Checks the type and that one of `keys` signed; gives the payload that was verified.
    ///
    /// Other signatures are ignored. To require several signers, verify once with each signer's keys.
    pub fn verify(&self, payload_type: &str, keys: &[PublicKey]) -> Result<&[u8], DsseError> {
        if self.payload_type != payload_type {
            return Err(DsseError::PayloadType { expected: payload_type.to_owned(), found: self.payload_type.clone() });
        }
        if self.signatures.len() > MAX_SIGNATURES {
            return Err(DsseError::TooManySignatures(self.signatures.len()));
        }
        let encoded = pre_authentication_encoding(&self.payload_type, &self.payload);
        let is_signed = self.signatures.iter().any(|signature| {
            let accepts = |key: &PublicKey| key.verify(&encoded, &signature.sig).is_ok();
            keys.iter().any(accepts)
        });
        if !is_signed {
            return Err(DsseError::Unsigned);
        }
        Ok(&self.payload)
    }
}

/// The bytes that are signed: `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`, lengths in bytes.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let type_length = payload_type.len();
    let length = payload.len();
    let mut encoded = format!("DSSEv1 {type_length} {payload_type} {length} ").into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Writes standard base64 with padding; reads standard and URL-safe base64, with or without padding.
mod base64_bytes {
    use super::{BASE64_STANDARD, DecodePaddingMode, Deserialize, Deserializer, Engine, GeneralPurpose, GeneralPurposeConfig, Serializer, alphabet, de};

    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decoded = STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text));
        decoded.map_err(|_| de::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SigningKey;

    const TYPE: &str = "http://example.com/HelloWorld";
    const PAYLOAD: &[u8] = b"hello world";

    /// The payload signed deterministically (RFC 6979) by python cryptography with the key of 32 bytes 0x01.
    const GOLDEN_ENVELOPE: &str = r#"{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld","signatures":[{"keyid":"f857ae4ed6e34e33761aea25caaee3fe54a15960fb92dcd63a375ab121deb2a9","sig":"MEUCIB0bBdFV0XUMWSKR1wMp9TGL78qeASicaVbt4eNjnlY9AiEAkgmbSsHQXS1dX6VDyyKCl8FonC4B/cjUMX1Hk6+SHpk="}]}"#;
    /// The same signed by `openssl dgst -sha256 -sign`, whose signatures are random.
    const OPENSSL_ENVELOPE: &str = r#"{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld","signatures":[{"keyid":"f857ae4ed6e34e33761aea25caaee3fe54a15960fb92dcd63a375ab121deb2a9","sig":"MEYCIQCkn4P2zTqHJl/MglzmdDJmV4JKlfhok3iT+gCbSdXEAQIhAOX20+JqQ/C9yju53CllyGuw4TtyOD5LlFRqTeXBh1mC"}]}"#;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn envelope() -> Envelope {
        Envelope::sign(TYPE, PAYLOAD, &key(1)).unwrap()
    }

    fn public(byte: u8) -> Vec<PublicKey> {
        vec![key(byte).public_key()]
    }

    #[test]
    fn the_encoding_is_that_of_the_standard() {
        for (payload_type, payload, expected) in
            [(TYPE, PAYLOAD, "DSSEv1 29 http://example.com/HelloWorld 11 hello world"), ("", b"", "DSSEv1 0  0 "), ("é", "ü ü".as_bytes(), "DSSEv1 2 é 5 ü ü")]
        {
            let encoded = pre_authentication_encoding(payload_type, payload);
            assert_eq!(encoded, expected.as_bytes());
        }
    }

    #[test]
    fn the_envelope_is_the_golden_one() {
        let json = serde_json::to_string(&envelope()).unwrap();
        assert_eq!(json, GOLDEN_ENVELOPE);
        assert_eq!(serde_json::from_str::<Envelope>(&json).unwrap(), envelope());
    }

    #[test]
    fn an_envelope_signed_by_openssl_verifies() {
        let envelope: Envelope = serde_json::from_str(OPENSSL_ENVELOPE).unwrap();
        assert_eq!(envelope.verify(TYPE, &public(1)), Ok(PAYLOAD));
    }

    #[test]
    fn verification_asks_for_type_and_key() {
        let envelope = envelope();
        let both = [public(2), public(1)].concat();
        assert_eq!(envelope.verify(TYPE, &public(1)), Ok(PAYLOAD));
        assert_eq!(envelope.verify(TYPE, &both), Ok(PAYLOAD));
        assert_eq!(envelope.verify(TYPE, &public(2)), Err(DsseError::Unsigned));
        assert_eq!(envelope.verify(TYPE, &[]), Err(DsseError::Unsigned));
        let wrong_type = envelope.verify(IN_TOTO_PAYLOAD_TYPE, &public(1));
        assert!(matches!(wrong_type, Err(DsseError::PayloadType { .. })));
    }

    #[test]
    fn a_second_signature_verifies_beside_the_first() {
        let envelope = envelope().add_signature(&key(2)).unwrap();
        assert_eq!(envelope.verify(TYPE, &public(1)), Ok(PAYLOAD));
        assert_eq!(envelope.verify(TYPE, &public(2)), Ok(PAYLOAD));
    }

    #[test]
    fn any_changed_part_is_refused() {
        let changes: [fn(&mut Envelope); 4] = [
            |envelope| envelope.payload[0] ^= 1,
            |envelope| envelope.payload.push(b' '),
            |envelope| envelope.signatures[0].sig[20] ^= 1,
            |envelope| envelope.signatures.clear(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = envelope();
            change(&mut changed);
            let verdict = changed.verify(TYPE, &public(1));
            assert_eq!(verdict, Err(DsseError::Unsigned), "change {number}");
        }
        let mut retyped = envelope();
        retyped.payload_type = IN_TOTO_PAYLOAD_TYPE.to_owned();
        let verdict = retyped.verify(IN_TOTO_PAYLOAD_TYPE, &public(1));
        assert_eq!(verdict, Err(DsseError::Unsigned));
    }

    #[test]
    fn key_ids_decide_nothing_and_unknown_members_are_ignored() {
        let signature = BASE64_STANDARD.encode(&envelope().signatures[0].sig);
        let url_safe = signature.replace('+', "-").replace('/', "_");
        for signature in [
            format!(r#"{{"sig":"{signature}"}}"#),
            format!(r#"{{"sig":"{signature}","keyid":null}}"#),
            format!(r#"{{"sig":"{signature}","keyid":"other","more":1}}"#),
            format!(r#"{{"sig":"{url_safe}"}}"#),
            format!(r#"{{"sig":"{}"}}"#, url_safe.trim_end_matches('=')),
        ] {
            let json = format!(r#"{{"payload":"aGVsbG8gd29ybGQ=","payloadType":"{TYPE}","signatures":[{signature}],"more":[]}}"#);
            let envelope: Envelope = serde_json::from_str(&json).unwrap();
            assert_eq!(envelope.verify(TYPE, &public(1)), Ok(PAYLOAD), "{json}");
        }
    }

    #[test]
    fn malformed_envelopes_are_refused() {
        for json in [
            "{}",
            r#"{"payload":"!","payloadType":"t","signatures":[]}"#,
            r#"{"payload":"-+==","payloadType":"t","signatures":[]}"#,
            r#"{"payload":"","payloadType":"t"}"#,
            r#"{"payload":"","payloadType":"t","signatures":[{"keyid":"k"}]}"#,
            r#"{"payload":"","signatures":[]}"#,
        ] {
            assert!(serde_json::from_str::<Envelope>(json).is_err(), "{json}");
        }
        let mut flooded = envelope();
        flooded.signatures = vec![flooded.signatures[0].clone(); MAX_SIGNATURES + 1];
        let verdict = flooded.verify(TYPE, &public(1));
        assert_eq!(verdict, Err(DsseError::TooManySignatures(33)));
    }
}
