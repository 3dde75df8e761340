//! The software environment that a model asks for, and whether it is pinned.

use crate::requirement::{Package, Purpose, Requirement, parse_conda, parse_pip};
use crate::text::{decode, one_line};
use crate::yaml;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Largest requirements file that is read, in bytes.
pub const MAX_REQUIREMENTS_BYTES: u64 = 4 * 1024 * 1024;
/// Most lines in a requirements file, and most entries in a YAML list of packages.
pub const MAX_REQUIREMENTS_LINES: usize = 10_000;

/// The packages and the Python that a model asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Every package from every file, in file order; the same package can come from several files.
    pub packages: Vec<Package>,
    /// Python, such as `3.11.7`.
    pub python_version: Option<String>,
    /// Whether every package that the model runs with has one version, or a full commit or hash, and no two
    /// files disagree. Packages that only install the others do not count.
    pub pinned: bool,
    /// What keeps it from being pinned.
    pub unpinned: Vec<Unpinned>,
}

/// A package that is not pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpinned {
    /// The package, or what the line says when that names none.
    pub name: String,
    /// The file that asks for it.
    pub source: String,
    /// Why one version does not follow from it.
    pub reason: String,
}

/// What one file of the environment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Requirements,
    Conda,
    PythonEnv,
}

impl Kind {
    /// The file names that are read, beside the MLmodel file or at the top.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "requirements.txt" => Some(Self::Requirements),
            "conda.yaml" | "conda.yml" | "environment.yml" | "environment.yaml" => Some(Self::Conda),
            "python_env.yaml" => Some(Self::PythonEnv),
            _ => None,
        }
    }

    pub(crate) fn max_bytes(self) -> u64 {
        match self {
            Self::Requirements => MAX_REQUIREMENTS_BYTES,
            Self::Conda | Self::PythonEnv => yaml::MAX_YAML_BYTES,
        }
    }
}

#[derive(Deserialize)]
struct CondaFile {
    #[serde(default)]
    dependencies: Vec<Value>,
}

#[derive(Deserialize)]
struct PythonEnvFile {
    #[serde(default)]
    python: Option<String>,
    #[serde(default)]
    build_dependencies: Vec<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Environment {
    /// Adds what one file asks for; nothing is added when it is malformed.
    pub(crate) fn add_file(&mut self, kind: Kind, source: &str, bytes: &[u8]) -> Result<(), String> {
        match kind {
            Kind::Requirements => self.add_requirements(source, bytes),
            Kind::Conda => self.add_conda(source, bytes),
            Kind::PythonEnv => self.add_python_env(source, bytes),
        }
    }

    /// Judges the whole, after the last file.
    pub(crate) fn finish(&mut self) {
        self.find_conflicts();
        self.pinned = self.unpinned.is_empty() && self.packages.iter().any(|package| package.purpose == Purpose::Run);
    }

    /// One file may pin two versions of a package, each for another Python; another file has to name one of them.
    fn find_conflicts(&mut self) {
        let pinned: Vec<(&Package, &String)> = self
            .packages
            .iter()
            .filter(|package| package.purpose == Purpose::Run)
            .filter_map(|package| Some((package, package.pinned_version.as_ref()?)))
            .collect();
        let mut first: BTreeMap<&str, (&Package, &String)> = BTreeMap::new();
        let mut of_first = BTreeSet::new();
        for (package, version) in &pinned {
            let (first, first_version) = first.entry(&package.name).or_insert((package, version));
            if first.source == package.source {
                of_first.insert((&package.name, *version));
            } else if !of_first.contains(&(&package.name, *version)) {
                self.unpinned.push(Unpinned {
                    name: package.name.clone(),
                    source: package.source.clone(),
                    reason: format!("is {version} here and {first_version} in `{}`", first.source),
                });
            }
        }
    }

    fn add_requirements(&mut self, source: &str, bytes: &[u8]) -> Result<(), String> {
        let text = decode(bytes)?;
        if text.lines().count() > MAX_REQUIREMENTS_LINES {
            return Err(format!("more than {MAX_REQUIREMENTS_LINES} lines"));
        }
        for line in logical_lines(text) {
            if let Some(requirement) = parse_pip(&line) {
                self.add(requirement, source, Purpose::Run);
            }
        }
        Ok(())
    }

    fn add_conda(&mut self, source: &str, bytes: &[u8]) -> Result<(), String> {
        let file: CondaFile = yaml::parse(bytes)?;
        let mut texts = Vec::new();
        let mut pip = Vec::new();
        for dependency in &file.dependencies {
            match dependency {
                Value::String(text) => texts.push(text.as_str()),
                Value::Object(map) => match (map.len(), map.get("pip").and_then(Value::as_array)) {
                    (1, Some(lines)) => pip.extend(lines),
                    _ => return Err("a dependency is neither text nor a `pip` list".to_owned()),
                },
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                    return Err("a dependency is neither text nor a `pip` list".to_owned());
                }
            }
        }
        let pip: Vec<&str> = pip.into_iter().map(|line| line.as_str().ok_or("a `pip` entry is not text")).collect::<Result<_, _>>()?;
        limit(texts.len() + pip.len())?;
        for text in texts {
            let requirement = parse_conda(text);
            match (requirement.name.as_str(), exact_python(&requirement.specifier)) {
                ("python", Some(version)) => self.set_python(version),
                (name, _) if is_installer(name) => self.add(requirement, source, Purpose::Install),
                (_, _) => self.add(requirement, source, Purpose::Run),
            }
        }
        for requirement in pip.into_iter().filter_map(|line| parse_pip(line.trim())) {
            self.add(requirement, source, Purpose::Run);
        }
        Ok(())
    }

    fn add_python_env(&mut self, source: &str, bytes: &[u8]) -> Result<(), String> {
        let file: PythonEnvFile = yaml::parse(bytes)?;
        limit(file.build_dependencies.len() + file.dependencies.len())?;
        if let Some(python) = &file.python {
            self.set_python(python);
        }
        for requirement in file.build_dependencies.iter().filter_map(|line| parse_pip(line.trim())) {
            self.add(requirement, source, Purpose::Install);
        }
        // MLflow always writes this reference, and the file beside it is read on its own.
        for line in file.dependencies.iter().filter(|line| line.trim() != "-r requirements.txt") {
            if let Some(requirement) = parse_pip(line.trim()) {
                self.add(requirement, source, Purpose::Run);
            }
        }
        Ok(())
    }

    fn set_python(&mut self, version: &str) {
        if self.python_version.is_none() && !version.is_empty() {
            self.python_version = Some(one_line(version));
        }
    }

    fn add(&mut self, requirement: Requirement, source: &str, purpose: Purpose) {
        if let (Some(reason), Purpose::Run) = (requirement.unpinned, purpose) {
            let name = if requirement.name.is_empty() { &requirement.specifier } else { &requirement.name };
            self.unpinned.push(Unpinned { name: name.clone(), source: source.to_owned(), reason });
        }
        self.packages.push(Package {
            name: requirement.name,
            specifier: requirement.specifier,
            pinned_version: requirement.pinned_version,
            source: source.to_owned(),
            purpose,
        });
    }
}

fn limit(entries: usize) -> Result<(), String> {
    if entries > MAX_REQUIREMENTS_LINES { Err(format!("more than {MAX_REQUIREMENTS_LINES} packages")) } else { Ok(()) }
}

/// MLflow writes `python=3.11.7`, where conda's single `=` with three numbers leaves no choice.
fn exact_python(specifier: &str) -> Option<&str> {
    let version = specifier.strip_prefix("==").or_else(|| specifier.strip_prefix('='))?;
    let version = version.split('=').next()?;
    (!version.is_empty() && !version.contains([',', '*'])).then_some(version)
}

fn is_installer(name: &str) -> bool {
    matches!(name, "pip" | "setuptools" | "wheel")
}

/// Joins lines that end in `\`, drops comments and empty lines.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        let continues = line.strip_suffix('\\');
        let part = continues.unwrap_or(line);
        let part = if part.trim_start().starts_with('#') { "" } else { part.split(" #").next().unwrap_or(part) };
        current.push_str(part);
        if continues.is_none() {
            lines.push(std::mem::take(&mut current));
        }
    }
    lines.push(current);
    lines.into_iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environment(files: &[(&str, &[u8])]) -> Environment {
        let mut environment = Environment::default();
        for (name, bytes) in files {
            environment.add_file(Kind::of(name).unwrap(), name, bytes).unwrap();
        }
        environment.finish();
        environment
    }

    #[test]
    fn the_files_of_mlflow_are_pinned() {
        let environment = environment(&[
            ("conda.yaml", include_bytes!("../tests/fixtures/conda.yaml")),
            ("python_env.yaml", include_bytes!("../tests/fixtures/python_env.yaml")),
            ("requirements.txt", include_bytes!("../tests/fixtures/requirements.txt")),
        ]);
        assert_eq!(environment.python_version.as_deref(), Some("3.11.7"));
        assert_eq!(environment.unpinned, []);
        assert!(environment.pinned);
        let of = |name: &str| environment.packages.iter().filter(|package| package.name == name).collect::<Vec<_>>();
        assert_eq!(of("scikit-learn").len(), 2);
        assert_eq!(of("scikit-learn")[0].pinned_version.as_deref(), Some("1.9.1"));
        assert!(of("wheel").iter().all(|package| package.purpose == Purpose::Install));
    }

    #[test]
    fn pinned_means_one_version_for_everything() {
        for (text, pinned, reasons) in [
            ("numpy==1.26.4\n# comment\n\npandas==2.2.2 # why\n", true, 0),
            ("numpy==1.26.4 \\\n    --hash=sha256:aa\n", true, 0),
            ("numpy==1.26.4\npandas>=2\nscipy\n", false, 2),
            ("--index-url https://u:p@host\nnumpy==1\n", true, 0),
            ("numpy==1; python_version < '3.12'\nnumpy==2; python_version >= '3.12'\n", true, 0),
            ("setuptools\n", false, 1),
            ("", false, 0),
        ] {
            let environment = environment(&[("requirements.txt", text.as_bytes())]);
            assert_eq!((environment.pinned, environment.unpinned.len()), (pinned, reasons), "{text}");
            assert!(!format!("{environment:?}").contains("u:p"), "{text}");
        }
        let conflict = environment(&[("conda.yaml", b"dependencies: [python=3.10, {pip: [numpy==1]}]"), ("requirements.txt", b"numpy==2")]);
        assert_eq!(conflict.python_version.as_deref(), Some("3.10"));
        assert_eq!(conflict.unpinned[0].reason, "is 2 here and 1 in `conda.yaml`");
    }

    #[test]
    fn malformed_files_are_refused() {
        let lines = "a==1\n".repeat(MAX_REQUIREMENTS_LINES + 1);
        let entries = format!("dependencies: [{}]", "a,".repeat(MAX_REQUIREMENTS_LINES + 1));
        for (name, bytes) in [
            ("requirements.txt", b"\xff".as_slice()),
            ("requirements.txt", lines.as_bytes()),
            ("conda.yaml", entries.as_bytes()),
            ("conda.yaml", b"dependencies: [1]"),
            ("conda.yaml", b"dependencies: [{pip: [[1]]}]"),
            ("conda.yaml", b"dependencies: [!!python/name:os.system a]"),
            ("python_env.yaml", b"python: [3]"),
        ] {
            let result = Environment::default().add_file(Kind::of(name).unwrap(), name, bytes);
            assert!(result.is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for kind in [Kind::Requirements, Kind::Conda, Kind::PythonEnv] {
                let mut environment = Environment::default();
                let _ = environment.add_file(kind, "x", &bytes);
                environment.finish();
            }
        }
    }
}
