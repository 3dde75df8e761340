//! What the tests need around the server.

pub(crate) mod app;
pub(crate) mod browser;
pub(crate) mod builders;
pub(crate) mod chromium;
pub(crate) mod client;
pub(crate) mod document;
pub(crate) mod issuer;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod raw;

pub(crate) use app::TestApp;
pub(crate) use builders::{Cast, Made, evaluation};
pub(crate) use client::{Answer, Client};
