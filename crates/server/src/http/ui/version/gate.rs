//! What stands between a version and a state: the findings of the gates as sentences, in the words and order of `chancery check`.

use chancery_core::policy::{Finding, Outcome};
use chancery_core::promotion::{APPROVAL_RULE, FOLLOW_APPROVAL};
use chancery_core::wording::counted;
use serde::Deserialize;

use super::subject::Version;
use super::words::prose;
use crate::http::ui::filters::Html;
use crate::http::ui::layout::{Link, sentence};

/// A check as the API shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Checked {
    pub(super) blocks: bool,
    pub(super) mode: String,
    pub(super) target: String,
    pub(super) findings: Vec<Finding>,
    pub(super) bundle_digest: String,
    pub(super) evaluated_at: String,
}

/// Something that is missing.
pub(super) struct Missing {
    /// What, as a sentence.
    pub(super) what: String,
    /// How to supply it.
    pub(super) how: Option<Html>,
    /// The rules that ask for it.
    pub(super) rules: Vec<String>,
    /// Who can supply it.
    pub(super) who: String,
    /// Where.
    pub(super) links: Vec<Link>,
}

/// A finding as it is shown.
pub(super) struct Told {
    pub(super) rule: String,
    pub(super) outcome: &'static str,
    pub(super) title: String,
    pub(super) how: Option<Html>,
    pub(super) who: String,
    pub(super) references: String,
    pub(super) gate: String,
    pub(super) waiver: Option<String>,
}

/// How many findings there are of each outcome.
pub(super) struct Tally {
    pub(super) fail: usize,
    pub(super) waived: usize,
    pub(super) pass: usize,
    pub(super) idle: usize,
}

impl Tally {
    /// The numbers in words, each with the kind of outcome that it is of.
    pub(super) fn words(&self) -> Vec<(String, &'static str)> {
        let fail = counted(self.fail, "fails", "fail");
        let parts = [(self.fail, fail, "fail"), (self.waived, format!("{} waived", self.waived), "waived")];
        let idle = (self.idle, format!("{} not applicable", self.idle), "na");
        let pass = (1, format!("{} pass", self.pass), "pass");
        parts.into_iter().chain([pass, idle]).filter(|(count, _, _)| *count > 0).map(|(_, words, kind)| (words, kind)).collect()
    }
}

impl Checked {
    /// The findings of an outcome.
    fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.outcome == outcome)
    }

    /// How many findings there are of each outcome.
    pub(super) fn tally(&self) -> Tally {
        let count = |outcome| self.of(outcome).count();
        Tally { fail: count(Outcome::Fail), waived: count(Outcome::Waived), pass: count(Outcome::Pass), idle: count(Outcome::NotApplicable) }
    }

    /// The findings, failing first, then waived ones; those that hold, or ask nothing, are named by [`Checked::rules`].
    pub(super) fn open(&self, version: &Version) -> Vec<Told> {
        self.of(Outcome::Fail).chain(self.of(Outcome::Waived)).map(|finding| told(finding, version)).collect()
    }

    /// All findings: failing, waived, held, not asked.
    pub(super) fn all(&self, version: &Version) -> Vec<Told> {
        [Outcome::Fail, Outcome::Waived, Outcome::Pass, Outcome::NotApplicable]
            .into_iter()
            .flat_map(|outcome| self.of(outcome))
            .map(|finding| told(finding, version))
            .collect()
    }

    /// The names of the rules that hold, and of how many there is no room for.
    pub(super) fn held(&self) -> String {
        let rules: Vec<String> = self.of(Outcome::Pass).map(|finding| finding.rule.clone()).collect();
        super::words::listed(rules.into_iter())
    }

    /// How many rules of a gate fail.
    pub(super) fn failing_at(&self, gate: &str) -> usize {
        self.of(Outcome::Fail).filter(|finding| finding.gate == gate).count()
    }

    /// What is missing, what needs other work first. `promotion` is the open one that would take the approvals.
    pub(super) fn missing(&self, version: &Version, promotion: Option<&str>) -> Vec<Missing> {
        let failed: Vec<&Finding> = self.of(Outcome::Fail).collect();
        let waits = failed.iter().any(|finding| finding.rule == APPROVAL_RULE);
        let follows = |finding: &&&Finding| waits && FOLLOW_APPROVAL.contains(&finding.rule.as_str());
        let follow: Vec<String> = failed.iter().filter(follows).map(|finding| finding.rule.clone()).collect();
        let mut first: Vec<&Finding> = failed.iter().filter(|finding| !follows(finding)).copied().collect();
        // What needs other work comes before the approvals that would be given for it.
        first.sort_by_key(|finding| finding.rule == APPROVAL_RULE);
        let item = |finding: &Finding| {
            let mut item = missing(finding, version);
            if finding.rule == APPROVAL_RULE {
                item.rules.extend(follow.iter().cloned());
                item.links.extend(promotion.map(|id| Link::new(format!("/promotions/{id}"), "Read the open promotion")));
                if promotion.is_none() {
                    item.how = Some(prose("Nobody is asked yet: open a promotion, then a person in each role who did not make the version approves it."));
                    item.links.push(Link::new("#act", "Open a promotion"));
                }
            }
            item
        };
        first.into_iter().map(item).collect()
    }

    /// What the missing things mean, as the title of the note.
    pub(super) fn title(&self, missing: usize) -> String {
        match missing {
            0 => format!("Nothing is missing for {}", self.target),
            1 => format!("Before this version can go to {}, 1 thing is missing", self.target),
            many => format!("Before this version can go to {}, {many} things are missing", self.target),
        }
    }

    /// What was evaluated, in words.
    pub(super) fn scope(&self) -> String {
        format!("{} on the way to {}", counted(self.findings.len(), "rule", "rules"), self.target)
    }
}

/// A remedy with the version in the place that it leaves for one.
fn remedy(finding: &Finding, version: &Version) -> Option<Html> {
    finding.remedy.as_ref().map(|text| prose(&sentence(&text.replace("NAME/VERSION", &version.label()))))
}

fn missing(finding: &Finding, version: &Version) -> Missing {
    Missing {
        what: sentence(&finding.message),
        how: remedy(finding, version),
        rules: vec![finding.rule.clone()],
        who: finding.who.join(", "),
        links: Vec::new(),
    }
}

fn told(finding: &Finding, version: &Version) -> Told {
    Told {
        rule: finding.rule.clone(),
        outcome: finding.outcome.as_str(),
        title: sentence(&finding.message),
        how: remedy(finding, version),
        who: finding.who.join(", "),
        references: finding.references.join(", "),
        gate: finding.gate.clone(),
        waiver: finding.waiver.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version() -> Version {
        serde_json::from_value(json!({
            "model": {"name": "loan"}, "number": 3, "semver": "1.0.0", "state": "draft", "composite_id": "", "files": 0, "size": 0, "description": "", "source": "",
            "held": true, "hidden": false, "ungated": false, "facts": {}, "grades": {}, "tags": {}, "aliases": [], "successor": null, "sunset": null,
            "registered_at": "", "registered_by": "u00000000000000000000000000000000", "revision": 1
        }))
        .unwrap()
    }

    fn checked(rules: &[&str]) -> Checked {
        let finding = |rule: &&str| json!({"rule": rule, "outcome": "fail", "message": "it is missing", "remedy": "run `do NAME/VERSION`", "gate": "approved"});
        let findings: Vec<_> = rules.iter().map(finding).collect();
        serde_json::from_value(
            json!({"blocks": true, "mode": "enforce", "target": "production", "findings": findings, "bundle_digest": "", "evaluated_at": ""}),
        )
        .unwrap()
    }

    #[test]
    fn what_needs_other_work_comes_first_and_what_follows_from_approvals_is_one_thing() {
        let checked = checked(&["approval.complete", "metric.threshold", "approval.unexpired", "decision.signed", "promoter.pipeline"]);
        let missing = checked.missing(&version(), Some("p1"));
        let rules: Vec<Vec<String>> = missing.iter().map(|item| item.rules.clone()).collect();
        assert_eq!(rules, [vec!["metric.threshold"], vec!["promoter.pipeline"], vec!["approval.complete", "approval.unexpired", "decision.signed"]]);
        assert_eq!(missing[0].how.as_ref().unwrap().to_string(), "Run <code class=\"brk\">do loan/3</code>.");
        assert_eq!(missing[2].links, [Link::new("/promotions/p1", "Read the open promotion")]);
        assert_eq!(checked.title(missing.len()), "Before this version can go to production, 3 things are missing");
    }

    #[test]
    fn without_an_open_promotion_one_is_to_be_opened() {
        let missing = checked(&["approval.complete"]).missing(&version(), None);
        assert_eq!(missing[0].links, [Link::new("#act", "Open a promotion")]);
        let alone = checked(&["decision.signed"]).missing(&version(), None);
        assert_eq!(alone.len(), 1, "alone it is what has to be done");
    }
}
