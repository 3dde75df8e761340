//! What is in these model files?
//!
//! [`inspect`] takes a package of files (a [`Folder`], or any [`Files`]) and says what it is: the format of every
//! file, what its MLmodel file claims, the environment it asks for, its signature, its framework. The answer is a
//! pure function of the bytes.
//!
//! INVARIANT: nothing is ever executed, imported or unpickled, and no input makes it panic, recurse without bound
//! or allocate more than its limits; they are the public constants of the modules. A file that cannot be read as
//! what it should be becomes a [`Problem`] with its name.

pub mod change;
pub mod environment;
pub mod files;
pub mod flavour;
pub mod folder;
pub mod format;
pub mod git;
pub mod mlmodel;
pub mod requirement;
pub mod safetensors;
pub mod signature;
mod text;
pub mod yaml;

pub use change::{Change, Reason, SignatureChange, signature_change};
pub use environment::{Environment, Unpinned};
pub use files::{FileEntry, Files, PathError, check_path};
pub use flavour::Framework;
pub use folder::{Folder, FolderError, Skipped};
pub use format::Format;
pub use git::{GitState, git_state};
pub use mlmodel::MlModel;
pub use requirement::{Package, Purpose};
pub use safetensors::SafetensorsSummary;
pub use signature::{Column, Signature};

use environment::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most problems that are listed; one more entry says that there are more.
pub const MAX_PROBLEMS: usize = 1_000;

/// Everything that the bytes say. Field names are stable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Every file with its format, in byte order of the path.
    pub files: Vec<FileInspection>,
    /// The MLmodel file, when there is one that can be read.
    pub mlmodel: Option<MlModel>,
    /// The packages and the Python that the model asks for, when a file says so.
    pub environment: Option<Environment>,
    /// `scikit-learn`, `xgboost`, `pytorch`, `transformers`, `onnx`, … or a flavor of the author's own.
    pub flavour: Option<String>,
    /// The software that loads the model.
    pub framework: Option<Framework>,
    /// What the model takes and gives.
    pub signature: Option<Signature>,
    /// One summary for each safetensors file.
    pub safetensors: Vec<SafetensorsSummary>,
    /// What is malformed, by file.
    pub problems: Vec<Problem>,
}

/// One file and its format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInspection {
    /// The path inside the package.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
    /// What its first bytes say it is.
    pub format: Format,
}

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The path inside the package.
    pub path: String,
    /// One line for the reader.
    pub message: String,
}

/// Says what is in the files. Never fails: what cannot be read is in [`Inspection::problems`].
#[must_use]
pub fn inspect(files: &dyn Files) -> Inspection {
    let mut inspection = Inspection::default();
    inspection.list(files);
    let base = inspection.read_mlmodel(files);
    inspection.read_environment(files, &base);
    inspection.read_safetensors(files);
    inspection.signature = inspection.mlmodel.as_ref().and_then(|mlmodel| mlmodel.signature.clone());
    (inspection.flavour, inspection.framework) = flavour::of(files, &inspection.files, inspection.mlmodel.as_ref(), inspection.environment.as_ref());
    inspection
}

impl Inspection {
    fn list(&mut self, files: &dyn Files) {
        let entries = files.list();
        if entries.len() > files::MAX_FILES {
            self.problem("", &format!("more than {} files; the rest is not inspected", files::MAX_FILES));
        }
        let mut seen = BTreeSet::new();
        for entry in entries.iter().take(files::MAX_FILES) {
            if let Err(error) = check_path(&entry.path) {
                self.problem(&entry.path, &error.to_string());
                continue;
            }
            if !seen.insert(entry.path.as_str()) {
                self.problem(&entry.path, "listed twice");
                continue;
            }
            let format = match files.read(&entry.path, format::SAMPLE_BYTES) {
                Ok(sample) => format::detect(&entry.path, &sample, entry.size),
                Err(error) => {
                    self.problem(&entry.path, &format!("cannot be read: {error}"));
                    Format::Unknown
                }
            };
            self.files.push(FileInspection { path: entry.path.clone(), size: entry.size, format });
        }
    }

    /// Reads the MLmodel file nearest to the top and gives its folder, with a `/` at the end unless it is the top.
    fn read_mlmodel(&mut self, files: &dyn Files) -> String {
        let mut found: Vec<(usize, String)> = self
            .files
            .iter()
            .filter_map(|file| Some((file.path.matches('/').count(), file.path.strip_suffix("MLmodel")?.to_owned())))
            .filter(|(_, base)| base.is_empty() || base.ends_with('/'))
            .collect();
        found.sort();
        let mut found = found.into_iter().map(|(_, base)| base);
        let Some(base) = found.next() else {
            return String::new();
        };
        for other in found {
            self.problem(&format!("{other}MLmodel"), "another MLmodel file, which is not read");
        }
        let path = format!("{base}MLmodel");
        match self.read_whole(files, &path, mlmodel::MAX_MLMODEL_BYTES).and_then(|bytes| MlModel::parse(&bytes)) {
            Ok((mlmodel, problem)) => {
                self.mlmodel = Some(mlmodel);
                if let Some(problem) = problem {
                    self.problem(&path, &problem);
                }
            }
            Err(error) => self.problem(&path, &error),
        }
        base
    }

    fn read_environment(&mut self, files: &dyn Files, base: &str) {
        let sources: Vec<(Kind, String)> = self.files.iter().filter_map(|file| Some((Kind::of(file.path.strip_prefix(base)?)?, file.path.clone()))).collect();
        let mut environment = Environment::default();
        let mut is_read = false;
        for (kind, path) in sources {
            let added = self.read_whole(files, &path, kind.max_bytes()).and_then(|bytes| environment.add_file(kind, &path, &bytes));
            match added {
                Ok(()) => is_read = true,
                Err(error) => {
                    // A file that cannot be read may ask for anything.
                    environment.unpinned.push(Unpinned { name: path.clone(), source: path.clone(), reason: "cannot be read".to_owned() });
                    self.problem(&path, &error);
                }
            }
        }
        environment.finish();
        self.environment = is_read.then_some(environment);
    }

    fn read_safetensors(&mut self, files: &dyn Files) {
        let found: Vec<(String, u64)> = self
            .files
            .iter()
            .filter(|file| file.format == Format::Safetensors || file.path.ends_with(".safetensors"))
            .map(|file| (file.path.clone(), file.size))
            .collect();
        for (path, size) in found {
            match safetensors::read(files, &path, size) {
                Ok(summary) => self.safetensors.push(summary),
                Err(error) => self.problem(&path, &error),
            }
        }
    }

    fn read_whole(&self, files: &dyn Files, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let bytes = files.read(path, limit + 1).map_err(|error| format!("cannot be read: {error}"))?;
        if bytes.len() as u64 > limit { Err(format!("larger than {limit} bytes")) } else { Ok(bytes) }
    }

    fn problem(&mut self, path: &str, message: &str) {
        let (path, message) = match self.problems.len() {
            ..MAX_PROBLEMS => (path, message),
            MAX_PROBLEMS => ("", "more problems, which are not listed"),
            _ => return,
        };
        self.problems.push(Problem { path: text::one_line(path), message: text::one_line(message) });
    }
}

#[cfg(test)]
mod tests;
