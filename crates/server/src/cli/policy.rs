//! `chancery policy`: the rules, their mode and their tests.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Answer;
use super::exit::ExitCode;
use super::output::{fields, items, moment, outline, text};
use super::reference::Reference;
use super::session::Session;
use super::{Outcome, bundle};

/// The subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the rules, or one rule with its source.
    #[command(after_help = "Example: chancery policy show metric.no-regression")]
    Show {
        /// Id of a rule.
        rule: Option<String>,
    },
    /// Say whether failed rules stop a promotion (enforce) or mark it (warn).
    #[command(after_help = "Example: chancery policy mode enforce --reason \"the trial period ends\"")]
    Mode {
        /// enforce or warn.
        mode: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let the server run the tests of a policy.
    #[command(after_help = "Example: chancery policy test ./our-policy\n\nExit code 5 when a test fails.")]
    Test {
        /// active, baseline, the digest of a bundle, or a folder with one. Otherwise what is in force.
        policy: Option<String>,
    },
    /// Upload a bundle of your organisation. It has no effect until another person activates it.
    #[command(after_help = "Example: chancery policy install ./our-policy --reason \"stricter limits for credit\"")]
    Install {
        /// Folder with `*.rego`, `*_test.rego` and `data.json`.
        folder: PathBuf,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// List the bundles that were uploaded.
    #[command(after_help = "Example: chancery policy bundles")]
    Bundles {
        /// Go on after this page.
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
    },
    /// Put a bundle in force that another person uploaded.
    #[command(after_help = "Example: chancery policy activate 4f1c…e2 --reason \"agreed in the risk committee\"")]
    Activate {
        /// Digest of the bundle.
        digest: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take a bundle out of force that another person activated.
    #[command(after_help = "Example: chancery policy withdraw 4f1c…e2 --reason \"a limit is wrong\"")]
    Withdraw {
        /// Digest of the bundle.
        digest: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say what a bundle would change for the versions of the registry, without effect.
    #[command(after_help = "Example: chancery policy dry-run --bundle ./our-policy --state production\n\nExit code 3 when a rule would newly fail.")]
    DryRun {
        /// Digest of a bundle that was uploaded, or of the baseline.
        #[arg(required_unless_present = "bundle", conflicts_with = "bundle")]
        digest: Option<String>,
        /// Folder with a bundle.
        #[arg(long, value_name = "FOLDER")]
        bundle: Option<PathBuf>,
        /// Only versions in this state. Can be given again.
        #[arg(long, value_name = "STATE")]
        state: Vec<String>,
    },
    /// Compare two policies.
    #[command(after_help = "Example: chancery policy diff active ./our-policy")]
    Diff {
        /// active, baseline, the digest of a bundle, or a folder.
        from: String,
        /// The same.
        to: String,
    },
    /// Explain what a rule says about a version, and what would make it pass.
    #[command(after_help = "Example: chancery policy explain metric.threshold loan-approval/3 --to approved")]
    Explain {
        /// Id of a rule.
        rule: String,
        /// The version.
        reference: Reference,
        /// The state that is asked for.
        #[arg(long, value_name = "STATE")]
        to: String,
    },
    /// Evaluate the gate behind an entry again, with the policy of that time.
    #[command(after_help = "Example: chancery policy replay 812\n\nExit code 5 when it says something else now.")]
    Replay {
        /// Index of the entry.
        index: u64,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Show { rule: None } => {
            let answer = client.get(client.url(&["policy"])).await?;
            session.output.show(&answer, || overview(session, &answer.value));
        }
        Command::Show { rule: Some(rule) } => {
            let answer = client.get(client.url(&["policy", "rules", &rule])).await?;
            session.output.show(&answer, || outline(&answer.value, 0));
        }
        Command::Mode { mode, reason } => {
            let answer = client.change(Method::PUT, client.url(&["policy", "mode"]), &json!({"mode": mode, "reason": reason}), None).await?;
            session.output.receipt(&answer, &format!("the policy mode is {mode}"));
        }
        Command::Test { policy } => {
            let body = policy.as_deref().map_or_else(|| Ok(json!({})), bundle::named)?;
            let answer = client.post(client.url(&["policy", "test"]), &body).await?;
            let passed = answer.value.get("passed").and_then(Value::as_bool) == Some(true);
            session.output.show(&answer, || {
                let mut lines = answer.value.get("results").map_or_else(Vec::new, |results| outline(results, 0));
                lines.push(if passed { "every test passes" } else { "a test fails" }.to_owned());
                lines
            });
            return Ok(if passed { ExitCode::Done } else { ExitCode::VerificationFailed });
        }
        Command::Install { folder, reason } => {
            let answer = client.post(client.url(&["policy", "bundles"]), &json!({"files": bundle::files(&folder)?, "reason": reason})).await?;
            session.output.receipt(&answer, &format!("bundle {} is uploaded; another person can activate it", digest_of(&answer)));
        }
        Command::Bundles { after } => {
            let mut url = client.url(&["policy", "bundles"]);
            url.query_pairs_mut().extend_pairs(after.iter().map(|after| ("after", after)));
            let answer = client.get(url).await?;
            let row = |item: &Value| {
                vec![text(item, "/digest"), text(item, "/status"), text(item, "/files"), moment(item, "/uploaded_at"), moment(item, "/activated_at")]
            };
            session.output.page(&answer, &["digest", "status", "files", "uploaded", "activated"], row);
        }
        Command::Activate { digest, reason } => {
            let answer = client.post(client.url(&["policy", "bundles", &digest, "activate"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, "the bundle is in force");
        }
        Command::Withdraw { digest, reason } => {
            let answer = client.post(client.url(&["policy", "bundles", &digest, "withdraw"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, "the bundle is withdrawn");
        }
        Command::DryRun { digest, bundle, state } => return dry_run(session, digest, bundle, &state).await,
        Command::Diff { from, to } => {
            let answer = client.post(client.url(&["policy", "diff"]), &json!({"from": bundle::named(&from)?, "to": bundle::named(&to)?})).await?;
            session.output.show(&answer, || differences(&answer.value));
        }
        Command::Explain { rule, reference, to } => {
            let (name, number) = session.locate(&reference).await?;
            let mut url = client.url(&["policy", "explain"]);
            url.query_pairs_mut().extend_pairs([("rule", rule), ("model", name), ("version", number), ("to", to)]);
            let answer = client.get(url).await?;
            session.output.show(&answer, || outline(&answer.value, 0));
        }
        Command::Replay { index } => {
            let answer = client.get(client.url(&["policy", "replay", &index.to_string()])).await?;
            let same = answer.value.get("identical").and_then(Value::as_bool) == Some(true);
            session.output.show(&answer, || {
                let mut lines = outline(&answer.value, 0);
                lines.push(if same { "the gate says the same again" } else { "the gate cannot be shown to say the same" }.to_owned());
                lines
            });
            return Ok(if same { ExitCode::Done } else { ExitCode::VerificationFailed });
        }
    }
    Ok(ExitCode::Done)
}

/// The digest of the bundle that a receipt is about: its subject is `bundle/DIGEST`.
fn digest_of(answer: &Answer) -> String {
    let subject = ["/entries/0/subject", "/subject"].into_iter().find_map(|pointer| answer.value.pointer(pointer)).and_then(Value::as_str);
    subject.and_then(|subject| subject.strip_prefix("bundle/")).unwrap_or_default().to_owned()
}

/// Asks part by part until every version was judged; each part is an answer of its own.
async fn dry_run(session: &Session, digest: Option<String>, folder: Option<PathBuf>, states: &[String]) -> Outcome {
    let client = &session.client;
    let url = match &digest {
        Some(digest) => client.url(&["policy", "bundles", digest, "dry-run"]),
        None => client.url(&["policy", "dry-run"]),
    };
    let mut body = json!({"states": states});
    if let (Some(folder), Some(members)) = (folder, body.as_object_mut()) {
        members.insert("files".to_owned(), json!(bundle::files(&folder)?));
    }
    let mut failing = 0;
    loop {
        let answer = client.post(url.clone(), &body).await?;
        failing += answer.value.get("newly_failing").and_then(Value::as_u64).unwrap_or_default();
        session.output.show(&answer, || changes(session, &answer.value));
        let next = answer.value.get("next").and_then(Value::as_str).map(str::to_owned);
        match (next, body.as_object_mut()) {
            (Some(next), Some(members)) => drop(members.insert("after".to_owned(), json!(next))),
            (None, _) | (_, None) => return Ok(if failing == 0 { ExitCode::Done } else { ExitCode::Waits }),
        }
    }
}

fn changes(session: &Session, view: &Value) -> Vec<String> {
    let rules = |item: &Value, member: &str| {
        let list = item.get(member).map_or(&[][..], |list| items(list));
        list.iter().map(|rule| rule.as_str().map_or_else(|| text(rule, "/rule"), str::to_owned)).collect::<Vec<_>>().join(", ")
    };
    let row = |item: &Value| {
        vec![format!("{}/{}", text(item, "/model"), text(item, "/version")), text(item, "/state"), rules(item, "newly_failing"), rules(item, "newly_passing")]
    };
    let mut lines = fields(view, &[("judged", "/judged"), ("newly failing", "/newly_failing"), ("newly passing", "/newly_passing")]);
    let versions = view.get("versions").map_or(&[][..], |list| items(list));
    if !versions.is_empty() {
        lines.push(session.output.table(&["version", "state", "would fail", "would pass"], &versions.iter().map(row).collect::<Vec<_>>()));
    }
    lines
}

fn differences(view: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (member, sign) in [("added", "+ rule"), ("removed", "- rule"), ("files", "~ file")] {
        lines.extend(view.get(member).map_or(&[][..], |list| items(list)).iter().filter_map(Value::as_str).map(|name| format!("{sign} {name}")));
    }
    for changed in view.get("changed").map_or(&[][..], |list| items(list)) {
        lines.push(format!("~ rule {}", text(changed, "/rule")));
        let (before, after) = (text(changed, "/before"), text(changed, "/after"));
        let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
        let tail = before.iter().rev().zip(after.iter().rev()).take(before.len().min(after.len()) - same).take_while(|(before, after)| before == after).count();
        lines.extend(before.iter().skip(same).take(before.len() - same - tail).map(|line| format!("    - {line}")));
        lines.extend(after.iter().skip(same).take(after.len() - same - tail).map(|line| format!("    + {line}")));
    }
    for data in view.get("data").map_or(&[][..], |list| items(list)) {
        let shown = |member: &str| data.get(member).map_or_else(String::new, ToString::to_string);
        lines.push(format!("~ data {}: {} becomes {}", text(data, "/path"), shown("before"), shown("after")));
    }
    if lines.is_empty() {
        lines.push("no difference".to_owned());
    }
    lines
}

fn overview(session: &Session, view: &Value) -> Vec<String> {
    let rules = view.get("rules").map_or(&[][..], |list| items(list));
    let row = |rule: &Value| {
        let strict = if rule.get("non_waivable").and_then(Value::as_bool) == Some(true) { "yes" } else { "" };
        vec![text(rule, "/id"), text(rule, "/gates"), strict.to_owned(), text(rule, "/title")]
    };
    let mut lines =
        fields(view, &[("mode", "/mode"), ("policy", "/bundle_digest"), ("baseline", "/baseline"), ("bundle", "/organisation/digest"), ("engine", "/engine")]);
    lines.push(session.output.table(&["rule", "gates", "non-waivable", "title"], &rules.iter().map(row).collect::<Vec<_>>()));
    lines
}
