//! One line of a requirements file: pip's (PEP 508) and conda's.
//!
//! INVARIANT: user names and passwords inside URLs never reach the result.

use crate::text::{normalise_package, one_line};
use serde::{Deserialize, Serialize};

/// One required package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The name as PEP 503 compares it; empty when a URL or path does not say.
    pub name: String,
    /// What is asked for: `==1.9.1`, `>=2,<3`, a URL without credentials, or nothing.
    pub specifier: String,
    /// The one version that satisfies it, when there is only one.
    pub pinned_version: Option<String>,
    /// The file that says so.
    pub source: String,
    /// What the package is for.
    pub purpose: Purpose,
}

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The model runs with it.
    Run,
    /// It only installs the others: pip, setuptools and wheel as MLflow lists them for the builder.
    Install,
}

/// A parsed line: the package, and why it is not pinned, when it is not.
pub(crate) struct Requirement {
    pub(crate) name: String,
    pub(crate) specifier: String,
    pub(crate) pinned_version: Option<String>,
    pub(crate) unpinned: Option<String>,
}

/// One logical line of requirements.txt. None for options that ask for no package.
pub(crate) fn parse_pip(line: &str) -> Option<Requirement> {
    if let Some(option) = line.strip_prefix('-') {
        return parse_option(option);
    }
    let has_hash = line.contains("--hash=sha256:") || line.contains("--hash=sha384:") || line.contains("--hash=sha512:");
    let line = line.split(" --").next().unwrap_or(line).trim();
    if let Some((name, url)) = line.split_once(" @ ") {
        return Some(from_url(name, without_marker(url), has_hash));
    }
    if line.contains("://") {
        return Some(from_url("", without_marker(line), has_hash));
    }
    let line = line.split(';').next().unwrap_or(line).trim();
    if line.contains('/') || line.contains('\\') || line.ends_with(".whl") || line.ends_with(".tar.gz") {
        return Some(unpinned("", line, "is a local path, not a version".to_owned()));
    }
    let end = line.find(|c: char| "[=<>!~ (".contains(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start();
    let specifier = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, specifier)| specifier),
        None => rest,
    };
    Some(from_specifier(name, &specifier.replace([' ', '(', ')'], "")))
}

/// One text of conda.yaml's `dependencies`: `name`, `name=1.2`, `name==1.2`, `name=1.2=build`, `name>=1`.
pub(crate) fn parse_conda(text: &str) -> Requirement {
    // `channel::name=…`
    let text = text.rsplit("::").next().unwrap_or(text).trim();
    let end = text.find(|c: char| "=<>!~ [".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let specifier = rest.replace(' ', "");
    let Some(version) = specifier.strip_prefix('=').filter(|rest| !rest.starts_with('=')) else {
        return from_specifier(name, &specifier);
    };
    match version.split_once('=') {
        Some((version, build)) if !build.is_empty() && !build.contains('*') && is_exact(version) => pinned(name, &specifier, version),
        Some(_) | None => unpinned(name, &specifier, "conda's single `=` takes every version that begins so; use `==`".to_owned()),
    }
}

/// `-e`, `-r`, `-c` ask for something; index and format options do not.
fn parse_option(option: &str) -> Option<Requirement> {
    let option = option.trim_start_matches('-');
    let (name, value) = option.split_once([' ', '=']).unwrap_or_else(|| option.split_at_checked(1).unwrap_or((option, "")));
    let value = value.trim();
    match name {
        "e" | "editable" if value.contains("://") => Some(from_url("", without_marker(value), false)),
        "e" | "editable" => Some(unpinned("", value, "is an editable local path".to_owned())),
        "r" | "requirement" => Some(unpinned("", value, "is another requirements file, which is not read".to_owned())),
        // Constraints, indexes, formats: they ask for no package.
        _ => None,
    }
}

fn from_specifier(name: &str, specifier: &str) -> Requirement {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return unpinned("", &format!("{name}{specifier}"), "is not a requirement".to_owned());
    }
    let exact = specifier.split(',').find_map(|clause| {
        let version = clause.strip_prefix("===").or_else(|| clause.strip_prefix("=="))?;
        is_exact(version).then_some(version)
    });
    match exact {
        Some(version) => pinned(name, specifier, version),
        None if specifier.is_empty() => unpinned(name, "", "has no version".to_owned()),
        None => unpinned(name, specifier, format!("`{specifier}` takes more than one version")),
    }
}

fn is_exact(version: &str) -> bool {
    !version.is_empty() && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '!' | '-' | '_'))
}

fn from_url(name: &str, url: &str, has_hash: bool) -> Requirement {
    let (address, fragment) = url.split_once('#').unwrap_or((url, ""));
    let name = name.split('[').next().unwrap_or(name).trim();
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg=")).unwrap_or("");
    let name = if name.is_empty() { egg.split('[').next().unwrap_or(egg) } else { name };
    let is_vcs = ["git+", "hg+", "svn+", "bzr+"].iter().any(|scheme| address.starts_with(scheme));
    let after_host = address.split_once("://").map_or("", |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let commit = after_host.rsplit_once('@').map(|(_, commit)| commit).filter(|commit| is_commit(commit));
    let hashed = has_hash || ["sha256=", "sha384=", "sha512="].iter().any(|kind| fragment.contains(kind));
    let shown = crate::git::without_credentials(address);
    match (is_vcs, commit, hashed) {
        (true, Some(_), _) | (false, _, true) => {
            Requirement { name: normalise_package(name), specifier: one_line(&shown), pinned_version: None, unpinned: None }
        }
        (true, None, _) => unpinned(name, &shown, "is a repository without a full commit".to_owned()),
        (false, _, false) => unpinned(name, &shown, "is an address without a hash".to_owned()),
    }
}

/// A full SHA-1 or SHA-256 commit: a short one or a tag can move.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn without_marker(url: &str) -> &str {
    url.split(" ;").next().unwrap_or(url).trim()
}

fn pinned(name: &str, specifier: &str, version: &str) -> Requirement {
    Requirement { name: normalise_package(name.trim()), specifier: one_line(specifier), pinned_version: Some(one_line(version)), unpinned: None }
}

fn unpinned(name: &str, specifier: &str, reason: String) -> Requirement {
    Requirement { name: one_line(&normalise_package(name.trim())), specifier: one_line(specifier), pinned_version: None, unpinned: Some(one_line(&reason)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn pip_lines() {
        let git = format!("git+https://token:x@git.example/p.git@{COMMIT}#egg=My_Pkg");
        let hashed = "p @ https://u:p@host/p.whl#sha256=00ff";
        for (line, name, specifier, version, is_pinned) in [
            ("scikit_learn==1.9.1", "scikit-learn", "==1.9.1", Some("1.9.1"), true),
            ("Uvicorn[standard] == 0.30.1 ; python_version < '3.13'", "uvicorn", "==0.30.1", Some("0.30.1"), true),
            ("torch===2.3.0+cu121 --hash=sha256:aa", "torch", "===2.3.0+cu121", Some("2.3.0+cu121"), true),
            ("numpy (==1.26.4)", "numpy", "==1.26.4", Some("1.26.4"), true),
            ("numpy>=1,==1.26.4", "numpy", ">=1,==1.26.4", Some("1.26.4"), true),
            ("<html>==1", "", "<html>==1", None, false),
            ("nu\u{1b}mpy==1", "", "nu mpy==1", None, false),
            ("numpy==1.*", "numpy", "==1.*", None, false),
            ("numpy~=1.26", "numpy", "~=1.26", None, false),
            ("numpy", "numpy", "", None, false),
            (git.as_str(), "my-pkg", &format!("git+https://git.example/p.git@{COMMIT}"), None, true),
            ("git+ssh://git@host/p@main", "", "git+ssh://git@host/p@main", None, false),
            ("-e git+https://host/p@v1#egg=p", "p", "git+https://host/p@v1", None, false),
            ("-e .", "", ".", None, false),
            ("--editable=./src", "", "./src", None, false),
            ("-r base.txt", "", "base.txt", None, false),
            (hashed, "p", "https://host/p.whl", None, true),
            ("p @ https://host/p.whl", "p", "https://host/p.whl", None, false),
            ("https://host/p.whl?token=secret", "", "https://host/p.whl", None, false),
            ("./wheels/p-1.0-py3-none-any.whl", "", "./wheels/p-1.0-py3-none-any.whl", None, false),
        ] {
            let parsed = parse_pip(line).unwrap();
            assert_eq!(parsed.name, name, "{line}");
            assert_eq!(parsed.specifier, specifier, "{line}");
            assert_eq!(parsed.pinned_version.as_deref(), version, "{line}");
            assert_eq!(parsed.unpinned.is_none(), is_pinned, "{line}: {:?}", parsed.unpinned);
        }
    }

    #[test]
    fn options_ask_for_nothing() {
        for line in ["--index-url https://user:pass@host/simple", "-i https://host", "--pre", "-c constraints.txt", "-"] {
            assert!(parse_pip(line).is_none(), "{line}");
        }
    }

    #[test]
    fn conda_texts() {
        for (text, name, version, is_pinned) in [
            ("python=3.11.7", "python", None, false),
            ("conda-forge::numpy==1.26.4", "numpy", Some("1.26.4"), true),
            ("numpy=1.26.4=py311h64a7726_0", "numpy", Some("1.26.4"), true),
            ("numpy=1.26.*", "numpy", None, false),
            ("numpy=1.26.4=*", "numpy", None, false),
            ("pip<=23.2.1", "pip", None, false),
            ("pip", "pip", None, false),
        ] {
            let parsed = parse_conda(text);
            assert_eq!((parsed.name.as_str(), parsed.pinned_version.as_deref()), (name, version), "{text}");
            assert_eq!(parsed.unpinned.is_none(), is_pinned, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,60}") {
            let _ = parse_pip(&line);
            let _ = parse_pip(&format!("-{line}"));
            let _ = parse_pip(&format!("git+https://{line}"));
            let _ = parse_conda(&line);
        }
    }
}
