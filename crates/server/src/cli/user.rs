//! `chancery user`: people, pipelines and services, and their roles.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::output::{Format, items, text};
use super::session::{Session, member};
use super::token;

/// The subcommands of `user`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a user.
    #[command(after_help = "Example: chancery user create data-scientist --role contributor --token")]
    Create(CreateArgs),
    /// List users.
    #[command(after_help = "Example: chancery user list")]
    List,
    /// Replace the roles of a user.
    #[command(after_help = "Example: chancery user roles data-scientist --role contributor --role owner")]
    Roles {
        /// Name of the user.
        name: String,
        /// A role; repeat it for more.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Say what a person who leaves has in hand.
    #[command(after_help = "Example: chancery user offboarding data-scientist")]
    Offboarding {
        /// Name of the user.
        name: String,
    },
    /// Erase the name of a person whose access ended, and the private texts that the person wrote.
    #[command(after_help = "Example: chancery user erase data-scientist --yes")]
    Erase {
        /// Name of the user.
        name: String,
        /// Do it: nothing brings the name back.
        #[arg(long, required = true)]
        yes: bool,
    },
    /// End a person's password. The one-time secret, with which he sets another, goes alone to the standard output.
    #[command(after_help = "Example: chancery user reset-password data-scientist")]
    ResetPassword {
        /// Name of the person.
        name: String,
    },
    /// Let a person log in as somebody of the identity provider.
    #[command(after_help = "Example: chancery user bind data-scientist --subject 8f5c2a1e")]
    Bind {
        /// Name of the person.
        name: String,
        /// Who he is there: `sub` of his ID tokens, which a login that is refused shows him.
        #[arg(long)]
        subject: String,
    },
    /// End every login of a person by the identity provider.
    #[command(after_help = "Example: chancery user unbind data-scientist")]
    Unbind {
        /// Name of the person.
        name: String,
    },
    /// Deactivate a user and every token of that user.
    #[command(after_help = "Example: chancery user deactivate data-scientist")]
    Deactivate {
        /// Name of the user.
        name: String,
    },
}

/// Arguments of `user create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Name of the user.
    name: String,
    /// A role: viewer, contributor, owner, approver:NAME, deployer, incident, auditor, administrator. Repeat it for more.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// person, pipeline or service.
    #[arg(long, default_value = "person", value_parser = ["person", "pipeline", "service"])]
    kind: String,
    /// Name for readers.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Also create a token and print it. Only the token goes to the standard output.
    #[arg(long)]
    token: bool,
    /// How long the token is valid.
    #[arg(long, value_name = "DAYS", default_value_t = 90, requires = "token")]
    expires_in_days: u32,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Create(args) => return create(args, session).await,
        Command::List => {
            let answer = client.get(client.url(&["users"])).await?;
            session.output.page(&answer, &["name", "kind", "roles", "active", "display name", "id"], |item| {
                ["/name", "/kind", "/roles", "/active", "/display_name", "/id"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::Roles { name, roles } => {
            let answer = client.change(Method::PUT, client.url(&["users", &name, "roles"]), &json!({"roles": roles}), None).await?;
            session.output.receipt(&answer, &format!("roles of {name}: {}{}", roles.join(", "), super::grant::note(&name, &answer.value)));
        }
        Command::Offboarding { name } => {
            let answer = client.get(client.url(&["users", &name, "offboarding"])).await?;
            session.output.show(&answer, || offboarding(&answer.value));
        }
        Command::Erase { name, yes: _ } => {
            let answer = client.post(client.url(&["users", &name, "erase"]), &json!({})).await?;
            session.output.show(&answer, || erased(&answer.value));
        }
        Command::ResetPassword { name } => {
            let request = client.request(Method::POST, client.url(&["users", &name, "password-reset"]));
            let answer = client.answer_once(request).await?;
            match session.output.format() {
                Format::Json => session.output.raw(&answer.text),
                Format::Table => {
                    let until = text(&answer.value, "/until");
                    session.output.note(&format!("{name} sets a password with this until {until}: `chancery account password`, or the page /password"));
                    session.output.raw(&member(&answer.value, "/secret")?);
                }
            }
        }
        Command::Bind { name, subject } => {
            let answer = client.post(client.url(&["users", &name, "oidc"]), &json!({"subject": subject})).await?;
            session.output.receipt(&answer, &format!("{name} logs in with the identity provider"));
        }
        Command::Unbind { name } => {
            let answer = client.delete(client.url(&["users", &name, "oidc"])).await?;
            session.output.receipt(&answer, &format!("{name} no longer logs in with the identity provider"));
        }
        Command::Deactivate { name } => {
            let answer = client.delete(client.url(&["users", &name])).await?;
            session.output.receipt(&answer, &format!("{name} is deactivated"));
        }
    }
    Ok(ExitCode::Done)
}

/// What a person has in hand, kind by kind; kinds of which there is nothing are left out.
fn offboarding(value: &Value) -> Vec<String> {
    let sections = value.get("sections").map_or(&[][..], items);
    let mut lines = Vec::new();
    for section in sections.iter().filter(|section| section.pointer("/items/0").is_some()) {
        lines.push(format!("{} ({})", text(section, "/name").replace('_', " "), text(section, "/end")));
        for item in items(section) {
            let about = Some(text(item, "/about")).filter(|about| !about.is_empty()).map(|about| format!("  {about}")).unwrap_or_default();
            let until = if item.get("until").is_some_and(|until| !until.is_null()) { format!(", until {}", text(item, "/until")) } else { String::new() };
            lines.push(format!("  {}{about}{until}", text(item, "/reference")));
        }
        if text(section, "/more") == "true" {
            lines.push("  and more".to_owned());
        }
    }
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

/// What was erased and what stays.
fn erased(value: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "erased (entry {}): the name, {} private texts, and the addresses of {} lines of the access log",
        text(value, "/receipt/index"),
        text(value, "/texts"),
        text(value, "/access_log_lines")
    )];
    let remaining = value.get("remaining").map_or(&[][..], items);
    if !remaining.is_empty() {
        lines.push(format!("signed records that name the person {}:", text(value, "/remaining_until")));
    }
    lines.extend(remaining.iter().map(|record| {
        format!(
            "  {} {} of {}/{} (entry {})",
            text(record, "/kind"),
            text(record, "/digest"),
            text(record, "/model"),
            text(record, "/version"),
            text(record, "/index")
        )
    }));
    lines
}

async fn create(args: CreateArgs, session: &Session) -> Outcome {
    let mut body = json!({"name": args.name, "kind": args.kind, "roles": args.roles});
    if let (Some(body), Some(name)) = (body.as_object_mut(), args.display_name) {
        body.insert("display_name".to_owned(), json!(name));
    }
    let answer = session.client.post(session.client.url(&["users"]), &body).await?;
    if args.token {
        let waits = super::grant::note(&args.name, &answer.value);
        session.output.note(&format!("{} is created (entry {}){waits}", args.name, text(&answer.value, "/index")));
        return token::create(session, &args.name, args.expires_in_days).await;
    }
    session.output.receipt(&answer, &format!("{} is created{}", args.name, super::grant::note(&args.name, &answer.value)));
    Ok(ExitCode::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_an_offboarding_has_no_gaps() {
        let section = json!({"name": "tokens", "end": "end with the access", "more": false, "items": [
            {"reference": "t9dc", "about": "", "until": "2026-12-01"}, {"reference": "loan", "about": "as owner", "until": null}]});
        let expected = ["tokens (end with the access)", "  t9dc, until 2026-12-01", "  loan  as owner"];
        assert_eq!(offboarding(&json!({"sections": [section]})), expected);
    }
}
