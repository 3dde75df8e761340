//! Signed decision records: ECDSA P-256 keys, DSSE envelopes and the in-toto decision statement.
//!
//! Everything here is a pure function of its arguments: keys and randomness come from the caller. One key has one
//! use: the P-256 key signs decisions and models, an Ed25519 key signs checkpoints, another signs webhooks.

pub mod dsse;
pub mod foreign;
pub mod keys;
pub mod statement;

pub use dsse::Envelope;
pub use foreign::{ForeignKey, ForeignSigningKey};
pub use keys::{PublicKey, Sign, SigningKey};
pub use statement::{Decision, Statement};
