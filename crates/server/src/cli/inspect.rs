//! `chancery inspect`: says what is in model files, on this machine, without running anything.

use std::path::PathBuf;

use chancery_inspect::{Folder, Inspection};
use serde_json::Value;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{Format, Output, fields, items, text};

/// Arguments of `inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery inspect ./model --output json")]
pub struct Args {
    /// A folder or a file.
    path: PathBuf,
}

/// Runs `inspect`.
///
/// # Errors
/// [`Failure`] when the path cannot be read.
pub fn run(args: &Args, format: Format) -> Outcome {
    let folder = Folder::open(&args.path).map_err(|error| Failure::Usage(error.to_string()))?;
    let inspection = chancery_inspect::inspect(&folder);
    let output = Output::new(format);
    match format {
        Format::Json => output.raw(&serde_json::to_string_pretty(&inspection).map_err(|error| Failure::Usage(error.to_string()))?),
        Format::Table => lines(&inspection, output).iter().for_each(|line| output.line(line)),
    }
    Ok(ExitCode::Done)
}

fn lines(inspection: &Inspection, output: Output) -> Vec<String> {
    let value = serde_json::to_value(inspection).unwrap_or_default();
    let files = value.get("files").map_or(&[][..], |list| items(list));
    let row = |file: &Value| vec![text(file, "/path"), text(file, "/size"), text(file, "/format")];
    let mut lines = vec![output.table(&["path", "size", "format"], &files.iter().map(row).collect::<Vec<_>>())];
    lines.extend(fields(
        &value,
        &[
            ("flavour", "/flavour"),
            ("framework", "/framework/name"),
            ("framework version", "/framework/version"),
            ("python", "/environment/python_version"),
            ("pinned", "/environment/pinned"),
        ],
    ));
    let unpinned = inspection.environment.iter().flat_map(|environment| &environment.unpinned);
    lines.extend(unpinned.map(|package| format!("not pinned: {} in {}: {}", package.name, package.source, package.reason)));
    if let Some(signature) = &inspection.signature {
        for (word, columns) in [("input", &signature.inputs), ("output", &signature.outputs), ("parameter", &signature.params)] {
            lines.extend(columns.iter().map(|column| format!("{word}: {} ({})", column.name.as_deref().unwrap_or("-"), column.data_type)));
        }
    }
    lines.extend(inspection.problems.iter().map(|problem| format!("problem: {}: {}", problem.path, problem.message)));
    lines
}
