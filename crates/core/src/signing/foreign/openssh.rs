//! OpenSSH's own formats: a public key on one line, and the unencrypted private key file (PROTOCOL.key of OpenSSH).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::elliptic_curve::zeroize::Zeroizing;

use super::{FORMATS, ForeignKey, ForeignSigningKey};
use crate::refusal::Refusal;
use crate::signing::keys::{PublicKey, SigningKey};

const ED25519: &[u8] = b"ssh-ed25519";
const ECDSA_P256: &[u8] = b"ecdsa-sha2-nistp256";
const P256: &[u8] = b"nistp256";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Reads `TYPE BASE64 [comment]`.
pub(super) fn public_line(text: &str) -> Result<ForeignKey, Refusal> {
    let refused = || Refusal::invalid("key", "this is no public key that is known here").remedy(FORMATS);
    if text.lines().count() > 1 {
        return Err(Refusal::invalid("key", "an OpenSSH public key is one line").remedy(FORMATS));
    }
    let mut words = text.split_whitespace();
    let (kind, blob) = (words.next().ok_or_else(refused)?, words.next().ok_or_else(refused)?);
    let blob = BASE64_STANDARD.decode(blob).map_err(|_| refused())?;
    let mut reader = Reader(&blob);
    let key = public_key(&mut reader, kind.as_bytes()).ok_or_else(refused)?;
    if reader.0.is_empty() { Ok(key) } else { Err(refused()) }
}

/// A public key blob whose type must be `kind`.
fn public_key(reader: &mut Reader<'_>, kind: &[u8]) -> Option<ForeignKey> {
    if reader.string()? != kind {
        return None;
    }
    match kind {
        ED25519 => {
            let bytes: &[u8; 32] = reader.string()?.try_into().ok()?;
            ForeignKey::ed25519(ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?)
        }
        ECDSA_P256 => {
            if reader.string()? != P256 {
                return None;
            }
            PublicKey::from_sec1(reader.string()?).ok().map(ForeignKey::EcdsaP256)
        }
        _ => None,
    }
}

/// Reads an unencrypted private key file.
pub(super) fn private_file(text: &str) -> Result<ForeignSigningKey, Refusal> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let refused = || Refusal::invalid("key", "this is no OpenSSH private key of Ed25519 or P-256").remedy("make one: `ssh-keygen -t ed25519 -N '' -f KEY`");
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(body).map_err(|_| refused())?);
    let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or_else(refused)?);
    let (cipher, kdf) = (reader.string().ok_or_else(refused)?, reader.string().ok_or_else(refused)?);
    if cipher != b"none" || kdf != b"none" {
        return Err(Refusal::invalid("key", "the private key has a passphrase").remedy("use a copy without one: `ssh-keygen -p -N '' -f COPY`"));
    }
    private_key(&mut reader).ok_or_else(refused)
}

fn private_key(reader: &mut Reader<'_>) -> Option<ForeignSigningKey> {
    let (_options, count, public_blob) = (reader.string()?, reader.number()?, reader.string()?);
    if count != 1 {
        return None;
    }
    let mut secret = Reader(reader.string()?);
    // Both numbers are the same unless a passphrase was wrong.
    if secret.number()? != secret.number()? {
        return None;
    }
    let kind = secret.string()?;
    let key = match kind {
        ED25519 => {
            let (public, pair): (_, &[u8; 64]) = (secret.string()?, secret.string()?.try_into().ok()?);
            let key = ForeignSigningKey::from_ed25519_seed(pair.first_chunk::<32>()?);
            (pair.get(32..) == Some(public)).then_some(key)?
        }
        ECDSA_P256 => {
            let (curve, _point, number) = (secret.string()?, secret.string()?, secret.string()?);
            if curve != P256 {
                return None;
            }
            ForeignSigningKey::EcdsaP256(SigningKey::from_bytes(&Zeroizing::new(padded(number)?)).ok()?)
        }
        _ => return None,
    };
    let mut check = Reader(public_blob);
    // A file whose halves disagree signs what nobody can verify.
    (public_key(&mut check, kind)? == key.public_key()).then_some(key)
}

/// A number of at most 32 bytes, big endian; a leading zero keeps it positive (RFC 4251, mpint).
fn padded(number: &[u8]) -> Option<[u8; 32]> {
    let number = number.strip_prefix(&[0]).unwrap_or(number);
    let mut bytes = [0; 32];
    bytes.get_mut(32_usize.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some(bytes)
}

/// Reads the types of RFC 4251 off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}
