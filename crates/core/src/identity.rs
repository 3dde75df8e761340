//! Workload identities: by which claims a token of a CI system's issuer is the token of a pipeline (design section 7).
//!
//! INVARIANT: rules name enough. Who runs (a repository, a project, a service account) is never enough alone: whoever may open a branch
//! or a merge request there would be the pipeline. A second rule says which of its runs: a ref, a workflow at a ref, an environment.
//! INVARIANT: values are compared byte for byte; a prefix ends at a boundary; a claim that is no text never matches.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{clipped, is_plain};
use crate::refusal::{Code, Refusal};

/// Most rules of an identity.
pub const MAX_RULES: usize = 16;
/// Most identities of a pipeline at a time.
pub const MAX_IDENTITIES: u64 = 20;
/// Longest name of a claim and longest value, in bytes.
const MAX_CLAIM_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 512;

crate::words! {
    /// Whose tokens an issuer's are like.
    Shape, "shape" {
        /// GitHub Actions.
        Github = "github",
        /// GitLab CI ID tokens.
        Gitlab = "gitlab",
        /// Projected service account tokens of Kubernetes.
        Kubernetes = "kubernetes",
        /// Anything else.
        Other = "other",
    }
}

crate::words! {
    /// How a value is compared.
    Match, "match" {
        /// It is this text.
        Exact = "exact",
        /// It begins with this text, which ends with `/` or `:`.
        Prefix = "prefix",
    }
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the claim; of one inside another claim its JSON pointer, such as `/kubernetes.io/serviceaccount/uid` (RFC 6901).
    pub claim: String,
    /// How it is compared.
    #[serde(rename = "match")]
    pub how: Match,
    /// With what.
    pub value: String,
}

/// What a token says of the run that it was made for. A claim that the token does not have is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFacts {
    /// Who signed it.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// Address of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// Commit that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Workflow, at its ref.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Ref that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#ref: Option<String>,
    /// Who started it, as the issuer calls him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// Claims that say who runs; one of them must be given exactly.
fn who(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Github => &["repository", "repository_id"],
        Shape::Gitlab => &["project_path", "project_id"],
        Shape::Kubernetes => &["sub"],
        Shape::Other => &["sub", "repository", "repository_id", "project_path", "project_id"],
    }
}

/// Claims that say which of its runs; one of them must be given.
fn which(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Github => &["ref", "job_workflow_ref", "workflow_ref", "environment"],
        Shape::Gitlab => &["ref", "ref_path", "ci_config_ref_uri", "environment"],
        Shape::Kubernetes => {
            &["/kubernetes.io/serviceaccount/uid", "/kubernetes.io/pod/name", "/kubernetes.io/pod/uid", "/kubernetes.io/node/name", "/kubernetes.io/node/uid"]
        }
        Shape::Other => &[],
    }
}

/// Claims that say why a run began, and their values for a change that nobody accepted yet. Such a run may say the ref of the branch that
/// the change is to go to, so it is refused unless a rule asks for it by name.
fn proposals(shape: Shape) -> Option<(&'static str, &'static [&'static str])> {
    match shape {
        Shape::Github => Some(("event_name", &["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment", "issue_comment"])),
        Shape::Gitlab => Some(("pipeline_source", &["merge_request_event", "external_pull_request_event"])),
        Shape::Kubernetes | Shape::Other => None,
    }
}

/// Checks that the rules of an identity name enough.
///
/// # Errors
/// `invalid_field` of `rules`, with what is missing.
pub fn check(shape: Shape, rules: &[Rule]) -> Result<(), Refusal> {
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(Refusal::invalid("rules", &format!("an identity has 1 to {MAX_RULES} rules")));
    }
    for (number, rule) in rules.iter().enumerate() {
        check_rule(rule).map_err(|refusal| refusal.field(&format!("rules[{number}]")))?;
        if rules.iter().take(number).any(|other| other.claim == rule.claim) {
            return Err(Refusal::invalid(&format!("rules[{number}]"), &format!("the claim `{}` has a rule already", rule.claim)));
        }
    }
    let has_who = rules.iter().any(|rule| rule.how == Match::Exact && who(shape).contains(&rule.claim.as_str()));
    let others = || rules.iter().filter(|rule| !who(shape).contains(&rule.claim.as_str()));
    let has_which = match shape {
        Shape::Other => others().any(|rule| !matches!(rule.claim.as_str(), "iss" | "aud")),
        Shape::Github | Shape::Gitlab | Shape::Kubernetes => others().any(|rule| which(shape).contains(&rule.claim.as_str()) && narrows(rule)),
    };
    if has_who && has_which {
        return Ok(());
    }
    let second = if which(shape).is_empty() { "a second claim".to_owned() } else { format!("one of `{}`", which(shape).join("`, `")) };
    let message = format!("the rules fit more runs than those of one pipeline: they need one of `{}` exactly, and {second}", who(shape).join("`, `"));
    Err(Refusal::invalid("rules", &message)
        .remedy("a repository alone is whoever may open a branch in it; name the ref, the workflow at its ref, or the environment"))
}

fn check_rule(rule: &Rule) -> Result<(), Refusal> {
    if rule.claim.is_empty() || rule.claim.len() > MAX_CLAIM_BYTES || !is_plain(&rule.claim) {
        return Err(Refusal::invalid("rules", &format!("a claim has a name of 1 to {MAX_CLAIM_BYTES} bytes without control characters")));
    }
    if rule.value.is_empty() || rule.value.len() > MAX_VALUE_BYTES || !is_plain(&rule.value) {
        return Err(Refusal::invalid("rules", &format!("a value has 1 to {MAX_VALUE_BYTES} bytes without control characters")));
    }
    if rule.value.contains('*') {
        return Err(Refusal::invalid("rules", "there are no wildcards in values").remedy("use `match: prefix` with a value that ends with `/` or `:`"));
    }
    if rule.how == Match::Prefix && !rule.value.ends_with(['/', ':']) {
        let remedy = "end it with `/` or `:`, or use `match: exact`: `acme/loans` is also the beginning of `acme/loans-evil`";
        return Err(Refusal::invalid("rules", "a prefix ends with `/` or `:`").remedy(remedy));
    }
    Ok(())
}

/// Whether a rule on a claim that says which run leaves out what anybody may start: refs of proposed changes, and workflows at any ref.
fn narrows(rule: &Rule) -> bool {
    match (rule.how, rule.claim.as_str()) {
        (Match::Exact, "ref" | "ref_path") => !rule.value.starts_with("refs/pull/") && !rule.value.starts_with("refs/merge-requests/"),
        (Match::Exact, _) => true,
        (Match::Prefix, "ref" | "ref_path") => {
            let after = |start: &str| rule.value.strip_prefix(start).is_some_and(|rest| !rest.is_empty());
            after("refs/heads/") || after("refs/tags/")
        }
        // The ref is at the end, after `@`: a prefix fits every branch.
        (Match::Prefix, "workflow_ref" | "job_workflow_ref" | "ci_config_ref_uri") => false,
        (Match::Prefix, _) => true,
    }
}

/// Why a rule does not fit a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The claim.
    pub claim: String,
    /// What the rule asks, and what was found.
    pub message: String,
}

/// Every rule that the claims do not fit; none when they are the pipeline's.
pub fn mismatches(shape: Shape, rules: &[Rule], claims: &Map<String, Value>) -> Vec<Mismatch> {
    let mut found: Vec<Mismatch> = rules.iter().filter_map(|rule| mismatch(rule, claims)).collect();
    if let Some((claim, values)) = proposals(shape)
        && !rules.iter().any(|rule| rule.claim == claim)
        && let Some(Value::String(value)) = claims.get(claim)
        && values.contains(&value.as_str())
    {
        let message = format!("the run was started by `{}`, for a change that nobody accepted yet; add a rule on `{claim}` if that is meant", clipped(value));
        found.push(Mismatch { claim: claim.to_owned(), message });
    }
    found
}

fn mismatch(rule: &Rule, claims: &Map<String, Value>) -> Option<Mismatch> {
    let asked = match rule.how {
        Match::Exact => format!("it must be `{}`", clipped(&rule.value)),
        Match::Prefix => format!("it must begin with `{}`", clipped(&rule.value)),
    };
    let message = match claim(claims, &rule.claim) {
        Some(Value::String(value)) => {
            let fits = match rule.how {
                Match::Exact => value.as_bytes() == rule.value.as_bytes(),
                Match::Prefix => value.as_bytes().starts_with(rule.value.as_bytes()),
            };
            if fits {
                return None;
            }
            format!("{asked}; the token says `{}`", clipped(value))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => format!("{asked}; in the token it is no text"),
        None => format!("{asked}; the token does not have it"),
    };
    Some(Mismatch { claim: rule.claim.clone(), message })
}

/// A claim by its name, or by its JSON pointer through objects. Lists are not entered: a place in a list means nothing.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let Some(pointer) = name.strip_prefix('/') else { return claims.get(name) };
    let mut parts = pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
    let mut found = claims.get(&parts.next()?)?;
    for part in parts {
        found = found.as_object()?.get(&part)?;
    }
    Some(found)
}

/// What the claims of a verified token say of its run.
pub fn facts(shape: Shape, issuer: &str, subject: &str, claims: &Map<String, Value>) -> RunFacts {
    let text = |name: &str| claim(claims, name).and_then(Value::as_str).filter(|text| text.len() <= MAX_VALUE_BYTES && is_plain(text)).map(ToOwned::to_owned);
    let joined = |start: Option<String>, middle: &str, end: Option<String>| Some(format!("{}{middle}{}", start?, end?));
    let base = RunFacts { issuer: issuer.to_owned(), subject: if is_plain(subject) { subject.to_owned() } else { clipped(subject) }, ..RunFacts::default() };
    match shape {
        Shape::Github => {
            let server = text("server_url").or_else(|| Some("https://github.com".to_owned()));
            let repository = joined(server, "/", text("repository"));
            RunFacts {
                run_url: joined(repository, "/actions/runs/", text("run_id")),
                commit: text("sha"),
                workflow: text("job_workflow_ref").or_else(|| text("workflow_ref")),
                r#ref: text("ref"),
                actor: text("actor"),
                ..base
            }
        }
        Shape::Gitlab => RunFacts {
            run_url: text("job_url").or_else(|| joined(joined(Some(issuer.to_owned()), "/", text("project_path")), "/-/jobs/", text("job_id"))),
            commit: text("sha"),
            workflow: text("ci_config_ref_uri"),
            r#ref: text("ref_path").or_else(|| text("ref")),
            actor: text("user_login"),
            ..base
        },
        Shape::Kubernetes => RunFacts { workflow: text("/kubernetes.io/pod/name"), actor: text("/kubernetes.io/serviceaccount/name"), ..base },
        Shape::Other => RunFacts {
            run_url: text("run_url"),
            commit: text("sha").or_else(|| text("commit")),
            workflow: text("workflow"),
            r#ref: text("ref"),
            actor: text("actor"),
            ..base
        },
    }
}

/// The refusal when a pipeline has as many identities as it may have.
pub(crate) fn too_many() -> Refusal {
    Refusal::new(Code::TooLarge, &format!("a pipeline has at most {MAX_IDENTITIES} identities")).field("name").remedy("remove one that is out of use")
}

#[cfg(test)]
mod tests;
