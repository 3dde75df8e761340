//! Random identifiers and secrets. The only randomness of the server.

use chancery_core::actor::ActorKind;
use chancery_core::names::{ActorId, ExceptionId, ModelId, PromotionId, ReviewId, RiskId, TokenId};

use crate::fault::Fault;

/// Random bytes from the operating system.
///
/// # Errors
/// [`Fault::Config`] when the operating system has none to give.
pub fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Config(format!("the operating system gives no random bytes: {error}")))?;
    Ok(bytes)
}

fn letter_and_hex(letter: char) -> Result<String, Fault> {
    Ok(format!("{letter}{}", hex::encode(random::<16>()?)))
}

fn parsed<T>(made: Result<T, chancery_core::refusal::Refusal>) -> Result<T, Fault> {
    made.map_err(|refusal| Fault::Config(refusal.message))
}

/// A new model id.
///
/// # Errors
/// As [`random`].
pub fn model() -> Result<ModelId, Fault> {
    parsed(ModelId::parse(&letter_and_hex('m')?))
}

/// A new promotion id.
///
/// # Errors
/// As [`random`].
pub fn promotion() -> Result<PromotionId, Fault> {
    parsed(PromotionId::parse(&letter_and_hex('p')?))
}

/// A new token id.
///
/// # Errors
/// As [`random`].
pub fn token() -> Result<TokenId, Fault> {
    parsed(TokenId::parse(&letter_and_hex('t')?))
}

/// A new actor id.
///
/// # Errors
/// As [`random`].
pub fn actor(kind: ActorKind) -> Result<ActorId, Fault> {
    parsed(ActorId::parse(&letter_and_hex(kind.letter())?))
}

/// A new exception id.
///
/// # Errors
/// As [`random`].
pub fn exception() -> Result<ExceptionId, Fault> {
    parsed(ExceptionId::parse(&letter_and_hex('x')?))
}

/// A new risk id.
///
/// # Errors
/// As [`random`].
pub fn risk() -> Result<RiskId, Fault> {
    parsed(RiskId::parse(&letter_and_hex('r')?))
}

/// A new review id.
///
/// # Errors
/// As [`random`].
pub fn review() -> Result<ReviewId, Fault> {
    parsed(ReviewId::parse(&letter_and_hex('v')?))
}

/// A new decision id.
///
/// # Errors
/// As [`random`].
pub fn decision() -> Result<String, Fault> {
    letter_and_hex('d')
}

/// Whether a text has the form of a bearer secret, and so is no password.
pub fn is_token(text: &str) -> bool {
    text.starts_with("chy_")
}

/// A new bearer secret: `chy_` and 43 characters of URL-safe base64, 256 random bits.
///
/// # Errors
/// As [`random`].
pub fn secret() -> Result<String, Fault> {
    use base64::Engine as _;
    Ok(format!("chy_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<32>()?)))
}
