//! `chancery history`: what happened to a model or version, newest first.

use serde_json::Value;

use super::Outcome;
use super::exit::ExitCode;
use super::output::{items, text};
use super::reference::Target;
use super::session::Session;
use crate::sentence::sentence;

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery history loan-approval/3 --as-of 2026-11-01T00:00:00Z")]
pub struct Args {
    /// A model (`name`) or a version (`name/3`).
    target: Target,
    /// Only what had happened by then: an entry index or an RFC 3339 time.
    #[arg(long, value_name = "WHEN")]
    as_of: Option<String>,
    /// Also show the raw data of each entry.
    #[arg(long)]
    data: bool,
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
    let head: &[&str] = if args.data { &["entry", "at", "what happened", "door", "kind", "data"] } else { &["entry", "at", "what happened"] };
    session.output.page(&answer, head, |item| {
        let mut cells = vec![text(item, "/index"), text(item, "/at"), sentence(item)];
        if args.data {
            cells.extend(["/door", "/kind", "/data"].iter().map(|pointer| text(item, pointer)));
        }
        cells
    });
    Ok(ExitCode::Done)
}

/// The newest entries about a model, or one of its versions, for names and moments beside a result; nothing when they cannot be had.
pub async fn entries(session: &Session, name: &str, number: Option<&str>) -> Vec<Value> {
    let mut segments = vec!["models", name];
    segments.extend(number.into_iter().flat_map(|number| ["versions", number]));
    segments.push("history");
    let mut url = session.client.url(&segments);
    add(&mut url, &[("limit", Some("500"))]);
    session.client.get(url).await.map(|answer| items(&answer.value).to_vec()).unwrap_or_default()
}
