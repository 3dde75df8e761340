//! Keys in a PKCS#11 token: the private half never leaves it.
//!
//! INVARIANT: what the token signed is checked with the public key before it is used, so a token that fails cannot make a record that
//! nobody can verify.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_core::ledger::note::{SignNote, Signer};
use chancery_core::signing::keys::{KeyError, der_of_raw};
use chancery_core::signing::{PublicKey, Sign};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11 as Module};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use sha2::{Digest as _, Sha256};

use super::read_private;
use crate::config::Pkcs11;
use crate::fault::Fault;

/// A key in a token, with a session in which it can be used. One signature at a time.
struct Key {
    config: Pkcs11,
    open: Mutex<Open>,
}

struct Open {
    session: Session,
    private: ObjectHandle,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Key").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Key {
    /// Opens the token and finds the key; gives the point of its public half, as the token has it.
    fn open(config: &Pkcs11) -> Result<(Self, Vec<u8>), Fault> {
        let failed = |doing: &str| {
            let text = format!("{doing} in the PKCS#11 token `{}`", config.token_label);
            move |error: Error| Fault::database(text, error)
        };
        let open = session(config)?;
        let public = find(&open.session, config, ObjectClass::PUBLIC_KEY)?;
        let attributes = open.session.get_attributes(public, &[AttributeType::EcPoint]).map_err(failed("read the public key"))?;
        let point = attributes.into_iter().find_map(|attribute| if let Attribute::EcPoint(point) = attribute { Some(point) } else { None });
        let point = point.ok_or_else(|| wrong(config, "is not one of an elliptic curve"))?;
        Ok((Self { config: config.clone(), open: Mutex::new(open) }, point))
    }

    /// Signs; when the session was lost (a token that was restarted), once more in a new one.
    fn sign(&self, mechanism: &Mechanism<'_>, data: &[u8]) -> Option<Vec<u8>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.session.sign(mechanism, open.private, data) {
            Ok(signature) => Some(signature),
            Err(error) => {
                tracing::warn!(%error, token = self.config.token_label, "the token did not sign; trying again in a new session");
                let fresh = session(&self.config).map_err(|fault| tracing::error!(error = %crate::fault::chain(&fault), "the token cannot be used")).ok()?;
                *open = fresh;
                let again = open.session.sign(mechanism, open.private, data);
                again.map_err(|error| tracing::error!(%error, token = self.config.token_label, "the token did not sign")).ok()
            }
        }
    }
}

fn wrong(config: &Pkcs11, what: &str) -> Fault {
    Fault::Config(format!("the key `{}` of the PKCS#11 token `{}` {what}", config.key_label, config.token_label))
}

/// A session in which the private key can be used.
fn session(config: &Pkcs11) -> Result<Open, Fault> {
    let failed = |doing: &str| {
        let text = format!("{doing} the PKCS#11 token `{}` through `{}`", config.token_label, config.module.display());
        move |error: Error| Fault::database(text, error)
    };
    let module = Module::new(&config.module).map_err(failed("load"))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Two keys can be in one module.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed("start")(error)),
    }
    let slots = module.get_slots_with_initialized_token().map_err(failed("list"))?;
    let slot = slots.into_iter().find(|slot| module.get_token_info(*slot).is_ok_and(|info| info.label().trim_end() == config.token_label));
    let slot = slot.ok_or_else(|| Fault::Config(format!("`{}` has no PKCS#11 token `{}`", config.module.display(), config.token_label)))?;
    let session = module.open_ro_session(slot).map_err(failed("open"))?;
    let pin = read_private(&config.pin_file)?.ok_or_else(|| Fault::Config(format!("the PIN file `{}` is not there", config.pin_file.display())))?;
    match session.login(UserType::User, Some(&AuthPin::new(pin.trim_end().into()))) {
        // A login is of the whole program.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
        Err(error) => return Err(failed("log in to")(error)),
    }
    let private = find(&session, config, ObjectClass::PRIVATE_KEY)?;
    Ok(Open { session, private })
}

fn find(session: &Session, config: &Pkcs11, class: ObjectClass) -> Result<ObjectHandle, Fault> {
    let wanted = [Attribute::Class(class), Attribute::Label(config.key_label.as_bytes().to_vec())];
    let found = session.find_objects(&wanted).map_err(|error| Fault::database(format!("search the PKCS#11 token `{}`", config.token_label), error))?;
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(wrong(config, "is not there; both its private and its public half must be")),
        _ => Err(wrong(config, "is there more than once: give each key a label of its own")),
    }
}

/// The decision key (ECDSA P-256).
#[derive(Debug)]
pub(super) struct Decision {
    key: Key,
    public: PublicKey,
}

impl Decision {
    pub(super) fn open(config: &Pkcs11) -> Result<Self, Fault> {
        let (key, point) = Key::open(config)?;
        // PKCS#11 wraps the point in an octet string; some tokens do not.
        let public = PublicKey::from_sec1(unwrapped(&point)).or_else(|_| PublicKey::from_sec1(&point));
        Ok(Self { key, public: public.map_err(|_| wrong(config, "is not one of the curve P-256"))? })
    }
}

impl Sign for Decision {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.key.sign(&Mechanism::Ecdsa, &Sha256::digest(message)).ok_or(KeyError::Sign)?;
        let signature = der_of_raw(&signature)?;
        self.public.verify(message, &signature)?;
        Ok(signature)
    }
}

/// The checkpoint key (Ed25519).
#[derive(Debug)]
struct Note(Key);

impl SignNote for Note {
    fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        self.0.sign(&mechanism, message)?.try_into().ok()
    }
}

/// The signer of a log whose key is in a token.
pub(super) fn note_signer(origin: &str, config: &Pkcs11) -> Result<Signer, Fault> {
    let (key, point) = Key::open(config)?;
    let public: [u8; 32] = unwrapped(&point).try_into().or_else(|_| point.as_slice().try_into()).map_err(|_| wrong(config, "is not one of Ed25519"))?;
    Signer::elsewhere(origin, &public, Arc::new(Note(key))).map_err(|error| wrong(config, &format!("cannot be used: {error}")))
}

/// The content of a short DER octet string (tag 4) or bit string (tag 3, no unused bits).
fn unwrapped(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0x04, length, content @ ..] if usize::from(*length) == content.len() => content,
        [0x03, length, 0, content @ ..] if usize::from(*length) == content.len() + 1 => content,
        _ => bytes,
    }
}
