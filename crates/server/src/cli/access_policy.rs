//! `chancery access-policy`: who may do what, beyond the roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chancery_core::access::source::{MAX_BYTES, MAX_FILES};
use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{fields, moment, short, text};
use super::session::Session;

/// The subcommands of `access-policy`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install access policies of your organisation. They have no effect until another administrator activates them.
    #[command(after_help = "Example: chancery access-policy install ./our-access --reason \"auditors of the bank read credit\"")]
    Install {
        /// A file `*.cedar`, or a folder of them.
        path: PathBuf,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// List the access policies that were installed.
    #[command(after_help = "Example: chancery access-policy list")]
    List {
        /// Go on after this page.
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
    },
    /// Show access policies: yours by their digest, or those that ship with the program, with the schema.
    #[command(after_help = "Example: chancery access-policy show shipped")]
    Show {
        /// A digest, or `shipped`.
        digest: String,
    },
    /// Put access policies in force that another administrator installed.
    #[command(after_help = "Example: chancery access-policy activate 4f1c…e2 --reason \"agreed with compliance\"")]
    Activate {
        /// Digest of the policies.
        digest: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take access policies out of force that another administrator activated.
    #[command(after_help = "Example: chancery access-policy withdraw 4f1c…e2 --reason \"a team is missing\"")]
    Withdraw {
        /// Digest of the policies.
        digest: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Install { path, reason } => {
            let body = json!({"files": files(&path)?, "reason": reason});
            let answer = client.post(client.url(&["access-policies"]), &body).await?;
            let digest = text(&answer.value, "/entries/0/data/digest");
            session.output.receipt(&answer, &format!("access policy {digest} is installed; another administrator activates it"));
        }
        Command::List { after } => {
            let mut url = client.url(&["access-policies"]);
            super::history::add(&mut url, &[("after", after.as_deref())]);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["digest", "status", "policies", "installed", "by", "activated"], |item| {
                vec![
                    text(item, "/digest"),
                    text(item, "/status"),
                    text(item, "/policies"),
                    moment(item, "/installed_at"),
                    short(item, "/installed_by"),
                    moment(item, "/activated_at"),
                ]
            });
        }
        Command::Show { digest } => {
            let answer = client.get(client.url(&["access-policies", &digest])).await?;
            session.output.show(&answer, || lines(&answer.value));
        }
        Command::Activate { digest, reason } => {
            let answer = client.post(client.url(&["access-policies", &digest, "activate"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("access policy {digest} is in force"));
        }
        Command::Withdraw { digest, reason } => {
            let answer = client.post(client.url(&["access-policies", &digest, "withdraw"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("access policy {digest} is out of force"));
        }
    }
    Ok(ExitCode::Done)
}

fn lines(view: &Value) -> Vec<String> {
    let mut lines = match view.get("access_policy") {
        None | Some(Value::Null) => Vec::new(),
        Some(policy) => fields(policy, &[("digest", "/digest"), ("status", "/status"), ("policies", "/policies")]),
    };
    let files = view.get("files").and_then(Value::as_object);
    for (path, content) in files.into_iter().flatten() {
        lines.push(format!("--- {path}"));
        lines.extend(content.as_str().unwrap_or_default().lines().map(str::to_owned));
    }
    lines
}

/// The policies of a file, or of the files directly in a folder.
fn files(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let bad = |path: &Path, why: &dyn std::fmt::Display| Failure::Usage(format!("cannot read `{}`: {why}", path.display()));
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| bad(path, &error))?;
        let cedar = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "cedar");
        paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(cedar).collect();
    }
    if paths.is_empty() || paths.len() > MAX_FILES {
        return Err(Failure::Usage(format!("`{}` holds {} files `*.cedar`; 1 to {MAX_FILES} are accepted", path.display(), paths.len())));
    }
    let mut found = BTreeMap::new();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Err(bad(&path, &"its name is not UTF-8")) };
        let size = std::fs::metadata(&path).map_err(|error| bad(&path, &error))?.len();
        if size > MAX_BYTES as u64 {
            return Err(bad(&path, &format!("it has {size} bytes; at most {MAX_BYTES} are accepted")));
        }
        found.insert(name.to_owned(), std::fs::read_to_string(&path).map_err(|error| bad(&path, &error))?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_cedar_files() {
        let place = tempfile::tempdir().unwrap();
        assert!(files(place.path()).is_err(), "an empty folder");
        for (name, content) in [("a.cedar", "permit"), ("b.cedar", "forbid"), ("README.md", "no")] {
            std::fs::write(place.path().join(name), content).unwrap();
        }
        assert_eq!(files(place.path()).unwrap().into_keys().collect::<Vec<_>>(), ["a.cedar", "b.cedar"]);
        assert_eq!(files(&place.path().join("a.cedar")).unwrap()["a.cedar"], "permit");
        std::fs::write(place.path().join("c.cedar"), " ".repeat(MAX_BYTES + 1)).unwrap();
        assert!(files(place.path()).unwrap_err().to_string().contains("at most"));
    }
}
