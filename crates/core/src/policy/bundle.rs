//! A policy bundle: Rego files and `data.json`, with limits and a digest.

use std::collections::BTreeMap;

use super::error::PolicyError;
use crate::names::{Digest, FilePath};

/// Most files in a bundle.
pub const MAX_FILES: usize = 256;
/// Largest file of a bundle, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// Largest bundle, in bytes of all files.
pub const MAX_BUNDLE_BYTES: usize = 2 * 1024 * 1024;

/// File with the data of the rules.
pub(super) const DATA: &str = "data.json";
/// File of a baseline that says what an organisation may change in its data.
pub(super) const BOUNDS: &str = "bounds.json";

macro_rules! baseline {
    ($($name:literal),+ $(,)?) => {
        /// The files of `policies/baseline/`, compiled in.
        const BASELINE: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../../policies/baseline/", $name)))),+];
    };
}

baseline!(
    "approval_complete.rego",
    "approval_complete_test.rego",
    "approval_expiring.rego",
    "approval_expiring_test.rego",
    "approval_unexpired.rego",
    "approval_unexpired_test.rego",
    "bounds.json",
    "build_reproducible.rego",
    "build_reproducible_test.rego",
    "card_sections.rego",
    "card_sections_test.rego",
    "change_assessed.rego",
    "change_assessed_test.rego",
    "components_approved.rego",
    "components_approved_test.rego",
    "condition_due.rego",
    "condition_due_test.rego",
    "condition_met.rego",
    "condition_met_test.rego",
    "data.json",
    "document_review_due.rego",
    "document_review_due_test.rego",
    "entry_complete.rego",
    "entry_complete_test.rego",
    "environment_allowed.rego",
    "environment_allowed_test.rego",
    "environment_pinned.rego",
    "environment_pinned_test.rego",
    "evaluation_attested.rego",
    "evaluation_attested_test.rego",
    "evaluation_baseline.rego",
    "evaluation_baseline_test.rego",
    "evaluation_complete.rego",
    "evaluation_complete_test.rego",
    "evaluation_fresh.rego",
    "evaluation_fresh_test.rego",
    "exception_expiring.rego",
    "exception_expiring_test.rego",
    "explainability_present.rego",
    "explainability_present_test.rego",
    "facts_consistent.rego",
    "facts_consistent_test.rego",
    "fixture_test.rego",
    "lib.rego",
    "lib_time.rego",
    "lib_vulnerability.rego",
    "licence_allowed.rego",
    "licence_allowed_test.rego",
    "metric_no_regression.rego",
    "metric_no_regression_test.rego",
    "metric_threshold.rego",
    "metric_threshold_test.rego",
    "monitor_linked.rego",
    "monitor_linked_test.rego",
    "owner_present.rego",
    "owner_present_test.rego",
    "provenance_present.rego",
    "provenance_present_test.rego",
    "retention_due.rego",
    "retention_due_test.rego",
    "review_present.rego",
    "review_present_test.rego",
    "risk_assessed.rego",
    "risk_assessed_test.rego",
    "risk_no_open_critical.rego",
    "risk_no_open_critical_test.rego",
    "rollback_plan.rego",
    "rollback_plan_test.rego",
    "sbom_present.rego",
    "sbom_present_test.rego",
    "signature_compatible.rego",
    "signature_compatible_test.rego",
    "signature_present.rego",
    "signature_present_test.rego",
    "template_approved.rego",
    "template_approved_test.rego",
    "use_allowed.rego",
    "use_allowed_test.rego",
    "version_stale.rego",
    "version_stale_test.rego",
    "vulnerability_new_critical.rego",
    "vulnerability_new_critical_test.rego",
    "vulnerability_no_critical.rego",
    "vulnerability_no_critical_test.rego",
);

/// The files of a bundle by their path: `*.rego`, and `data.json` and `bounds.json` at its root. `*_test.rego` are tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Bytes of each file.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// The baseline that ships with the registry.
    pub fn baseline() -> Self {
        Self { files: BASELINE.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect() }
    }

    /// Whether every rule and library of the baseline is there as it ships: its rules read values of each other.
    pub(super) fn holds_baseline(&self) -> bool {
        let mut rules = BASELINE.iter().filter(|(name, _)| name.ends_with(".rego") && !name.ends_with("_test.rego"));
        rules.all(|(name, _)| self.is_shipped(name))
    }

    /// Whether `file` is, byte for byte, one of the baseline that this program ships.
    pub(super) fn is_shipped(&self, file: &str) -> bool {
        let shipped = BASELINE.iter().find(|(name, _)| *name == file);
        shipped.is_some_and(|(_, text)| self.files.get(file).is_some_and(|bytes| bytes == text.as_bytes()))
    }

    /// The bundle as one document: canonical JSON (RFC 8785) of an object from path to text.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] when a file is not UTF-8.
    pub fn document(&self) -> Result<Vec<u8>, PolicyError> {
        let files = self.files.iter().map(|(path, bytes)| Ok((path.as_str(), text(path, bytes)?)));
        canonical(&files.collect::<Result<BTreeMap<&str, &str>, PolicyError>>()?)
    }

    /// Reads a bundle from [`Bundle::document`].
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] when it is no object from path to text, or breaks a limit.
    pub fn from_document(bytes: &[u8]) -> Result<Self, PolicyError> {
        let files: BTreeMap<String, String> = serde_json::from_slice(bytes).map_err(|error| PolicyError::Bundle(format!("not a bundle: {error}")))?;
        let bundle = Self { files: files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect() };
        bundle.check()?;
        Ok(bundle)
    }

    /// SHA-256 of [`Bundle::document`]: whoever has the document can check it.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] when a file is not UTF-8.
    pub fn digest(&self) -> Result<Digest, PolicyError> {
        Ok(Digest::of(&self.document()?))
    }

    /// Bytes of all files.
    pub fn size(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// Checks paths, counts and sizes before anything is parsed.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] names the file and the rule that it breaks.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.files.len() > MAX_FILES {
            return Err(PolicyError::Bundle(format!("the bundle has {} files; at most {MAX_FILES} are accepted", self.files.len())));
        }
        let total = self.size();
        if total > MAX_BUNDLE_BYTES {
            return Err(PolicyError::Bundle(format!("the bundle has {total} bytes; at most {MAX_BUNDLE_BYTES} are accepted")));
        }
        for (path, bytes) in &self.files {
            check_file(path, bytes)?;
        }
        Ok(())
    }

    /// The Rego files that hold rules, or the ones that hold tests, as (path, text).
    pub(super) fn rego(&self, part: Part) -> Result<Vec<(String, String)>, PolicyError> {
        let wanted = |path: &str| match part {
            Part::Rules => path.ends_with(".rego") && !path.ends_with("_test.rego"),
            Part::Tests => path.ends_with("_test.rego"),
        };
        let files = self.files.iter().filter(|(path, _)| wanted(path));
        files.map(|(path, bytes)| Ok((path.clone(), text(path, bytes)?.to_owned()))).collect()
    }

    /// The text of `data.json`; an empty object when there is none.
    pub(super) fn data(&self) -> Result<&str, PolicyError> {
        Ok(self.text_of(DATA)?.unwrap_or("{}"))
    }

    /// The text of a file; none when the bundle does not have it.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] when it is not UTF-8.
    pub fn text_of(&self, path: &str) -> Result<Option<&str>, PolicyError> {
        self.files.get(path).map(|bytes| text(path, bytes)).transpose()
    }
}

/// Which Rego files of a bundle.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// Rules and libraries.
    Rules,
    /// Tests.
    Tests,
}

/// Canonical JSON (RFC 8785) of `value`.
pub(super) fn canonical<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, PolicyError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| PolicyError::Input(format!("not canonical JSON: {error}")))
}

fn text<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, PolicyError> {
    std::str::from_utf8(bytes).map_err(|_| PolicyError::Bundle(format!("file `{path}` is not UTF-8")))
}

fn check_file(path: &str, bytes: &[u8]) -> Result<(), PolicyError> {
    FilePath::parse(path).map_err(|refusal| PolicyError::Bundle(refusal.message))?;
    if path != DATA && path != BOUNDS && !path.ends_with(".rego") {
        return Err(PolicyError::Bundle(format!("file `{path}` is neither `*.rego` nor `data.json` at the root")));
    }
    if bytes.len() > MAX_FILE_BYTES {
        return Err(PolicyError::Bundle(format!("file `{path}` has {} bytes; at most {MAX_FILE_BYTES} are accepted", bytes.len())));
    }
    text(path, bytes).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/baseline");
        let mut on_disk: Vec<String> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        on_disk.sort();
        let compiled: Vec<String> = Bundle::baseline().files.into_keys().collect();
        assert_eq!(compiled, on_disk);
    }

    /// Every path of `bounds.json` leads to something in `data.json`, and says one of the known things about it.
    #[test]
    fn the_bounds_of_the_baseline_are_about_its_data() {
        let baseline = Bundle::baseline();
        let data: serde_json::Value = serde_json::from_slice(&baseline.files["data.json"]).unwrap();
        let bounds: Vec<serde_json::Value> = serde_json::from_slice(&baseline.files["bounds.json"]).unwrap();
        for bound in &bounds {
            let path = bound["path"].as_str().unwrap();
            let value = data.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or_else(|| panic!("{path}"));
            let (minimum, maximum) = (bound.get("minimum"), bound.get("maximum"));
            match bound["rule"].as_str().unwrap() {
                "at-least" | "at-most" => assert!(value.is_number() && minimum.or(maximum).is_none(), "{path}"),
                "range" => {
                    let inside = minimum.unwrap().as_f64() <= value.as_f64() && value.as_f64() <= maximum.unwrap().as_f64();
                    assert!(inside, "{path}");
                }
                "add-only" | "free" => assert!(minimum.or(maximum).is_none(), "{path}"),
                other => panic!("{path}: {other}"),
            }
            assert!(!bound["why"].as_str().unwrap().is_empty(), "{path}");
        }
        let paths: std::collections::BTreeSet<&str> = bounds.iter().filter_map(|bound| bound["path"].as_str()).collect();
        assert_eq!(paths.len(), bounds.len(), "a path is listed twice");
    }

    #[test]
    fn the_digest_changes_with_any_path_or_byte() {
        let baseline = Bundle::baseline();
        let digest = baseline.digest().unwrap();
        assert_eq!(digest, Bundle::baseline().digest().unwrap());
        let mut edited = baseline.clone();
        edited.files.get_mut("lib.rego").unwrap().push(b'\n');
        assert_ne!(edited.digest().unwrap(), digest);
        let mut renamed = baseline.clone();
        let bytes = renamed.files.remove("lib.rego").unwrap();
        renamed.files.insert("lib2.rego".to_owned(), bytes);
        assert_ne!(renamed.digest().unwrap(), digest);
        let document = baseline.document().unwrap();
        assert_eq!((Digest::of(&document), Bundle::from_document(&document).unwrap()), (digest, baseline));
    }

    #[test]
    fn limits_name_the_file() {
        let one = |path: &str, bytes: Vec<u8>| Bundle { files: BTreeMap::from([(path.to_owned(), bytes)]) }.check().unwrap_err().to_string();
        assert!(one("../x.rego", vec![]).contains("`../x.rego`"));
        assert!(one("x.wasm", vec![]).contains("`x.wasm` is neither"));
        assert!(one("sub/data.json", vec![]).contains("`sub/data.json` is neither"));
        assert!(one("x.rego", vec![b' '; MAX_FILE_BYTES + 1]).contains("at most 262144"));
        assert!(one("x.rego", vec![0xff]).contains("`x.rego` is not UTF-8"));
        let many = Bundle { files: (0..=MAX_FILES).map(|n| (format!("r{n}.rego"), vec![])).collect() };
        assert!(many.check().unwrap_err().to_string().contains("at most 256"));
        let big = Bundle { files: (0..9).map(|n| (format!("r{n}.rego"), vec![b' '; MAX_FILE_BYTES])).collect() };
        assert!(big.check().unwrap_err().to_string().contains("at most 2097152"));
    }
}
