//! The ledger in the server.

pub mod sequence;
pub mod signer;
