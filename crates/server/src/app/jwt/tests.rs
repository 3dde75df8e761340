//! Every way to alter a token or a key set that is known to have worked somewhere.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chancery_core::names::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Signing, EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "chancery";
/// 2026-06-01T12:00:00Z.
const NOW: i64 = 1_780_315_200;

/// A key of an issuer.
pub(crate) struct TestKey {
    pub(crate) kid: &'static str,
    algorithm: Signing,
    key: EncodingKey,
    public: Vec<u8>,
}

impl TestKey {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library may know more algorithms of RSA")]
    pub(crate) fn new(kid: &'static str, algorithm: Signing) -> Self {
        let made = match algorithm {
            Signing::ES256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Signing::ES384 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Signing::EdDSA => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519),
            _ => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048),
        };
        let made = made.unwrap();
        let (pem, public) = (made.serialize_pem(), made.public_key_raw().to_vec());
        let key = match algorithm {
            Signing::ES256 | Signing::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Signing::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        Self { kid, algorithm, key: key.unwrap(), public }
    }

    /// The public half, as a member of a key set.
    pub(crate) fn jwk(&self) -> Value {
        if self.algorithm == Signing::EdDSA {
            return json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode(&self.public), "kid": self.kid, "use": "sig"});
        }
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        let members = jwk.as_object_mut().unwrap();
        members.remove("key_ops");
        members.remove("alg");
        jwk
    }

    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_text(&json!({"alg": format!("{:?}", self.algorithm), "kid": self.kid, "typ": "JWT"}).to_string(), &claims.to_string())
    }
}

fn encoded(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "repo:acme/loans:ref:refs/heads/main", "aud": AUDIENCE, "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "1"})
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut all = claims();
    for (name, value) in changes {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(*name);
        } else {
            all[*name] = value.clone();
        }
    }
    all
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_micros(NOW * 1_000_000)
}

fn verified(token: &str, keys: &KeySet) -> Result<Claims, JwtRefusal> {
    verify(token, keys, ISSUER, Algorithm::ALL, AUDIENCE, now())
}

#[test]
fn every_algorithm_that_is_taken_verifies_and_a_changed_byte_does_not() {
    for algorithm in [Signing::RS256, Signing::PS256, Signing::ES256, Signing::ES384, Signing::EdDSA] {
        let key = TestKey::new("a", algorithm);
        let keys = set(&[key.jwk()]);
        let token = key.sign(&claims());
        let claims = verified(&token, &keys).unwrap();
        assert_eq!((claims.issuer.as_str(), claims.text("jti")), (ISSUER, Some("1")), "{algorithm:?}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        assert_eq!(verified(&format!("{signed}.{first}{}", signature.chars().skip(1).collect::<String>()), &keys), Err(JwtRefusal::Signature), "{algorithm:?}");
        assert_eq!(verified(&format!("{signed}."), &keys), Err(JwtRefusal::Signature), "{algorithm:?}");
        let other = format!("{}.{}.{signature}", token.split('.').next().unwrap(), encoded(&with(&[("sub", json!("evil"))]).to_string()));
        assert_eq!(verified(&other, &keys), Err(JwtRefusal::Signature), "{algorithm:?}");
        // Another key with the same name.
        assert_eq!(verified(&token, &set(&[TestKey::new("a", algorithm).jwk()])), Err(JwtRefusal::Signature), "{algorithm:?}");
    }
}

#[test]
fn a_token_does_not_choose_how_it_is_verified() {
    let (rsa, ec) = (TestKey::new("rsa", Signing::RS256), TestKey::new("ec", Signing::ES256));
    let keys = set(&[rsa.jwk(), ec.jwk()]);
    let text = claims().to_string();
    for (header, expected) in [
        (json!({"alg": "none", "kid": "rsa"}), JwtRefusal::Algorithm),
        (json!({"alg": "None", "kid": "rsa"}), JwtRefusal::Algorithm),
        (json!({"alg": "HS256", "kid": "rsa"}), JwtRefusal::Algorithm),
        (json!({"alg": "rs256", "kid": "rsa"}), JwtRefusal::Algorithm),
        (json!({"kid": "rsa"}), JwtRefusal::Algorithm),
        (json!({"alg": ["RS256"], "kid": "rsa"}), JwtRefusal::Algorithm),
        (json!({"alg": "ES256", "kid": "rsa"}), JwtRefusal::Key),
        (json!({"alg": "RS256", "kid": "ec"}), JwtRefusal::Key),
        (json!({"alg": "RS256"}), JwtRefusal::Key),
        (json!({"alg": "RS256", "kid": "../../etc/passwd"}), JwtRefusal::Key),
        (json!({"alg": "RS256", "kid": "rsa' OR '1'='1"}), JwtRefusal::Key),
        (json!({"alg": "RS256", "kid": ["rsa"]}), JwtRefusal::Key),
        (json!({"alg": "RS256", "kid": "rsa", "jku": "https://evil.example/keys"}), JwtRefusal::Header("jku")),
        (json!({"alg": "RS256", "kid": "rsa", "jwk": ec.jwk()}), JwtRefusal::Header("jwk")),
        (json!({"alg": "RS256", "kid": "rsa", "x5u": "https://evil.example"}), JwtRefusal::Header("x5u")),
        (json!({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}), JwtRefusal::Header("crit")),
        (json!({"alg": "RS256", "kid": "rsa", "b64": false}), JwtRefusal::Header("b64")),
        (json!({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}), JwtRefusal::Type),
    ] {
        assert_eq!(verified(&rsa.sign_text(&header.to_string(), &text), &keys), Err(expected), "{header}");
    }
    // HMAC with the public key as its secret.
    let secret = EncodingKey::from_secret(rsa.jwk().to_string().as_bytes());
    let signed = format!("{}.{}", encoded(r#"{"alg":"HS256","kid":"rsa"}"#), encoded(&text));
    let forged = format!("{signed}.{}", crypto::sign(signed.as_bytes(), &secret, Signing::HS256).unwrap());
    assert_eq!(verified(&forged, &keys), Err(JwtRefusal::Algorithm));
    // An algorithm that is known, but not configured for this issuer.
    let token = rsa.sign(&claims());
    assert_eq!(verify(&token, &keys, ISSUER, &[Algorithm::Es256], AUDIENCE, now()), Err(JwtRefusal::Algorithm));
    // A key that its set allows for PS256 only.
    let mut only = rsa.jwk();
    only["alg"] = json!("PS256");
    assert_eq!(verified(&token, &set(&[only])), Err(JwtRefusal::Key));
}

#[test]
fn claims_must_fit_exactly() {
    let key = TestKey::new("a", Signing::ES256);
    let keys = set(&[key.jwk()]);
    for (changes, expected) in [
        (vec![("iss", json!("https://issuer.example/"))], JwtRefusal::Issuer),
        (vec![("iss", json!("https://Issuer.example"))], JwtRefusal::Issuer),
        (vec![("iss", json!("https://issuer.example.evil.example"))], JwtRefusal::Issuer),
        (vec![("iss", json!("https://issu\u{0435}r.example"))], JwtRefusal::Issuer),
        (vec![("iss", json!([ISSUER]))], JwtRefusal::Claim("iss")),
        (vec![("aud", json!("other"))], JwtRefusal::Audience),
        (vec![("aud", json!("chancery/"))], JwtRefusal::Audience),
        (vec![("aud", json!([]))], JwtRefusal::Audience),
        (vec![("aud", json!([[AUDIENCE]]))], JwtRefusal::Claim("aud")),
        (vec![("aud", Value::Null)], JwtRefusal::Claim("aud")),
        (vec![("sub", Value::Null)], JwtRefusal::Claim("sub")),
        (vec![("exp", Value::Null)], JwtRefusal::Claim("exp")),
        (vec![("exp", json!("9999999999"))], JwtRefusal::Claim("exp")),
        (vec![("exp", json!(1e300))], JwtRefusal::Claim("exp")),
        (vec![("exp", json!(-1))], JwtRefusal::Claim("exp")),
        (vec![("exp", json!(NOW - 60))], JwtRefusal::Expired),
        (vec![("exp", json!(NOW + 10 * 86_400))], JwtRefusal::TooLong),
        (vec![("iat", Value::Null)], JwtRefusal::Claim("iat")),
        (vec![("iat", json!(NOW + 61))], JwtRefusal::NotYet),
        (vec![("nbf", json!(NOW + 61))], JwtRefusal::NotYet),
        (vec![("jti", json!(7))], JwtRefusal::Claim("jti")),
    ] {
        assert_eq!(verified(&key.sign(&with(&changes)), &keys), Err(expected), "{changes:?}");
    }
    for changes in [
        vec![("aud", json!(["other", AUDIENCE]))],
        vec![("exp", json!(NOW - 59))],
        vec![("nbf", json!(NOW + 60))],
        vec![("nbf", Value::Null)],
        vec![("exp", json!(600.5 + NOW as f64))],
    ] {
        assert!(verified(&key.sign(&with(&changes)), &keys).is_ok(), "{changes:?}");
    }
}

#[test]
fn what_is_no_strict_token_is_refused() {
    let key = TestKey::new("a", Signing::ES256);
    let keys = set(&[key.jwk()]);
    let header = r#"{"alg":"ES256","kid":"a"}"#;
    let text = claims().to_string();
    for (header, claims) in [
        (header.to_owned(), text.replacen('{', r#"{"sub":"other","#, 1)),
        (r#"{"alg":"none","alg":"ES256","kid":"a"}"#.to_owned(), text.clone()),
        (header.to_owned(), format!("[{text}]")),
        (header.to_owned(), "nothing".to_owned()),
    ] {
        assert!(matches!(verified(&key.sign_text(&header, &claims), &keys), Err(JwtRefusal::Malformed(_))), "{claims}");
    }
    let token = key.sign(&claims());
    for text in [String::new(), "a.b".to_owned(), format!("{token}.x"), format!(" {token}"), token.replace('.', "=."), format!("{token}=")] {
        assert!(matches!(verified(&text, &keys), Err(JwtRefusal::Malformed(_))), "{text}");
    }
    assert_eq!(verified(&"a".repeat(MAX_TOKEN_BYTES + 1), &keys), Err(JwtRefusal::TooLarge));
}

#[test]
fn copies_of_a_token_are_one_token() {
    let key = TestKey::new("a", Signing::ES256);
    let keys = set(&[key.jwk()]);
    let identity = |claims: &Value| verified(&key.sign(claims), &keys).unwrap().identity;
    // Every ECDSA signature is another one.
    assert_eq!(identity(&claims()), identity(&claims()));
    assert_ne!(identity(&claims()), identity(&with(&[("jti", json!("2"))])));
    let without = with(&[("jti", Value::Null)]);
    assert_eq!(identity(&without), identity(&without));
    assert_ne!(identity(&without), identity(&with(&[("jti", Value::Null), ("sub", json!("x"))])));
}

#[test]
fn a_key_set_has_limits() {
    let good = TestKey::new("a", Signing::RS256).jwk();
    let giant = BASE64_URL_SAFE_NO_PAD.encode([0xFF_u8; 2048]);
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    for (keys, expected) in [
        (vec![changed("n", json!(giant))], "more than"),
        (vec![changed("n", json!(BASE64_URL_SAFE_NO_PAD.encode([0xFF_u8; 128])))], "1024 bits"),
        (vec![changed("e", json!("AQ"))], "exponent"),
        (vec![changed("e", json!("AAAB"))], "exponent"),
        (vec![changed("e", json!("AgAA"))], "exponent"),
        (vec![changed("d", json!("AQAB"))], "private"),
        (vec![json!({"kty": "oct", "k": "AAAA"})], "private"),
        (vec![good.clone(), good.clone()], "same `kid`"),
        (vec![json!(1)], "no object"),
        ((0..101).map(|number| changed("kid", json!(number.to_string()))).collect(), "more than 100"),
        (vec![json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"})], "32 bytes"),
    ] {
        let error = KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert!(KeySet::parse(&vec![b' '; MAX_SET_BYTES + 1]).unwrap_err().contains("more than"));
    assert!(KeySet::parse(br#"{"keys":[],"keys":[]}"#).is_err());
    // What is for something else is left out.
    let others = set(&[changed("use", json!("enc")), changed("alg", json!("RS512")), json!({"kty": "EC", "crv": "secp256k1"}), good.clone()]);
    assert!(others.knows(Some("a")) && others.find(None, Algorithm::Rs256).is_some());
}
