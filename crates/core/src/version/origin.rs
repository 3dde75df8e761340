//! Where the bytes of a version come from, in the words of who registered it (MLflow: source, run_id, run_link).

use serde::{Deserialize, Serialize};

use crate::names::check_text;
use crate::refusal::Refusal;

/// Longest source, run link or download address, in bytes of UTF-8.
pub const MAX_ADDRESS_BYTES: usize = 8_192;
/// Longest run id, in bytes of UTF-8.
pub const MAX_RUN_BYTES: usize = 1_024;

/// Where the bytes of a version come from. It is a claim: nothing here is ever opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Origin {
    /// Where the bytes are, or were when they were sealed.
    pub source: String,
    /// The run that made them; empty when there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub run_id: String,
    /// Where the run can be looked at; empty when nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub run_link: String,
    /// Where a client fetches the bytes, when that is not the source: a copy keeps the address that its original had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_uri: Option<String>,
}

impl Origin {
    /// Checks presence and lengths.
    ///
    /// # Errors
    /// `invalid_field` without a source, `too_large` over a limit.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.source.is_empty() {
            return Err(Refusal::invalid("source", "source is empty").remedy("say where the bytes are"));
        }
        check_text("source", &self.source, MAX_ADDRESS_BYTES)?;
        check_text("run_id", &self.run_id, MAX_RUN_BYTES)?;
        check_text("run_link", &self.run_link, MAX_ADDRESS_BYTES)?;
        check_text("download_uri", self.download_uri.as_deref().unwrap_or_default(), MAX_ADDRESS_BYTES)
    }
}
