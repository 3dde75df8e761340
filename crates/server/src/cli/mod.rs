//! The `chancery` command line: one file for each subcommand, its arguments beside its `run`.
//!
//! Commands that talk to the server get a [`session::Session`]; their results go through [`output::Output`], their
//! failures are [`failure::Failure`] and end in one [`exit::ExitCode`].

pub mod access_log;
pub mod access_policy;
pub mod alias;
pub mod approval_signature;
pub mod attestation;
pub mod bundle;
pub mod can_i;
pub mod check;
pub mod client;
pub mod completions;
pub mod connection;
pub mod delegation;
pub mod demote;
pub mod deprecate;
pub mod doctor;
pub mod document;
pub mod download;
pub mod emergency;
pub mod end_of_life;
pub mod evidence;
pub mod evidence_sign;
pub mod exception;
pub mod exit;
pub mod facts;
pub mod failure;
pub mod finding;
pub mod grant;
pub mod group;
pub mod hashing;
pub mod hide;
pub mod history;
pub mod inspect;
pub mod jobs;
pub mod key;
pub mod ledger;
pub mod lineage;
pub mod login;
pub mod login_run;
pub mod model;
pub mod output;
pub mod pipeline;
pub mod policy;
pub mod promote;
pub mod promotion;
pub mod promotion_view;
pub mod reference;
pub mod register;
pub mod reinstate;
pub mod retire;
pub mod review;
pub mod risk;
pub mod rollback;
pub mod serve;
pub mod session;
pub mod summary;
pub mod system;
pub mod tag;
pub mod team;
pub mod template;
pub mod tier_proposal;
pub mod token;
pub mod trace;
pub mod transfer;
pub mod transition;
pub mod upload;
pub mod user;
pub mod version;

use std::io::Write as _;

use clap::{Parser, Subcommand};

use connection::Connection;
use exit::ExitCode;
use failure::Failure;
use output::{Format, printable};
use session::Session;

/// What every command gives.
pub type Outcome = Result<ExitCode, Failure>;

/// A registry for AI models with a ledger that proves what happened.
#[derive(Debug, Parser)]
#[command(name = "chancery", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    connection: Connection,
    /// Tables for people, or the server's JSON for programs.
    #[arg(long, global = true, value_enum, default_value = "table", help_heading = "Output")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused by the rules, 2 wrong usage, 3 gate not passed or promotion waits,
4 not found, 5 verification failed, 6 server or network fault.

A version is named by `name/3`, `name@1.4.0`, `name@champion`, `name` (the newest), `models:/name/3` or its composite id.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    #[command(after_help = "Example: chancery serve --data chancery-data --listen 127.0.0.1:8080")]
    Serve(crate::serve::ServeArgs),
    /// Bring the database up to this program; `serve` does it too.
    #[command(after_help = "Example: chancery migrate --data chancery-data")]
    Migrate(serve::MigrateArgs),
    /// Create, show and change models.
    #[command(subcommand)]
    Model(model::Command),
    /// Create and list AI systems.
    #[command(subcommand)]
    System(system::Command),
    /// Upload a folder and register it as a new version; or register what a system is made of.
    Register(register::Args),
    /// Show, compare, download and verify versions.
    #[command(subcommand)]
    Version(version::Command),
    /// Add, list and check evidence about a version.
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Ask whether a version may move to a state, and what is missing.
    Check(check::Args),
    /// Open a promotion, or execute it when nothing is missing.
    Promote(promote::Args),
    /// Look at promotions and decide about them.
    #[command(subcommand)]
    Promotion(promotion::Command),
    /// Ask for, grant and revoke waivers of rules.
    #[command(subcommand)]
    Exception(exception::Command),
    /// Let somebody stand in for your role of approval.
    #[command(subcommand)]
    Delegation(delegation::Command),
    /// Put an earlier release back into production.
    Rollback(rollback::Args),
    /// Move a version to a lower state.
    Demote(demote::Args),
    /// Say that a version is replaced.
    Deprecate(deprecate::Args),
    /// End a version: nothing serves it any more.
    Retire(retire::Args),
    /// Bring a deprecated version back as a draft or candidate.
    Reinstate(reinstate::Args),
    /// Take a version out of listings.
    Hide(hide::Args),
    /// Move, remove and show aliases.
    #[command(subcommand)]
    Alias(alias::Command),
    /// Set and remove tags of models and versions.
    #[command(subcommand)]
    Tag(tag::Command),
    /// Templates of written documents.
    #[command(subcommand)]
    Template(template::Command),
    /// List versions that are replaced, and until when they may be used.
    EndOfLife(end_of_life::Args),
    /// Keep the risk register.
    #[command(subcommand)]
    Risk(risk::Command),
    /// Schedule reviews, list those that are owed, and say that one is done.
    #[command(subcommand)]
    Review(review::Command),
    /// List what the scheduled checks found.
    #[command(subcommand)]
    Finding(finding::Command),
    /// Run the scheduled checks.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Show what happened to a model or version.
    History(history::Args),
    /// Expand a composite id to code, data, evidence, approvals and decisions.
    Trace(trace::Args),
    /// Show what a version comes from, what comes from it, and who used what.
    #[command(after_help = "Example: chancery lineage loan-approval/3 --up")]
    Lineage(lineage::LineageArgs),
    /// Create users and give them roles.
    #[command(subcommand)]
    User(user::Command),
    /// Roles that wait for a second administrator.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Create teams, say who is in them, and dissolve them.
    #[command(subcommand)]
    Team(team::Command),
    /// Show and verify who logged in, downloaded and exported.
    #[command(subcommand)]
    AccessLog(access_log::Command),
    /// Say by which tokens of their CI systems pipelines are known.
    #[command(subcommand)]
    Pipeline(pipeline::Command),
    /// Issue, list, rotate and revoke tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Say who may do what beyond the roles.
    #[command(subcommand)]
    AccessPolicy(access_policy::Command),
    /// Ask whether you, or somebody else, may do something, and which policy decides.
    CanI(can_i::Args),
    /// Say what groups of the identity provider give.
    #[command(subcommand)]
    Group(group::Command),
    /// Log in with your password; the commands that follow are yours for half a day.
    Login(login::Args),
    /// End the login of this machine.
    #[command(after_help = "Example: chancery logout")]
    Logout,
    /// Your password and your sessions.
    #[command(subcommand)]
    Account(login::Command),
    /// Register and remove public keys, with which approvals and evidence are signed.
    #[command(subcommand)]
    Key(key::Command),
    /// Show and revoke what machines are told of a version.
    #[command(subcommand)]
    Attestation(attestation::Command),
    /// Show and test the rules.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Prove, verify, rebuild and export the ledger.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Say what is in model files, without the server and without running anything.
    Inspect(inspect::Args),
    /// Print completions for a shell.
    Completions(completions::Args),
    /// Say what is wrong with the connection, the token, the clock or the server.
    Doctor(doctor::Args),
}

/// Runs one command, tells the result and gives the exit code.
pub async fn run(cli: Cli) -> ExitCode {
    let format = cli.output;
    match dispatch(cli).await {
        Ok(code) => code,
        Err(failure) => {
            tell(&failure, format);
            failure.exit_code()
        }
    }
}

async fn dispatch(cli: Cli) -> Outcome {
    let session = || Session::open(&cli.connection, cli.output);
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Migrate(args) => serve::migrate(args).await,
        Command::Model(command) => model::run(command, &session()?).await,
        Command::System(command) => system::run(command, &session()?).await,
        Command::Register(args) => register::run(args, &session()?).await,
        Command::Version(command) => version::run(command, &session()?).await,
        Command::Evidence(command) => match evidence::run_here(&command, cli.output) {
            Some(outcome) => outcome,
            None => evidence::run(command, &session()?).await,
        },
        Command::Check(args) => check::run(args, &session()?).await,
        Command::Promote(args) => promote::run(args, &session()?).await,
        Command::Promotion(command) => promotion::run(command, &session()?).await,
        Command::Exception(command) => exception::run(command, &session()?).await,
        Command::Delegation(command) => delegation::run(command, &session()?).await,
        Command::Rollback(args) => rollback::run(args, &session()?).await,
        Command::Demote(args) => demote::run(args, &session()?).await,
        Command::Deprecate(args) => deprecate::run(args, &session()?).await,
        Command::Retire(args) => retire::run(args, &session()?).await,
        Command::Reinstate(args) => reinstate::run(args, &session()?).await,
        Command::Hide(args) => hide::run(args, &session()?).await,
        Command::Alias(command) => alias::run(command, &session()?).await,
        Command::Tag(command) => tag::run(command, &session()?).await,
        Command::Template(command) => match template::run_here(&command, cli.output) {
            Some(outcome) => outcome,
            None => template::run(command, &session()?).await,
        },
        Command::EndOfLife(args) => end_of_life::run(args, &session()?).await,
        Command::Risk(command) => risk::run(command, &session()?).await,
        Command::Review(command) => review::run(command, &session()?).await,
        Command::Finding(command) => finding::run(command, &session()?).await,
        Command::Jobs(command) => jobs::run(command, &session()?).await,
        Command::History(args) => history::run(args, &session()?).await,
        Command::Trace(args) => trace::run(args, &session()?).await,
        Command::Lineage(args) => lineage::run(args, &session()?).await,
        Command::User(command) => user::run(command, &session()?).await,
        Command::Pipeline(command) => pipeline::run(command, &session()?).await,
        Command::Grant(command) => grant::run(command, &session()?).await,
        Command::Team(command) => team::run(command, &session()?).await,
        Command::AccessLog(command) => access_log::run(command, &session()?).await,
        Command::Token(command) => token::run(command, &session()?).await,
        Command::AccessPolicy(command) => access_policy::run(command, &session()?).await,
        Command::CanI(args) => can_i::run(args, &session()?).await,
        Command::Group(command) => group::run(command, &session()?).await,
        Command::Login(args) => login::login(args, &session()?).await,
        Command::Logout => login::logout(&session()?).await,
        Command::Account(command) => login::account(command, &session()?).await,
        Command::Key(command) => match key::run_on_data(&command).await {
            Some(outcome) => outcome,
            None => key::run(command, &session()?).await,
        },
        Command::Attestation(command) => attestation::run(command, &session()?).await,
        Command::Policy(command) => policy::run(command, &session()?).await,
        Command::Ledger(command) => match ledger::run_on_data(&command, cli.output).await {
            Some(outcome) => outcome,
            None => ledger::run(command, &session()?).await,
        },
        Command::Inspect(args) => inspect::run(&args, cli.output),
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Doctor(args) => doctor::run(args, &session()?).await,
    }
}

/// Tells a failure: JSON on the standard output for programs, lines on the standard error for people.
fn tell(failure: &Failure, format: Format) {
    let told = match format {
        Format::Json => writeln!(std::io::stdout(), "{}", failure.json().trim_end()),
        Format::Table => failure.lines().iter().try_for_each(|line| writeln!(std::io::stderr(), "{}", printable(line))),
    };
    // Nobody reads: the exit code still says it.
    let _ = told;
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod command_line_tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_and_none_takes_a_token() {
        let mut open = vec![Cli::command()];
        while let Some(command) = open.pop() {
            assert!(command.get_arguments().all(|argument| argument.get_id() != "token" || !argument.get_action().takes_values()), "{}", command.get_name());
            let is_leaf = command.get_subcommands().next().is_none();
            if is_leaf {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.starts_with("Example: chancery "), "{}: {help}", command.get_name());
                // The example is a command line that is accepted.
                let line = help.trim_start_matches("Example: ").lines().next().unwrap();
                Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
            open.extend(command.get_subcommands().cloned());
        }
    }

    /// Splits at spaces outside of double quotes.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('"').enumerate();
        parts.flat_map(|(at, part)| if at % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }).collect()
    }
}
