//! `chancery version`: shows, compares, downloads and verifies versions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chancery_core::manifest::Manifest;
use chancery_inspect::Folder;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::download::{download, verified_manifest};
use super::exit::ExitCode;
use super::failure::Failure;
use super::hashing;
use super::history::{Page, add, entries};
use super::output::{Format, items, list, moment, number, outline, size, text};
use super::reference::Reference;
use super::session::{Resolved, Session, member};
use super::summary;
use super::upload::upload_missing;

/// The subcommands of `version`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a version on one screen, or with every fact.
    #[command(after_help = "Example: chancery version show loan-approval@champion")]
    Show {
        /// The version.
        reference: Reference,
        /// Every fact, as it was sealed.
        #[arg(long)]
        facts: bool,
        /// As it was then: an entry index or an RFC 3339 time.
        #[arg(long, value_name = "WHEN")]
        as_of: Option<String>,
    },
    /// List the versions of a model.
    #[command(after_help = "Example: chancery version list loan-approval --state production")]
    List {
        /// Name of the model.
        model: String,
        /// Only this state.
        #[arg(long)]
        state: Option<String>,
        /// As it was then: an entry index or an RFC 3339 time.
        #[arg(long, value_name = "WHEN")]
        as_of: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Compare two versions of a model: facts, files, metrics, signature.
    #[command(after_help = "Example: chancery version diff loan-approval/1 loan-approval/2")]
    Diff {
        /// The older version.
        old: Reference,
        /// The newer version.
        new: Reference,
    },
    /// Download a version; nothing appears before every digest matches.
    #[command(after_help = "Example: chancery version download loan-approval@champion --to ./model")]
    Download {
        /// The version.
        reference: Reference,
        /// Only this file of the package.
        #[arg(long, value_name = "PATH")]
        file: Option<String>,
        /// The folder to put it in.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Bring in the bytes of a version that was registered without them.
    #[command(after_help = "Example: chancery version attach loan-approval/3 ./model\n\nApprovals given before do not count any more.")]
    Attach {
        /// The version.
        reference: Reference,
        /// The folder with its files, or one file.
        folder: PathBuf,
    },
    /// Let the server hash its files again, or compare a local folder with the version.
    #[command(after_help = "Example: chancery version verify loan-approval/3 --folder ./model\n\nExit code 5 when something does not match.")]
    Verify {
        /// The version.
        reference: Reference,
        /// The local folder.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    match command {
        Command::Show { reference, facts, as_of } => show(session, &reference, facts, as_of.as_deref()).await,
        Command::List { model, state, as_of, page } => {
            let mut url = session.client.url(&["models", &model, "versions"]);
            add(&mut url, &[("state", state.as_deref()), ("as_of", as_of.as_deref())]);
            page.add_to(&mut url);
            let answer = session.client.get(url).await?;
            session.output.page(&answer, &["version", "semver", "state", "aliases", "size", "registered", "entry"], |item| {
                let mut cells = vec![summary::label(item)];
                cells.extend(["/semver", "/state", "/aliases"].iter().map(|pointer| text(item, pointer)));
                cells.extend([
                    size(item.get("size").and_then(Value::as_u64).unwrap_or_default()),
                    moment(item, "/registered_at"),
                    text(item, "/registered_index"),
                ]);
                cells
            });
            Ok(ExitCode::Done)
        }
        Command::Diff { old, new } => diff(session, &old, &new).await,
        Command::Download { reference, file, to } => fetch(session, &reference, file.as_deref(), &to).await,
        Command::Attach { reference, folder } => attach(session, &reference, folder).await,
        Command::Verify { reference, folder } => {
            let version = session.resolve(&reference).await?;
            match folder {
                Some(folder) => verify_folder(session, &version, folder).await,
                None => verify_server(session, &version).await,
            }
        }
    }
}

async fn show(session: &Session, reference: &Reference, facts: bool, as_of: Option<&str>) -> Outcome {
    let mut url = reference.url(&session.client);
    if as_of.is_some() {
        let (name, number) = session.locate(reference).await?;
        url = session.client.url(&["models", &name, "versions", &number]);
        add(&mut url, &[("as_of", as_of)]);
    }
    let answer = session.client.get(url).await?;
    if facts || session.output.format() == Format::Json {
        session.output.show(&answer, || outline(&answer.value, 0));
        return Ok(ExitCode::Done);
    }
    let history = entries(session, &member(&answer.value, "/model/name")?, Some(&member(&answer.value, "/number")?)).await;
    session.output.show(&answer, || summary::lines(&answer.value, &history));
    Ok(ExitCode::Done)
}

async fn diff(session: &Session, old: &Reference, new: &Reference) -> Outcome {
    let (name, old) = session.locate(old).await?;
    let (other, new) = session.locate(new).await?;
    if name != other {
        return Err(Failure::Usage(format!("only versions of one model can be compared, not `{name}` and `{other}`")));
    }
    let answer = session.client.get(session.client.url(&["models", &name, "compare", &old, &new])).await?;
    session.output.show(&answer, || {
        let table = |list: &str, columns: &[&str]| section(session, &answer.value, list, columns);
        let mut lines = table("metrics", &["name", "slice", "old", "new", "difference"]);
        lines.extend(table("facts", &["path", "old", "new"]));
        lines.extend(table("files", &["path", "change", "old", "new"]));
        lines.push(format!("signature: {}; suggested bump: {}", text(&answer.value, "/signature/change"), text(&answer.value, "/suggested_bump")));
        lines.extend(list(&answer.value, "/signature/reasons").iter().map(|reason| format!("- {} ({})", text(reason, "/text"), text(reason, "/change"))));
        lines
    });
    Ok(ExitCode::Done)
}

/// One list of the comparison as a table; nothing when it is empty.
fn section(session: &Session, value: &Value, list: &str, columns: &[&str]) -> Vec<String> {
    let found = value.get(list).map_or(&[][..], |list| items(list));
    if found.is_empty() {
        return Vec::new();
    }
    let row = |item: &Value| columns.iter().map(|column| cell(item, &format!("/{column}"))).collect();
    vec![format!("{list}:"), session.output.table(columns, &found.iter().map(row).collect::<Vec<_>>()), String::new()]
}

/// A value of a table: numbers rounded.
fn cell(item: &Value, pointer: &str) -> String {
    if item.pointer(pointer).is_some_and(Value::is_f64) { number(item, pointer) } else { text(item, pointer) }
}

async fn fetch(session: &Session, reference: &Reference, file: Option<&str>, to: &Path) -> Outcome {
    let version = session.resolve(reference).await?;
    let manifest = verified_manifest(session, &version).await?;
    let files = match file {
        None => manifest.files().iter().collect(),
        Some(path) => vec![manifest.file(path).ok_or_else(|| Failure::Usage(format!("{} has no file `{path}`", version.label())))?],
    };
    let placed = download(session, &version, &files, to).await?;
    let there = files.len() - placed;
    session
        .output
        .show(&version.view, || vec![format!("{}: {placed} files downloaded to {}, {there} were there; every digest matches", version.label(), to.display())]);
    Ok(ExitCode::Done)
}

async fn attach(session: &Session, reference: &Reference, folder: PathBuf) -> Outcome {
    let version = session.resolve(reference).await?;
    let listed = Folder::open(&folder).map_err(|error| Failure::Usage(error.to_string()))?;
    listed.skipped().iter().for_each(|skipped| session.output.note(&format!("left out: {} ({})", skipped.path, skipped.reason)));
    let root = folder.clone();
    let manifest = tokio::task::spawn_blocking(move || hashing::manifest(&root, &listed)).await.map_err(|error| Failure::Usage(error.to_string()))??;
    let sent = upload_missing(&session.client, &folder, &manifest).await?;
    session.output.line(&format!("uploaded {} files; the server had {} already", sent.files, sent.known));
    let url = session.client.url(&["models", &version.name, "versions", &version.number, "attach"]);
    let answer = session.client.post(url, &json!({"files": manifest.files()})).await?;
    session.output.receipt(&answer, &format!("{} holds {} files, {}", version.label(), manifest.files().len(), size(manifest.size())));
    Ok(ExitCode::Done)
}

async fn verify_server(session: &Session, version: &Resolved) -> Outcome {
    let answer = session.client.get(session.client.url(&["models", &version.name, "versions", &version.number, "fixity"])).await?;
    let intact = answer.value.get("intact").and_then(Value::as_bool) == Some(true);
    session.output.show(&answer, || {
        let files = answer.value.get("files").map_or(&[][..], |list| items(list));
        let row = |item: &Value| ["/path", "/fixity", "/digest"].iter().map(|pointer| text(item, pointer)).collect();
        let word = if intact { "intact" } else { "damaged" };
        vec![
            session.output.table(&["path", "fixity", "digest"], &files.iter().map(row).collect::<Vec<_>>()),
            format!("{} is {word}: the server hashed {} files again", version.label(), files.len()),
        ]
    });
    Ok(if intact { ExitCode::Done } else { ExitCode::VerificationFailed })
}

async fn verify_folder(session: &Session, version: &Resolved, folder: PathBuf) -> Outcome {
    let expected = verified_manifest(session, version).await?;
    let listed = Folder::open(&folder).map_err(|error| Failure::Usage(error.to_string()))?;
    let hashed = tokio::task::spawn_blocking(move || hashing::manifest(&folder, &listed)).await;
    let found = hashed.map_err(|error| Failure::Usage(error.to_string()))??;
    let differences = differences(&expected, &found);
    if let Some(list) = (!differences.is_empty()).then(|| differences.join(", ")) {
        return Err(Failure::Verification(format!("the folder is not {}: {list}", version.label())));
    }
    session.output.show(&version.view, || vec![format!("the folder is {}: {} files, every digest matches", version.label(), found.files().len())]);
    Ok(ExitCode::Done)
}

/// What differs: `PATH is missing`, `PATH differs`, `PATH is not part of it`.
fn differences(expected: &Manifest, found: &Manifest) -> Vec<String> {
    let mut rest: BTreeMap<&str, _> = found.files().iter().map(|file| (file.path.as_str(), file.digest)).collect();
    let mut differences = Vec::new();
    for file in expected.files() {
        match rest.remove(file.path.as_str()) {
            None => differences.push(format!("`{}` is missing", file.path)),
            Some(digest) if digest != file.digest => differences.push(format!("`{}` differs", file.path)),
            Some(_) => {}
        }
    }
    differences.extend(rest.keys().map(|path| format!("`{path}` is not part of it")));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_core::manifest::ManifestFile;
    use chancery_core::names::{Digest, FilePath};

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let file = |(path, text): &(&str, &str)| ManifestFile { digest: Digest::of(text.as_bytes()), path: FilePath::parse(path).unwrap(), size: 1 };
        Manifest::new(files.iter().map(file).collect()).unwrap()
    }

    #[test]
    fn differences_name_every_file() {
        let expected = manifest(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(differences(&expected, &expected), Vec::<String>::new());
        let found = manifest(&[("a", "1"), ("b", "x"), ("d", "4")]);
        assert_eq!(differences(&expected, &found), ["`b` differs", "`c` is missing", "`d` is not part of it"]);
    }
}
