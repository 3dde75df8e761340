//! Signed notes with Ed25519 keys (C2SP signed-note, signature type 0x01).
//!
//! A note is text ending in a newline, a blank line, and signature lines `— <name> <base64>`. Nothing of the text may
//! be used before [`open`] has verified a signature by a known key.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// How many signature lines a note may have. The standard asks verifiers to accept at least 16; this is what
/// golang.org/x/mod accepts.
pub const MAX_SIGNATURES: usize = 100;

const ED25519: u8 = 0x01;
const KEY_ID_BYTES: usize = 4;
const LINE_PREFIX: &str = "— ";

/// The first bytes of a hash over name, type and public key. It only finds a key; it does not authenticate it.
type KeyId = [u8; KEY_ID_BYTES];

/// A named Ed25519 public key. Its text form is the *vkey* `name+hex(key id)+base64(0x01 ‖ public key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key_id: KeyId,
    key: VerifyingKey,
}

/// A named Ed25519 private key that signs notes.
#[derive(Debug)]
pub struct Signer {
    key: PrivateKey,
    verifier: Verifier,
}

/// An Ed25519 private key that is elsewhere, in a device that gives it to nobody.
pub trait SignNote: fmt::Debug + Send + Sync {
    /// Signs a message (RFC 8032, pure Ed25519); `None` when the key cannot be used.
    fn sign(&self, message: &[u8]) -> Option<[u8; 64]>;
}

#[derive(Debug)]
enum PrivateKey {
    Here(Box<SigningKey>),
    Elsewhere(Arc<dyn SignNote>),
}

/// Why a key or note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key name is empty or has a space, a plus or a control character.
    #[error("`{0}` is not a key name")]
    KeyName(String),
    /// A text is not a vkey of an Ed25519 key.
    #[error("`{0}` is not an ed25519 verifier key")]
    VerifierKey(String),
    /// The text to sign does not end in a newline, or has control characters.
    #[error("note text must end in a newline and have no control characters")]
    Text,
    /// The bytes have not the form of a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// A known key's signature is wrong.
    #[error("signature of `{0}` is wrong")]
    WrongSignature(String),
    /// The private key cannot be used.
    #[error("the key of `{0}` could not sign")]
    Sign(String),
    /// No known key has signed the note.
    #[error("note is not signed by a known key")]
    Unsigned,
}

impl Verifier {
    /// Names a public key of 32 bytes (RFC 8032).
    pub fn new(name: &str, public_key: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::KeyName(name.to_owned()));
        }
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| NoteError::VerifierKey(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), key_id: key_id(name, &key), key })
    }

    /// The key name; for a log's key the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        // Strict verification refuses keys of small order, for which one signature fits many texts.
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed_key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        let id = hex::encode(self.key_id);
        write!(formatter, "{}+{id}+{}", self.name, BASE64_STANDARD.encode(typed_key))
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NoteError::VerifierKey(text.to_owned());
        let (name, id_and_key) = text.split_once('+').ok_or_else(refused)?;
        let (_, key) = id_and_key.split_once('+').ok_or_else(refused)?;
        let typed_key = BASE64_STANDARD.decode(key).map_err(|_| refused())?;
        let public_key = match typed_key.split_first() {
            Some((&ED25519, key)) => key.try_into().map_err(|_| refused())?,
            _ => return Err(refused()),
        };
        let verifier = Self::new(name, public_key)?;
        // Writing it again checks the key id, which is computed, and that the spelling is the canonical one.
        if verifier.to_string() != text {
            return Err(refused());
        }
        Ok(verifier)
    }
}

impl Signer {
    /// Names the private key made from a 32-byte seed (RFC 8032).
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, key.verifying_key().as_bytes())?;
        Ok(Self { key: PrivateKey::Here(Box::new(key)), verifier })
    }

    /// Names a private key that is elsewhere, by its public key of 32 bytes.
    pub fn elsewhere(name: &str, public_key: &[u8; 32], key: Arc<dyn SignNote>) -> Result<Self, NoteError> {
        Ok(Self { key: PrivateKey::Elsewhere(key), verifier: Verifier::new(name, public_key)? })
    }

    /// The public key under the same name.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The note of `text` with this key's signature line. The text must end in a newline and have no other control character.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        if !text.ends_with('\n') || has_control_characters(text) {
            return Err(NoteError::Text);
        }
        Ok(format!("{text}\n{}", self.line(text)?))
    }

    /// The note with this key's signature line added, for a key that takes over from the one that signed it.
    pub fn add_signature(&self, note: &str) -> Result<String, NoteError> {
        let parsed = parse(note)?;
        if parsed.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        Ok(format!("{note}{}", self.line(parsed.text)?))
    }

    fn line(&self, text: &str) -> Result<String, NoteError> {
        let signature = match &self.key {
            PrivateKey::Here(key) => key.sign(text.as_bytes()).to_bytes(),
            PrivateKey::Elsewhere(key) => key.sign(text.as_bytes()).ok_or_else(|| NoteError::Sign(self.verifier.name.clone()))?,
        };
        if !self.verifier.accepts(text, &signature) {
            return Err(NoteError::WrongSignature(self.verifier.name.clone()));
        }
        let signature = [&self.verifier.key_id, signature.as_slice()].concat();
        Ok(format!("{LINE_PREFIX}{} {}\n", self.verifier.name, BASE64_STANDARD.encode(signature)))
    }
}

/// The text of a note that at least one of the known `verifiers` has signed, with its final newline.
///
/// Signatures by unknown keys are ignored; a wrong signature by a known key refuses the whole note. To require the
/// signatures of several keys, open the note once for each.
pub fn open<'n>(note: &'n str, verifiers: &[Verifier]) -> Result<&'n str, NoteError> {
    let parsed = parse(note)?;
    let mut is_signed = false;
    for line in &parsed.signatures {
        let known = verifiers.iter().filter(|verifier| verifier.name == line.name && verifier.key_id == line.key_id);
        for verifier in known {
            if !verifier.accepts(parsed.text, &line.signature) {
                return Err(NoteError::WrongSignature(verifier.name.clone()));
            }
            is_signed = true;
        }
    }
    if !is_signed {
        return Err(NoteError::Unsigned);
    }
    Ok(parsed.text)
}

struct ParsedNote<'n> {
    text: &'n str,
    signatures: Vec<SignatureLine<'n>>,
}

struct SignatureLine<'n> {
    name: &'n str,
    key_id: KeyId,
    signature: Vec<u8>,
}

fn parse(note: &str) -> Result<ParsedNote<'_>, NoteError> {
    if has_control_characters(note) {
        return Err(NoteError::Malformed("it has control characters"));
    }
    // The last blank line ends the text; the text itself may have others.
    let separator = note.rfind("\n\n");
    let (text, after) = separator.and_then(|position| note.split_at_checked(position + 1)).ok_or(NoteError::Malformed("it has no blank line"))?;
    let lines = after.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Malformed("it has no signature line"))?;
    if lines.split('\n').count() > MAX_SIGNATURES {
        return Err(NoteError::Malformed("it has too many signatures"));
    }
    let signatures = lines.split('\n').map(parse_line).collect::<Option<_>>().ok_or(NoteError::Malformed("a signature line is wrong"))?;
    Ok(ParsedNote { text, signatures })
}

fn parse_line(line: &str) -> Option<SignatureLine<'_>> {
    let (name, encoded) = line.strip_prefix(LINE_PREFIX)?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = decoded.split_first_chunk::<KEY_ID_BYTES>()?;
    if !is_key_name(name) || signature.is_empty() {
        return None;
    }
    Some(SignatureLine { name, key_id: *key_id, signature: signature.to_vec() })
}

fn key_id(name: &str, key: &VerifyingKey) -> KeyId {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    let [first, second, third, fourth, ..] = hash.0;
    [first, second, third, fourth]
}

fn is_key_name(name: &str) -> bool {
    let is_refused = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
    !name.is_empty() && !name.contains(is_refused)
}

fn has_control_characters(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

#[cfg(test)]
mod tests;
