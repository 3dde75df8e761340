//! Bills of materials: CycloneDX 1.4 to 1.7 and SPDX 2.2 and 2.3, both as JSON (standards.md d).
//!
//! What is asked for beyond the standards: references resolve, and a component can be found again (name and version, a package URL, or
//! for a file its hash). A bill is bound to a version when one of its hashes is a digest of it; the server finds that out.

mod cyclonedx;
mod spdx;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::json;
use super::super::reading::{Claim, Reading};
use super::member::{MAX_ITEMS, Member, check_items, put};
use crate::names::Digest;
use crate::refusal::Refusal;

/// Reads a bill of materials.
///
/// # Errors
/// `invalid_field` that names the member; `too_large`.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let document = json::parse(bytes)?;
    let root = Member::document(&document)?;
    let bill = if root.get("bomFormat").is_some() {
        cyclonedx::read(&root)?
    } else if root.get("spdxVersion").is_some() {
        spdx::read(&root)?
    } else {
        return Err(Refusal::invalid("document", "this is no bill of materials that is read here")
            .remedy("send CycloneDX 1.4 to 1.7 or SPDX 2.2 or 2.3 as JSON; convert SPDX 3 and tag-value files first"));
    };
    bill.reading()
}

/// What both standards say.
struct Bill {
    standard: &'static str,
    spec_version: String,
    components: usize,
    timestamp: String,
    /// Hashes of what the bill is about.
    subjects: BTreeSet<Digest>,
    /// Hashes of everything in it.
    hashes: BTreeSet<Digest>,
    licences: BTreeSet<String>,
}

impl Bill {
    fn reading(self) -> Result<Reading, Refusal> {
        check_items("licences", self.licences.len())?;
        check_items("hashes of its subject", self.subjects.len())?;
        // The subject comes first; of the rest as many are named as a list holds.
        let mut named: Vec<Digest> = self.subjects.iter().copied().collect();
        named.extend(self.hashes.difference(&self.subjects).take(MAX_ITEMS.saturating_sub(named.len())));
        let mut summary = Map::new();
        put(&mut summary, "standard", Some(self.standard));
        put(&mut summary, "spec_version", Some(self.spec_version));
        put(&mut summary, "components", Some(self.components));
        put(&mut summary, "subjects", Some(named.iter().map(ToString::to_string).collect::<Vec<_>>()));
        put(&mut summary, "timestamp", Some(self.timestamp));
        put(&mut summary, "licences", Some(self.licences.into_iter().collect::<Vec<_>>()));
        put(&mut summary, "bound", Some(false));
        let claims = self.subjects.union(&self.hashes).copied().map(Claim::Any).collect();
        Ok(Reading { format: self.standard, summary: Value::Object(summary), claims })
    }
}

#[cfg(test)]
mod tests;
