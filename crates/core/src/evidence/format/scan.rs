//! Scans of the artifact: our `chancery.scan/v1`, modelscan's JSON, picklescan's text or JSON (standards.md f).
//!
//! A scanner that names no digests says which paths it looked at; the summary keeps exactly what was said, and rules decide whether
//! that covers the version. The verdict of a document is the worst of its files.

mod foreign;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::json;
use super::super::reading::{Claim, Reading};
use super::member::{Member, check_items, put};
use super::plain;
use crate::names::Digest;
use crate::refusal::Refusal;

/// The `schema` of our own format.
pub const SCHEMA: &str = "chancery.scan/v1";

crate::words! {
    /// What a scanner says of a file, from best to worst.
    ScanVerdict, "verdict" {
        /// Nothing found.
        Clean = "clean",
        /// Something that a person must look at.
        Review = "review",
        /// The file is not what it says it is, or could not be read.
        Malformed = "malformed",
        /// Loading it runs somebody's code.
        Dangerous = "dangerous",
    }
}

impl ScanVerdict {
    fn rank(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Review => 1,
            Self::Malformed => 2,
            Self::Dangerous => 3,
        }
    }

    fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// Reads the report of a scanner.
///
/// # Errors
/// `invalid_field` that names the member; `too_large`.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return foreign::picklescan_text(bytes)?.reading(Vec::new());
    }
    let document = json::parse(bytes)?;
    let root = Member::document(&document)?;
    match root.text_of("schema")? {
        Some(SCHEMA) => {
            let report = own(&root)?;
            let claims = plain::claims(&document)?;
            report.reading(claims)
        }
        Some(_) => Err(root.need("schema")?.refuse("this schema is not known").remedy("write `chancery.scan/v1`")),
        None if root.get("summary").is_some() && root.get("issues").is_some() => foreign::modelscan(&root)?.reading(Vec::new()),
        None if root.get("scanned_files").is_some() && root.get("issues_count").is_some() => foreign::picklescan_json(&root)?.reading(Vec::new()),
        None => Err(Refusal::invalid("document", "this is no report of a scanner that is known here")
            .remedy("send `chancery.scan/v1`, the JSON of modelscan (`modelscan -r json`) or the output of picklescan")),
    }
}

/// One file as a scanner saw it.
struct ScannedFile {
    path: Option<String>,
    digest: Option<Digest>,
    verdict: ScanVerdict,
    detail: Option<String>,
}

/// What every scanner says.
struct Report {
    format: &'static str,
    scanner: &'static str,
    name: Option<String>,
    version: Option<String>,
    scanned_at: Option<String>,
    verdict: ScanVerdict,
    files: Vec<ScannedFile>,
}

impl Report {
    fn reading(self, claims: Vec<Claim>) -> Result<Reading, Refusal> {
        check_items("files", self.files.len())?;
        let mut scanner = Map::new();
        put(&mut scanner, "name", Some(self.name.unwrap_or_else(|| self.scanner.to_owned())));
        put(&mut scanner, "version", self.version);
        let worst = self.files.iter().fold(self.verdict, |worst, file| worst.worse(file.verdict));
        let files: Vec<Value> = self.files.into_iter().map(ScannedFile::summary).collect();
        let mut summary = Map::new();
        put(&mut summary, "scanner", Some(scanner));
        put(&mut summary, "verdict", Some(worst.as_str()));
        put(&mut summary, "files", Some(files));
        put(&mut summary, "scanned_at", self.scanned_at);
        Ok(Reading { format: self.format, summary: Value::Object(summary), claims })
    }
}

impl ScannedFile {
    fn summary(self) -> Value {
        let mut file = Map::new();
        put(&mut file, "path", self.path);
        put(&mut file, "digest", self.digest.map(|digest| digest.to_string()));
        put(&mut file, "verdict", Some(self.verdict.as_str()));
        put(&mut file, "detail", self.detail);
        Value::Object(file)
    }
}

/// `chancery.scan/v1`: every file with path, digest and verdict.
fn own(root: &Member<'_>) -> Result<Report, Refusal> {
    let scanner = root.need("scanner")?;
    let mut files = Vec::new();
    let mut paths = BTreeSet::new();
    for file in root.need("files")?.items()? {
        let path = file.need_text("path")?;
        if !paths.insert(path) {
            return Err(file.need("path")?.refuse("this path is listed twice"));
        }
        files.push(ScannedFile {
            path: Some(path.to_owned()),
            digest: Some(file.need("digest")?.sha256()?),
            verdict: verdict(&file)?,
            detail: file.text_of("detail")?.map(str::to_owned),
        });
    }
    if files.is_empty() {
        return Err(root.need("files")?.refuse("a scan names the files that it looked at"));
    }
    let worst = files.iter().fold(ScanVerdict::Clean, |worst, file| worst.worse(file.verdict));
    if root.get("verdict").is_some() && verdict(root)?.rank() < worst.rank() {
        return Err(root.need("verdict")?.refuse(&format!("it is better than that of a file, which is `{worst}`")));
    }
    Ok(Report {
        format: SCHEMA,
        scanner: "chancery",
        name: Some(scanner.need_text("name")?.to_owned()),
        version: scanner.text_of("version")?.map(str::to_owned),
        scanned_at: Some(root.need("scanned_at")?.time()?),
        verdict: if root.get("verdict").is_some() { verdict(root)? } else { worst },
        files,
    })
}

fn verdict(at: &Member<'_>) -> Result<ScanVerdict, Refusal> {
    ScanVerdict::parse(at.need_text("verdict")?).map_err(|refusal| at.refuse(&refusal.message).remedy("use one of: clean, review, malformed, dangerous"))
}

#[cfg(test)]
mod tests;
