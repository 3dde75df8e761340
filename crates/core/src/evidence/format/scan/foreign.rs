//! Reports of public scanners. Neither gives digests; modelscan gives paths of all files that it read, picklescan of those with findings.

use std::collections::BTreeMap;

use super::{Report, ScanVerdict, ScannedFile};
use crate::evidence::format::member::{MAX_ITEMS, Member};
use crate::refusal::Refusal;

/// Most lines of picklescan's output that are read.
const MAX_LINES: usize = 100_000;

/// Files by path, the worst finding each.
#[derive(Default)]
struct Files(BTreeMap<String, (ScanVerdict, String)>);

impl Files {
    fn say(&mut self, path: &str, verdict: ScanVerdict, detail: &str) {
        let known = self.0.get(path).map(|(verdict, _)| *verdict);
        if known.is_none_or(|known| verdict.rank() > known.rank()) {
            self.0.insert(path.to_owned(), (verdict, detail.chars().take(500).collect()));
        }
    }

    fn list(self) -> Vec<ScannedFile> {
        let file = |(path, (verdict, detail)): (String, (ScanVerdict, String))| ScannedFile {
            path: Some(path),
            digest: None,
            verdict,
            detail: Some(detail).filter(|detail| !detail.is_empty()),
        };
        self.0.into_iter().map(file).collect()
    }
}

/// The JSON of modelscan 0.8 (`modelscan/modelscan.py`, `_generate_results`).
pub(super) fn modelscan(root: &Member<'_>) -> Result<Report, Refusal> {
    let summary = root.need("summary")?;
    let mut files = Files::default();
    if let Some(scanned) = summary.get("scanned") {
        for file in scanned.list("scanned_files")? {
            files.say(file.text()?, ScanVerdict::Clean, "");
        }
    }
    for issue in root.list("issues")? {
        let verdict = match issue.need_text("severity")? {
            "LOW" | "MEDIUM" => ScanVerdict::Review,
            "HIGH" | "CRITICAL" => ScanVerdict::Dangerous,
            _ => return Err(issue.need("severity")?.refuse("this severity is not known").remedy("use one of: LOW, MEDIUM, HIGH, CRITICAL")),
        };
        files.say(issue.need_text("source")?, verdict, issue.text_of("description")?.unwrap_or_default());
    }
    for error in root.list("errors")? {
        let path = error.text_of("source")?.unwrap_or("(unknown)");
        files.say(path, ScanVerdict::Malformed, error.text_of("description")?.unwrap_or("modelscan could not read it"));
    }
    Ok(Report {
        format: "modelscan",
        scanner: "modelscan",
        name: None,
        version: summary.text_of("modelscan_version")?.map(str::to_owned),
        scanned_at: summary.get("timestamp").map(|time| local_time(&time)).transpose()?,
        verdict: ScanVerdict::Clean,
        files: files.list(),
    })
}

/// modelscan writes the time of its machine without a zone; taken as UTC, which is what build machines run on.
fn local_time(time: &Member<'_>) -> Result<String, Refusal> {
    let text = time.text()?;
    let zoned = if text.ends_with('Z') || text.get(10..).is_some_and(|rest| rest.contains('+')) { text.to_owned() } else { format!("{text}Z") };
    crate::names::Timestamp::parse(&zoned).map(|time| time.to_string()).map_err(|_| time.refuse("it is no time"))
}

/// picklescan's `ScanResult` as JSON.
pub(super) fn picklescan_json(root: &Member<'_>) -> Result<Report, Refusal> {
    let count = |name: &str| Ok::<f64, Refusal>(root.number_of(name)?.unwrap_or(0.0));
    let is_broken = root.get("scan_err").and_then(|flag| flag.value().as_bool()).unwrap_or(false);
    let counts = Counts { dangerous: count("issues_count")? + count("infected_files")?, suspicious: count("suspicious_count")?, is_broken };
    Ok(picklescan(Files::default(), counts))
}

/// What picklescan counted.
struct Counts {
    dangerous: f64,
    suspicious: f64,
    is_broken: bool,
}

fn picklescan(files: Files, counts: Counts) -> Report {
    let mut verdict = ScanVerdict::Clean;
    if counts.suspicious > 0.0 {
        verdict = verdict.worse(ScanVerdict::Review);
    }
    if counts.is_broken {
        verdict = verdict.worse(ScanVerdict::Malformed);
    }
    if counts.dangerous > 0.0 {
        verdict = verdict.worse(ScanVerdict::Dangerous);
    }
    Report { format: "picklescan", scanner: "picklescan", name: None, version: None, scanned_at: None, verdict, files: files.list() }
}

/// What picklescan 1.0 prints: findings line by line, then a summary.
pub(super) fn picklescan_text(bytes: &[u8]) -> Result<Report, Refusal> {
    let refused = |what: &str| Refusal::invalid("document", what).remedy("send `chancery.scan/v1`, the JSON of modelscan or the output of picklescan");
    let text = std::str::from_utf8(bytes).map_err(|_| refused("the document is not UTF-8 text"))?;
    let mut files = Files::default();
    let mut counts = Counts { dangerous: 0.0, suspicious: 0.0, is_broken: false };
    let mut scanned = None;
    for line in text.lines().take(MAX_LINES) {
        if let Some((name, number)) = line.split_once(": ").filter(|(_, rest)| rest.trim().parse::<u32>().is_ok()) {
            let number = f64::from(number.trim().parse::<u32>().unwrap_or(u32::MAX));
            match name {
                "Scanned files" => scanned = Some(number),
                "Infected files" | "Dangerous globals" => counts.dangerous += number,
                "Suspicious globals" => counts.suspicious += number,
                _ => {}
            }
        } else if line.starts_with("ERROR: ") || line.starts_with("WARNING: ") || line.starts_with("Invalid file ") {
            counts.is_broken = true;
        } else if let Some((path, finding)) = line.split_once(": ").filter(|(_, finding)| finding.contains(" import '")) {
            let verdict = if finding.starts_with("suspicious") { ScanVerdict::Review } else { ScanVerdict::Dangerous };
            files.say(path, verdict, finding);
        }
    }
    // Without its summary the output broke off, and "nothing found" would be a guess.
    if scanned.is_none() {
        return Err(refused("this is no output of picklescan: its line `Scanned files` is missing"));
    }
    if files.0.len() > MAX_ITEMS || text.lines().count() > MAX_LINES {
        return Err(Refusal::new(crate::refusal::Code::TooLarge, "the output of picklescan is too long").field("document").remedy("scan fewer files at once"));
    }
    Ok(picklescan(files, counts))
}
