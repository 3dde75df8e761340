//! The state of the Git repository around a folder: where the training code was.
//!
//! For the client side only: it runs the `git` program in the folder, with the rights and the configuration of
//! the person who calls it. Never call it on a server or on files that somebody else sent.

use crate::requirement::is_commit;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};

/// The repository that holds a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The address of `origin` without user name, password and query; none without such a remote.
    pub repository_url: Option<String>,
    /// The full commit hash of HEAD: 40 or 64 lower case hex characters.
    pub commit: String,
    /// The branch; none when HEAD is detached.
    pub branch: Option<String>,
    /// Whether tracked files differ from the commit.
    pub dirty: bool,
    /// How many tracked files differ.
    pub dirty_files: usize,
    /// How many files or folders Git does not know. They do not make the state dirty: models and data live there.
    pub untracked_files: usize,
}

/// Asks `git`. None when there is no `git`, no repository around the folder or no commit in it.
#[must_use]
pub fn git_state(folder: &Path) -> Option<GitState> {
    let commit = git(folder, &["rev-parse", "--verify", "HEAD"])?.trim().to_ascii_lowercase();
    if !is_commit(&commit) {
        return None;
    }
    // Without the list of changes nobody can say that the tree is clean.
    let status = git(folder, &["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"])?;
    let entries: Vec<&str> = status.split('\0').filter(|entry| !entry.is_empty()).collect();
    let untracked_files = entries.iter().filter(|entry| entry.starts_with("??")).count();
    let dirty_files = entries.len() - untracked_files;
    Some(GitState {
        repository_url: git(folder, &["remote", "get-url", "origin"]).map(|url| without_credentials(url.trim())),
        commit,
        branch: git(folder, &["symbolic-ref", "--short", "-q", "HEAD"]).map(|branch| branch.trim().to_owned()),
        dirty: dirty_files > 0,
        dirty_files,
        untracked_files,
    })
}

/// The address without user, password, query and fragment. The user of an SSH address stays: it is no secret,
/// and without it the address does not work.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let user = user.split(':').next().unwrap_or("");
    let user = if scheme.ends_with("ssh") && !user.is_empty() { format!("{user}@") } else { String::new() };
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    format!("{scheme}://{user}{host}{path}")
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        // A file system monitor is a program named by the repository's own configuration.
        .args(["-c", "core.fsmonitor=false"])
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // The folder says which repository is meant, not the caller's environment.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::tempdir;

    fn run(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
        let mut all = identity.to_vec();
        all.extend(arguments);
        git(folder, &all).unwrap();
    }

    #[test]
    fn credentials_are_stripped() {
        for (url, expected) in [
            ("https://user:token@git.example/a/b.git", "https://git.example/a/b.git"),
            ("https://token@git.example/a", "https://git.example/a"),
            ("https://git.example/a?private_token=x#y", "https://git.example/a"),
            ("https://user:p@ss@git.example", "https://git.example"),
            ("ssh://git@git.example:22/a", "ssh://git@git.example:22/a"),
            ("git+ssh://git:secret@host/a@v1", "git+ssh://git@host/a@v1"),
            ("git@git.example:a/b.git", "git@git.example:a/b.git"),
            ("/srv/a.git", "/srv/a.git"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }

    #[test]
    fn the_state_follows_the_repository() {
        let place = tempdir().unwrap();
        let folder = place.path();
        assert_eq!(git_state(folder), None, "no repository");
        run(folder, &["init", "-q", "-b", "main"]);
        assert_eq!(git_state(folder), None, "no commit");
        fs::write(folder.join("train.py"), "a").unwrap();
        run(folder, &["add", "."]);
        run(folder, &["commit", "-q", "-m", "first"]);
        let clean = git_state(folder).unwrap();
        assert_eq!(clean.branch.as_deref(), Some("main"));
        assert_eq!((clean.dirty, clean.dirty_files, clean.repository_url), (false, 0, None));

        run(folder, &["remote", "add", "origin", "https://me:secret@git.example/x.git"]);
        fs::write(folder.join("train.py"), "b").unwrap();
        fs::write(folder.join("new\nname.py"), "b").unwrap();
        let dirty = git_state(folder).unwrap();
        assert_eq!((dirty.dirty, dirty.dirty_files, dirty.untracked_files), (true, 1, 1));
        assert_eq!(dirty.commit, clean.commit);
        assert_eq!(dirty.repository_url.as_deref(), Some("https://git.example/x.git"));

        run(folder, &["checkout", "-q", "--detach"]);
        assert_eq!(git_state(folder).unwrap().branch, None);
        assert_eq!(git_state(&folder.join("missing")), None);
    }
}
