//! `artifact.scan`: nothing dangerous is released, and what a scanner could not clear was looked at by the security role.
//!
//! INVARIANT: an evidence document never makes a dangerous file harmless by being newer alone. See [`replaces`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Answer, SHOWN, fail, not_applicable, pass};
use crate::names::{Digest, Grade, RiskTier};
use crate::policy::input::{BindingKind, Evidence, Input};
use crate::wording::counted;

/// Approval role whose review clears a file.
const REVIEWER: &str = "security";

/// What a scanner said of one file; the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Clean,
    Review,
    Malformed,
    Dangerous,
}

crate::words! {
    /// How a file of a version stands after all scans and reviews: what the rule goes by.
    FileScan, "scan" {
        /// Every scanner calls it clean.
        Safe = "safe",
        /// A scanner could not clear it; the security role did.
        Reviewed = "reviewed",
        /// A scanner could not clear it, and nobody did yet.
        Unclear = "unclear",
        /// It is not what it says it is, or could not be read.
        Malformed = "malformed",
        /// Loading it runs somebody's code.
        Dangerous = "dangerous",
    }
}

/// How each file that was scanned stands; a file that is missing here is in no scan.
pub fn file_scans(input: &Input) -> BTreeMap<Digest, FileScan> {
    let reviewed = reviewed(input);
    let stands = |digest: &Digest, word: Word| match word {
        Word::Clean => FileScan::Safe,
        Word::Review | Word::Malformed if reviewed.contains(digest) => FileScan::Reviewed,
        Word::Review => FileScan::Unclear,
        Word::Malformed => FileScan::Malformed,
        Word::Dangerous => FileScan::Dangerous,
    };
    worst(input).into_iter().map(|(digest, word)| (digest, stands(&digest, word))).collect()
}

/// The word of one scan about one file.
#[derive(Clone, Copy)]
struct Said<'a> {
    word: Word,
    scanner: &'a str,
    scanner_version: &'a str,
    evidence: &'a Evidence,
}

/// The rule. Versions without files have nothing to scan: `artifact.intact` says whether they may.
pub(super) fn artifact_scan(input: &Input) -> Answer {
    if input.version.files.is_empty() {
        return not_applicable("the version has no files to scan");
    }
    if let Some(problem) = unplaced(input) {
        return fail(problem);
    }
    let words = worst(input);
    let named = |wanted: &dyn Fn(Option<Word>) -> bool| -> Vec<&str> {
        let files = input.version.files.iter().filter(|file| wanted(words.get(&file.digest).copied()));
        files.map(|file| file.path.as_str()).collect()
    };
    let dangerous = named(&|word| word == Some(Word::Dangerous));
    if !dangerous.is_empty() {
        return fail(format!("a scan calls dangerous: {}", shown(&dangerous)));
    }
    let reviewed = reviewed(input);
    let unclear: Vec<&str> = input
        .version
        .files
        .iter()
        .filter(|file| matches!(words.get(&file.digest), Some(Word::Review | Word::Malformed)) && !reviewed.contains(&file.digest))
        .map(|file| file.path.as_str())
        .collect();
    if !unclear.is_empty() {
        return Answer {
            remedy: Some(
                "let a person of the approval role security, who did not make the version, look at the files and record it: `chancery evidence add NAME/VERSION --type review FILE`",
            ),
            ..fail(format!("no review of the role security clears: {}", shown(&unclear)))
        };
    }
    let unscanned = named(&|word| word.is_none());
    match (input.effective_tier(), unscanned.is_empty()) {
        (_, true) => pass(format!("{} scanned, none dangerous", counted(input.version.files.len(), "file", "files"))),
        (RiskTier::Limited | RiskTier::High | RiskTier::Prohibited, false) => Answer {
            remedy: Some("scan the whole package and add the result: `chancery evidence add NAME/VERSION --type artifact-scan FILE`"),
            ..fail(format!("{} of {} files are in no scan: {}", unscanned.len(), input.version.files.len(), shown(&unscanned)))
        },
        (RiskTier::Minimal | RiskTier::Unclassified, false) => pass("no scan calls a file dangerous"),
    }
}

/// A scan of the whole package that says "dangerous" and names none of its files: nobody can say which one, so it stands.
fn unplaced(input: &Input) -> Option<String> {
    let mut whole = scans(input).filter(|evidence| evidence.binds_to.kind != BindingKind::File && overall(evidence) == Some(Word::Dangerous));
    whole.find_map(|evidence| {
        let before = said(evidence, Word::Dangerous);
        let named = about(input, evidence).iter().any(|(_, word)| *word == Word::Dangerous);
        let taken_back = scans(input).any(|other| {
            let later = said(other, overall(other).unwrap_or(Word::Dangerous));
            later.scanner == before.scanner && later.word != Word::Dangerous && replaces(later, before)
        });
        (!named && !taken_back).then(|| format!("scan `{}` calls the package dangerous", evidence.digest))
    })
}

/// The worst word about each file: of one scanner the one that stands, of several scanners the worst.
fn worst(input: &Input) -> BTreeMap<Digest, Word> {
    let mut standing: BTreeMap<(Digest, &str), Said<'_>> = BTreeMap::new();
    let mut ordered: Vec<&Evidence> = scans(input).collect();
    ordered.sort_by_key(|evidence| (evidence.at, evidence.digest));
    for evidence in ordered {
        for (digest, word) in about(input, evidence) {
            let said = said(evidence, word);
            match standing.get(&(digest, said.scanner)) {
                Some(before) if !replaces(said, *before) => {}
                Some(_) | None => drop(standing.insert((digest, said.scanner), said)),
            }
        }
    }
    let mut words = BTreeMap::new();
    for ((digest, _), said) in standing {
        let entry = words.entry(digest).or_insert(said.word);
        *entry = said.word.max(*entry);
    }
    words
}

/// Whether a later word of a scanner takes the place of an earlier one about the same file: it must not be worth less, and
/// "dangerous" is taken back only by another version of the scanner, that is by rules that two people changed. A worse word
/// always counts. In one document the worse word counts too.
fn replaces(later: Said<'_>, before: Said<'_>) -> bool {
    if later.word > before.word {
        return true;
    }
    let newer = (later.evidence.at, later.evidence.digest) > (before.evidence.at, before.evidence.digest);
    let as_good = later.evidence.grade == Grade::Attested || before.evidence.grade != Grade::Attested;
    newer && as_good && (later.word == before.word || before.word != Word::Dangerous || later.scanner_version != before.scanner_version)
}

fn said(evidence: &Evidence, word: Word) -> Said<'_> {
    let version = evidence.summary.as_ref().and_then(|summary| summary.get("scanner")).and_then(|scanner| text(scanner, "version"));
    Said { word, scanner: evidence.summary.as_ref().map_or("", scanner), scanner_version: version.unwrap_or_default(), evidence }
}

/// What one scan says about which files of the version.
fn about(input: &Input, evidence: &Evidence) -> Vec<(Digest, Word)> {
    let Some(summary) = &evidence.summary else { return Vec::new() };
    if evidence.binds_to.kind == BindingKind::File {
        return overall(evidence).map(|word| (evidence.binds_to.digest, word)).into_iter().collect();
    }
    let by_path: BTreeMap<&str, Digest> = input.version.files.iter().map(|file| (file.path.as_str(), file.digest)).collect();
    let place = |file: &Value| match text(file, "digest") {
        Some(digest) => Digest::parse(digest).ok(),
        None => text(file, "path").and_then(|path| by_path.get(path).copied()),
    };
    files(summary).filter_map(|file| Some((place(file)?, word(file)?))).collect()
}

/// Files that a person of the security role cleared, who did not make the version. The newest word of the role about a file counts.
fn reviewed(input: &Input) -> BTreeSet<Digest> {
    let mut newest: BTreeMap<Digest, (&Evidence, bool)> = BTreeMap::new();
    let reviews = input.evidence.iter().filter(|evidence| {
        evidence.kind == "review" && is_about_us(input, evidence) && evidence.role.as_deref() == Some(REVIEWER) && !input.authors.contains(&evidence.actor)
    });
    for evidence in reviews {
        let Some(summary) = evidence.summary.as_ref().filter(|summary| text(summary, "kind") == Some(REVIEWER)) else { continue };
        let approves = text(summary, "verdict") == Some("approve");
        let named = summary.get("subjects").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let bound = (evidence.binds_to.kind == BindingKind::File).then_some(evidence.binds_to.digest);
        for digest in named.filter_map(|digest| Digest::parse(digest).ok()).chain(bound) {
            let entry = newest.entry(digest).or_insert((evidence, approves));
            if (evidence.at, evidence.digest) > (entry.0.at, entry.0.digest) {
                *entry = (evidence, approves);
            }
        }
    }
    newest.into_iter().filter(|(_, (_, approves))| *approves).map(|(digest, _)| digest).collect()
}

fn scans(input: &Input) -> impl Iterator<Item = &Evidence> {
    input.evidence.iter().filter(move |evidence| evidence.kind == "artifact-scan" && is_about_us(input, evidence))
}

/// Bound to this version, its content or one of its files.
fn is_about_us(input: &Input, evidence: &Evidence) -> bool {
    let digest = evidence.binds_to.digest;
    match evidence.binds_to.kind {
        BindingKind::Version => digest == input.version.version_digest,
        BindingKind::Content => digest == input.version.content_digest,
        BindingKind::File => input.version.files.iter().any(|file| file.digest == digest),
    }
}

fn overall(evidence: &Evidence) -> Option<Word> {
    evidence.summary.as_ref().and_then(word)
}

fn files(summary: &Value) -> impl Iterator<Item = &Value> {
    summary.get("files").and_then(Value::as_array).into_iter().flatten()
}

fn scanner(summary: &Value) -> &str {
    summary.get("scanner").and_then(|scanner| text(scanner, "name")).unwrap_or_default()
}

/// A verdict; a word that is not known counts as `review`, because it is not "clean".
fn word(value: &Value) -> Option<Word> {
    Some(match text(value, "verdict")? {
        "clean" => Word::Clean,
        "malformed" => Word::Malformed,
        "dangerous" => Word::Dangerous,
        _ => Word::Review,
    })
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

fn shown(paths: &[&str]) -> String {
    let rest = paths.len().saturating_sub(SHOWN);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
