//! Why a command did not succeed, and how that is told to people and programs.

use chancery_core::policy::{Finding, Outcome};
use chancery_core::refusal::{Code, Refusal};
use serde::{Deserialize, Serialize};

use super::exit::ExitCode;

/// Problem details of the server (RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable code, or `fault`.
    pub code: String,
    /// What was refused and why.
    pub detail: String,
    /// The field that broke the rule.
    pub field: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// Rules that failed.
    pub findings: Vec<Finding>,
    /// Index of the recorded refusal.
    pub entry: Option<u64>,
    /// For the operator, to find the fault in the log.
    pub request_id: Option<String>,
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server answered with problem details; `text` is its JSON as it came.
    #[error("{}", problem.detail)]
    Problem {
        /// The parsed problem.
        problem: Box<Problem>,
        /// The body.
        text: String,
    },
    /// The command line or a local file is wrong.
    #[error("{0}")]
    Usage(String),
    /// Bytes, digest or proof do not match.
    #[error("{0}")]
    Verification(String),
    /// Nobody answers, or the answer is not understood.
    #[error("{0}")]
    Network(String),
}

impl Failure {
    /// There is no such thing, found out here from what the server listed.
    #[must_use]
    pub fn not_found(detail: &str, remedy: &str) -> Self {
        Self::told(404, Code::NotFound, detail, remedy)
    }

    /// The version does not move so, found out here from the state that the server showed.
    #[must_use]
    pub fn transition_refused(detail: &str, remedy: &str) -> Self {
        Self::told(409, Code::TransitionRefused, detail, remedy)
    }

    fn told(status: u16, code: Code, detail: &str, remedy: &str) -> Self {
        let problem = Problem { status, code: code.as_str().to_owned(), detail: detail.to_owned(), remedy: Some(remedy.to_owned()), ..Problem::default() };
        let text = serde_json::json!({"status": status, "code": problem.code, "detail": detail, "remedy": remedy}).to_string();
        Self::Problem { problem: Box::new(problem), text }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Problem { problem, .. } => match Code::parse(&problem.code) {
                Ok(code) => ExitCode::of_code(code),
                Err(_) => ExitCode::Fault,
            },
            Self::Usage(_) => ExitCode::Usage,
            Self::Verification(_) => ExitCode::VerificationFailed,
            Self::Network(_) => ExitCode::Fault,
        }
    }

    /// Whether the server said that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.exit_code() == ExitCode::NotFound
    }

    /// Lines for a person, most important first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Problem { problem, .. } => problem.lines(),
            Self::Usage(message) => vec![format!("error: {message}")],
            Self::Verification(message) => vec![format!("verification failed: {message}")],
            Self::Network(message) => vec![format!("error: {message}"), "hint: `chancery doctor` says what is wrong with the connection".to_owned()],
        }
    }

    /// JSON for a program: the server's own problem details, or `{code, detail}`.
    #[must_use]
    pub fn json(&self) -> String {
        let code = match self {
            Self::Problem { text, .. } => return text.clone(),
            Self::Usage(_) => "usage",
            Self::Verification(_) => "verification_failed",
            Self::Network(_) => "network",
        };
        serde_json::json!({"code": code, "detail": self.to_string()}).to_string()
    }
}

impl Problem {
    fn lines(&self) -> Vec<String> {
        let word = if Code::parse(&self.code).is_ok() { "refused" } else { "server fault" };
        let mut lines = vec![format!("{word}: {}", self.detail)];
        lines.extend(self.field.iter().map(|field| format!("field: {field}")));
        lines.extend(self.remedy().map(|remedy| format!("remedy: {remedy}")));
        lines.extend(self.findings.iter().flat_map(finding_lines));
        lines.extend(self.entry.map(|entry| format!("recorded as entry {entry}")));
        lines.extend(self.request_id.iter().filter(|_| self.status >= 500).map(|id| format!("request id: {id}")));
        lines
    }

    /// What to do, in words of the command line: the server speaks of HTTP headers and of lists that come below.
    fn remedy(&self) -> Option<&str> {
        match Code::parse(&self.code) {
            Ok(Code::Unauthenticated) => {
                Some("set CHANCERY_TOKEN or --token-file to a token that is neither expired nor revoked; `chancery doctor` says which one is used")
            }
            Ok(Code::GateFailed | Code::NonWaivable) if !self.findings.is_empty() => None,
            Ok(_) | Err(_) => self.remedy.as_deref(),
        }
    }
}

/// One finding: rule, outcome and message; unless it passes, then the remedy and who can supply it.
#[must_use]
pub fn finding_lines(finding: &Finding) -> Vec<String> {
    if finding.outcome == Outcome::Pass {
        return vec![format!("- {} [{}] {}", finding.rule, finding.outcome, finding.message)];
    }
    let note = if finding.non_waivable { " (nobody can waive it)" } else { "" };
    let mut lines = vec![format!("- {} [{}] {}{note}", finding.rule, finding.outcome, finding.message)];
    lines.extend(finding.remedy.iter().map(|remedy| format!("    remedy: {remedy}")));
    if !finding.who.is_empty() {
        lines.push(format!("    who: {}", finding.who.join(", ")));
    }
    lines
}

/// A value of the user that breaks a rule of the domain, found before the server was asked.
impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Usage(refusal.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Failure {
        Failure::Problem { problem: Box::new(serde_json::from_str(text).unwrap()), text: text.to_owned() }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_where_it_is_recorded() {
        let text = r#"{"status":403,"code":"gate_failed","detail":"1 rule failed","field":"to","remedy":"ask","entry":7,"request_id":"r1","findings":[
            {"rule":"metric.no-regression","outcome":"fail","message":"parity fell","remedy":"train again","gate":"approved","non_waivable":true,"who":["owner","contributor"]}]}"#;
        let failure = problem(text);
        assert_eq!(
            failure.lines(),
            [
                "refused: 1 rule failed",
                "field: to",
                "- metric.no-regression [fail] parity fell (nobody can waive it)",
                "    remedy: train again",
                "    who: owner, contributor",
                "recorded as entry 7",
            ]
        );
        assert_eq!(failure.json(), text);
    }

    #[test]
    fn exit_codes_tell_refusal_from_fault() {
        let cases = [
            (problem(r#"{"status":409,"code":"transition_refused","detail":"no"}"#), 1),
            (problem(r#"{"status":503,"code":"read_only","detail":"no"}"#), 1),
            (problem(r#"{"status":404,"code":"not_found","detail":"no"}"#), 4),
            (problem(r#"{"status":422,"code":"digest_mismatch","detail":"no"}"#), 5),
            (problem(r#"{"status":500,"code":"fault","detail":"no","request_id":"r"}"#), 6),
            (Failure::Usage("x".into()), 2),
            (Failure::Verification("x".into()), 5),
            (Failure::Network("x".into()), 6),
        ];
        for (failure, number) in cases {
            assert_eq!(failure.exit_code().number(), number, "{failure:?}");
        }
        let unknown =
            problem(r#"{"status":401,"code":"unauthenticated","detail":"no valid credential","remedy":"send `Authorization: Bearer TOKEN`"}"#).lines();
        assert!(unknown.iter().any(|line| line.contains("CHANCERY_TOKEN")) && !unknown.iter().any(|line| line.contains("Bearer")), "{unknown:?}");
        let missing = Failure::not_found("loan/1 has no open promotion", "open one");
        assert_eq!((missing.lines(), missing.exit_code().number()), (vec!["refused: loan/1 has no open promotion".into(), "remedy: open one".into()], 4));
        let fault = problem(r#"{"status":500,"code":"fault","detail":"internal","request_id":"r"}"#);
        assert_eq!(fault.lines(), ["server fault: internal", "request id: r"]);
    }
}
