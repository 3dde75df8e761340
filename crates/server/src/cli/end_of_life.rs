//! `chancery end-of-life`: versions that are replaced, and until when they may be used.

use super::Outcome;
use super::exit::ExitCode;
use super::history::{Page, add};
use super::output::text;
use super::session::Session;

/// Arguments of `end-of-life`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery end-of-life --model loan-approval")]
pub struct Args {
    /// Only versions of this model.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Runs `end-of-life`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let mut url = session.client.url(&["end-of-life"]);
    add(&mut url, &[("model", args.model.as_deref())]);
    args.page.add_to(&mut url);
    let answer = session.client.get(url).await?;
    session.output.page(&answer, &["model", "version", "semver", "successor", "sunset", "days left", "still named by"], |item| {
        ["/model/name", "/number", "/semver", "/successor", "/sunset", "/days_left", "/aliases"].iter().map(|pointer| text(item, pointer)).collect()
    });
    Ok(ExitCode::Done)
}
