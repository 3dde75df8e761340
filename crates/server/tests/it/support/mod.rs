//! What the tests need around the server.

pub(crate) mod postgres;
