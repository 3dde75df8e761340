//! `chancery history`: what happened to a model or version, newest first.

use super::Outcome;
use super::exit::ExitCode;
use super::output::text;
use super::reference::Target;
use super::session::Session;

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery history loan-approval/3 --as-of 2026-11-01T00:00:00Z")]
pub struct Args {
    /// A model (`name`) or a version (`name/3`).
    target: Target,
    /// Only what had happened by then: an entry index or an RFC 3339 time.
    #[arg(long, value_name = "WHEN")]
    as_of: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Which part of a list.
#[derive(Clone, Debug, clap::Args)]
pub struct Page {
    /// Most items, 1 to 500.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u16>,
    /// Go on after this place, as an earlier page printed it.
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
}

impl Page {
    /// Adds the part to an address.
    pub fn add_to(&self, url: &mut reqwest::Url) {
        add(url, &[("limit", self.limit.map(|limit| limit.to_string()).as_deref()), ("after", self.after.as_deref())]);
    }
}

/// Adds the query parameters that have a value.
pub fn add(url: &mut reqwest::Url, parameters: &[(&str, Option<&str>)]) {
    for (name, value) in parameters {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
}

/// Runs `history`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let mut url = match &args.target {
        Target::Model(name) => session.client.url(&["models", name, "history"]),
        Target::Version(reference) => {
            let (name, number) = session.locate(reference).await?;
            session.client.url(&["models", &name, "versions", &number, "history"])
        }
    };
    add(&mut url, &[("as_of", args.as_of.as_deref())]);
    args.page.add_to(&mut url);
    let answer = session.client.get(url).await?;
    session.output.page(&answer, &["entry", "at", "who", "door", "what", "data", "reason"], |item| {
        let who = if item.get("actor_name").is_some_and(|name| !name.is_null()) { "/actor_name" } else { "/actor" };
        let mut cells: Vec<String> = ["/index", "/at", who, "/door", "/kind"].iter().map(|pointer| text(item, pointer)).collect();
        cells.push(brief(&text(item, "/data")));
        cells.push(brief(&text(item, "/reason")));
        cells
    });
    Ok(ExitCode::Done)
}

/// At most 100 characters: the whole is in `--output json`.
fn brief(text: &str) -> String {
    if text.chars().count() > 100 { text.chars().take(99).chain(['…']).collect() } else { text.to_owned() }
}
