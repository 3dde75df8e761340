//! `chancery login --github` and `--workload-token-file`: a pipeline run exchanges the token that its CI system made for it.
//!
//! INVARIANT: the address from which GitHub's token comes is that of the runner's environment, and its answer goes to the registry only.

use std::path::{Path, PathBuf};

use reqwest::Url;
use serde_json::{Value, json};

use super::Outcome;
use super::connection::is_this_machine;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{Format, text};
use super::session::{Session, member};

/// Largest token that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;
/// What GitHub gives to jobs with the permission `id-token: write`.
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Arguments of `login` for the run of a pipeline.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// File with the token that the CI system made for this run.
    #[arg(long, value_name = "FILE", group = "run", conflicts_with = "name")]
    workload_token_file: Option<PathBuf>,
    /// Ask GitHub Actions for the token; the job needs the permission `id-token: write`.
    #[arg(long, group = "run", conflicts_with = "name")]
    github: bool,
    /// What GitHub's token is to be for; otherwise the address of the registry.
    #[arg(long, value_name = "AUDIENCE", requires = "github")]
    audience: Option<String>,
    /// Name of the pipeline, when identities of several fit.
    #[arg(long, value_name = "NAME", requires = "run")]
    pipeline: Option<String>,
    /// File to write the token to, readable by you only; use it with --token-file.
    #[arg(long, value_name = "FILE", requires = "run")]
    save: Option<PathBuf>,
}

impl RunArgs {
    /// Whether it is a run that logs in, not a person.
    pub fn is_run(&self) -> bool {
        self.github || self.workload_token_file.is_some()
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(args: RunArgs, session: &Session) -> Outcome {
    let presented = match &args.workload_token_file {
        Some(file) => read_token(file)?,
        None => from_github(&args.audience.unwrap_or_else(|| session.client.base().as_str().trim_end_matches('/').to_owned())).await?,
    };
    let mut body = json!({"subject_token": presented});
    if let (Some(body), Some(pipeline)) = (body.as_object_mut(), args.pipeline) {
        body.insert("pipeline".to_owned(), json!(pipeline));
    }
    let answer = session.client.post(session.client.url(&["token-exchange"]), &body).await?;
    let secret = member(&answer.value, "/access_token")?;
    let note = format!("token {} for {} seconds", text(&answer.value, "/token_id"), text(&answer.value, "/expires_in"));
    match (&args.save, session.output.format()) {
        (Some(file), _) => {
            write_private(file, &secret)?;
            session.output.note(&format!("{note}, in `{}`", file.display()));
        }
        (None, Format::Json) => session.output.raw(&answer.text),
        (None, Format::Table) => {
            session.output.note(&note);
            session.output.raw(&secret);
        }
    }
    Ok(ExitCode::Done)
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: String| Failure::Usage(format!("cannot read the token in `{}`: {error}", file.display()));
    if std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len() > MAX_TOKEN_BYTES {
        return Err(unreadable("it is too large".to_owned()));
    }
    Ok(std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?.trim().to_owned())
}

/// A token of the job, from the service that GitHub's runner names.
async fn from_github(audience: &str) -> Result<String, Failure> {
    let missing = || Failure::Usage(format!("{GITHUB_URL} is not set: this is no job of GitHub Actions with the permission `id-token: write`"));
    let address = std::env::var(GITHUB_URL).map_err(|_| missing())?;
    let secret = std::env::var(GITHUB_TOKEN).map_err(|_| missing())?;
    let url = github_url(&address, audience)?;
    let failed = |error: reqwest::Error| Failure::Network(format!("GitHub gives no token: {}", error.without_url()));
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(std::time::Duration::from_secs(30));
    let answer = client.build().map_err(failed)?.get(url).bearer_auth(secret).send().await.map_err(failed)?;
    let answer: Value = answer.error_for_status().map_err(failed)?.json().await.map_err(failed)?;
    member(&answer, "/value")
}

fn github_url(address: &str, audience: &str) -> Result<Url, Failure> {
    let bad = || Failure::Usage(format!("{GITHUB_URL} is no https address"));
    let mut url = Url::parse(address).map_err(|_| bad())?;
    if url.scheme() != "https" && !is_this_machine(&url) {
        return Err(bad());
    }
    url.query_pairs_mut().append_pair("audience", audience);
    Ok(url)
}

/// Writes a file that only its owner reads; one that is there is replaced, never followed.
fn write_private(file: &Path, secret: &str) -> Result<(), Failure> {
    // Its folder must have a name.
    let file = Path::new(".").join(file);
    crate::keys::write_private(&file, secret.as_bytes()).map_err(|fault| Failure::Usage(crate::fault::chain(&fault)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_job_is_asked_for_over_https() {
        let url = github_url("https://vstoken.actions.example/token?api-version=2", "https://registry.example").unwrap();
        assert_eq!(url.query(), Some("api-version=2&audience=https%3A%2F%2Fregistry.example"));
        for bad in ["http://vstoken.actions.example", "file:///etc/passwd", "", "http://127.0.0.1.evil.example"] {
            assert!(github_url(bad, "a").is_err(), "{bad}");
        }
    }
}
