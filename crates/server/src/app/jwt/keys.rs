//! Keys of an issuer: a JSON Web Key Set (RFC 7517), read strictly and within limits.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chancery_core::evidence::json;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

/// Largest key set, in bytes.
pub const MAX_SET_BYTES: usize = 256 * 1024;
/// Most keys of a set.
const MAX_KEYS: usize = 100;
/// Sizes of RSA keys that are taken, in bits. A larger one would take the processor for seconds.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Longest public exponent, in bytes.
const MAX_EXPONENT_BYTES: usize = 4;
/// Longest key id, in bytes.
const MAX_KID_BYTES: usize = 2048;

chancery_core::words! {
    /// Algorithms by which a foreign token may be signed. There is no `none` and no HMAC.
    Algorithm, "algorithm" {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// ECDSA on P-384 with SHA-384.
        Es384 = "ES384",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

impl Algorithm {
    /// The algorithm with this name in a header, byte for byte.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa].into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    pub(super) fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// What a key can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    fn fits(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Self::P256 => algorithm == Algorithm::Es256,
            Self::P384 => algorithm == Algorithm::Es384,
            Self::Ed25519 => algorithm == Algorithm::EdDsa,
        }
    }
}

#[derive(Clone, Debug)]
struct Key {
    kid: Option<String>,
    kind: Kind,
    /// The one algorithm that the set allows it for.
    only: Option<Algorithm>,
    key: DecodingKey,
}

/// The keys of an issuer that can verify signatures.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a JSON Web Key Set. Keys for other uses and of kinds that are not taken are left out; a key that breaks a limit makes the whole
    /// set unusable, because whoever writes such a set is not to be trusted with the rest.
    ///
    /// # Errors
    /// What is wrong, for the operator's log.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_SET_BYTES {
            return Err(format!("the key set has more than {MAX_SET_BYTES} bytes"));
        }
        let document = json::parse(bytes).map_err(|refusal| refusal.message)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or("the key set has no list `keys`")?;
        if listed.len() > MAX_KEYS {
            return Err(format!("the key set has more than {MAX_KEYS} keys"));
        }
        let mut keys: Vec<Key> = Vec::new();
        for value in listed {
            let Some(members) = value.as_object() else { return Err("a key of the set is no object".to_owned()) };
            let Some(key) = key(members)? else { continue };
            if key.kid.is_some() && keys.iter().any(|known| known.kid == key.kid && known.kind == key.kind) {
                return Err("two keys of the set have the same `kid`".to_owned());
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// The key for a token: by its `kid`, or the only one of the set when the token names none.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let found = match kid {
            Some(kid) => self.keys.iter().find(|key| key.kid.as_deref() == Some(kid) && key.kind.fits(algorithm)),
            None => match self.keys.as_slice() {
                [only] => Some(only),
                _ => None,
            },
        };
        let fits = found.filter(|key| key.kind.fits(algorithm) && key.only.is_none_or(|only| only == algorithm));
        fits.map(|key| &key.key)
    }

    /// Whether a key has this id.
    pub fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
    }
}

/// A key of the set; `None` when it is for something else.
fn key(members: &Map<String, Value>) -> Result<Option<Key>, String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if ["d", "p", "q", "k"].into_iter().any(|name| members.contains_key(name)) {
        return Err("the key set holds a private or symmetric key".to_owned());
    }
    if text("use").is_some_and(|usage| usage != "sig") {
        return Ok(None);
    }
    let only = match members.get("alg") {
        None => None,
        Some(Value::String(name)) => match Algorithm::named(name) {
            Some(algorithm) => Some(algorithm),
            None => return Ok(None),
        },
        Some(_) => return Err("the `alg` of a key is no text".to_owned()),
    };
    let kid = match members.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.clone()),
        Some(_) => return Err("the `kid` of a key is no text, or too long".to_owned()),
    };
    let (kind, key) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => (Kind::Rsa, rsa(members)?),
        (Some("EC"), Some("P-256")) => (Kind::P256, point(members, 32)?),
        (Some("EC"), Some("P-384")) => (Kind::P384, point(members, 48)?),
        (Some("OKP"), Some("Ed25519")) => (Kind::Ed25519, DecodingKey::from_ed_der(&number(members, "x", 32)?)),
        _ => return Ok(None),
    };
    Ok(Some(Key { kid, kind, only, key }))
}

fn rsa(members: &Map<String, Value>) -> Result<DecodingKey, String> {
    let modulus = trimmed(number(members, "n", RSA_BITS.end() / 8 + 1)?);
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("an RSA key of the set has {bits} bits; {} to {} are taken", RSA_BITS.start(), RSA_BITS.end()));
    }
    let exponent = trimmed(number(members, "e", MAX_EXPONENT_BYTES)?);
    // 1 would make every number its own signature, and an even exponent is no RSA.
    if exponent.as_slice() <= [1].as_slice() && exponent.len() <= 1 || exponent.last().is_none_or(|byte| byte % 2 == 0) {
        return Err("the exponent of an RSA key of the set is not odd and above 1".to_owned());
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

/// An uncompressed point (SEC 1, 2.3.3).
fn point(members: &Map<String, Value>, bytes: usize) -> Result<DecodingKey, String> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        let part = number(members, name, bytes)?;
        if part.len() != bytes {
            return Err(format!("`{name}` of a key of the set does not have {bytes} bytes"));
        }
        point.extend_from_slice(&part);
    }
    Ok(DecodingKey::from_ec_der(&point))
}

/// A member in base64url of at most `limit` bytes.
fn number(members: &Map<String, Value>, name: &str, limit: usize) -> Result<Vec<u8>, String> {
    let text = members.get(name).and_then(Value::as_str).ok_or_else(|| format!("a key of the set has no `{name}`"))?;
    // Before it is decoded: four letters are three bytes.
    if text.len() > limit.div_ceil(3) * 4 {
        return Err(format!("`{name}` of a key of the set has more than {limit} bytes"));
    }
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}` of a key of the set is no base64url"))
}

fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}
