//! The server from outside: one test binary, one module per subject.

mod store;
mod support;
