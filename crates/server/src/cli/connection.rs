//! Where the server is, and the token that proves who asks.
//!
//! INVARIANT: the token comes from the environment or a file, never from an argument, where every user of the machine
//! could read it; and the local administrator's token is only ever sent to this machine.

use std::path::{Path, PathBuf};

use chancery_core::names::Digest;
use reqwest::Url;

use super::failure::Failure;
use crate::secret::Secret;

/// Where the server is and how to prove who asks.
#[derive(clap::Args, Clone, Debug)]
pub struct Connection {
    /// Address of the server.
    #[arg(long, global = true, env = "CHANCERY_URL", default_value = "http://127.0.0.1:8080", value_name = "URL", help_heading = "Connection")]
    pub url: String,
    /// File that holds the token. Otherwise CHANCERY_TOKEN, then the token of `chancery login`, or for a server on this machine the administrator's token in the data folder.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub token_file: Option<PathBuf>,
}

/// Where the token came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The variable CHANCERY_TOKEN.
    Environment,
    /// A file.
    File(PathBuf),
    /// The last `chancery login` to this server.
    Login,
    /// There is none: only anonymous calls work.
    None,
}

impl Connection {
    /// The address of the server, without query and fragment.
    ///
    /// # Errors
    /// It is not an address of a web server.
    pub fn base(&self) -> Result<Url, Failure> {
        base(&self.url)
    }

    /// The token, when there is one, and where it came from.
    ///
    /// # Errors
    /// A token file that cannot be read.
    pub fn token(&self, base: &Url) -> Result<(Option<String>, TokenSource), Failure> {
        find_token(self.token_file.as_deref(), base)
    }
}

fn base(text: &str) -> Result<Url, Failure> {
    let bad = || Failure::Usage(format!("`{text}` is not the address of a server, such as http://127.0.0.1:8080"));
    let mut url = Url::parse(text).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn find_token(file: Option<&Path>, base: &Url) -> Result<(Option<String>, TokenSource), Failure> {
    if let Some(file) = file {
        return read_token(file).map(|token| (Some(token), TokenSource::File(file.to_owned())));
    }
    if let Ok(token) = std::env::var("CHANCERY_TOKEN") {
        let token = token.trim().to_owned();
        return Ok((Some(token).filter(|token| !token.is_empty()), TokenSource::Environment));
    }
    if let Some((secret, _)) = kept_login(base)? {
        return Ok((Some(secret.into_exposed()), TokenSource::Login));
    }
    let data = std::env::var_os("CHANCERY_DATA").map_or_else(|| PathBuf::from("chancery-data"), PathBuf::from);
    let file = data.join("admin-token");
    if is_this_machine(base) && file.is_file() {
        return read_token(&file).map(|token| (Some(token), TokenSource::File(file)));
    }
    Ok((None, TokenSource::None))
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("cannot read the token file `{}`: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// Where the token of a login to this server is kept: one file for each server, so that no server gets the token of another.
fn login_file(base: &Url) -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))?;
    let server = Digest::of(base.as_str().trim_end_matches('/').as_bytes()).to_string();
    Some(folder.join("chancery").join(format!("login-{}", server.chars().take(16).collect::<String>())))
}

/// Secret and id of the token of the last login to this server.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn kept_login(base: &Url) -> Result<Option<(Secret, String)>, Failure> {
    let Some(file) = login_file(base).filter(|file| file.is_file()) else { return Ok(None) };
    let text = read_token(&file)?;
    Ok(text.split_once('\n').map(|(secret, id)| (Secret::new(secret.trim().to_owned()), id.trim().to_owned())))
}

/// Keeps the token of a login in a file that only this user reads.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn keep_login(base: &Url, secret: &Secret, id: &str) -> Result<PathBuf, Failure> {
    let file = login_file(base).ok_or_else(|| Failure::Usage("there is no place for the token: set HOME or XDG_CONFIG_HOME".to_owned()))?;
    let failed = |why: String| Failure::Usage(format!("cannot keep the token in `{}`: {why}", file.display()));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    }
    crate::keys::write_private(&file, format!("{}\n{id}\n", secret.expose()).as_bytes()).map_err(|fault| failed(crate::fault::chain(&fault)))?;
    Ok(file)
}

/// Forgets the token of the last login.
///
/// # Errors
/// A file that cannot be removed.
pub(super) fn forget_login(base: &Url) -> Result<(), Failure> {
    let Some(file) = login_file(base).filter(|file| file.exists()) else { return Ok(()) };
    std::fs::remove_file(&file).map_err(|error| Failure::Usage(format!("cannot remove `{}`: {error}", file.display())))
}

/// Whether the address is this machine for certain.
pub(super) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_token_stays_on_this_machine() {
        let cases = [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:8080", true),
            ("https://registry.example.com", false),
            ("http://127.0.0.1.example.com", false),
        ];
        for (url, expected) in cases {
            assert_eq!(is_this_machine(&base(url).unwrap()), expected, "{url}");
        }
        assert!(base("ftp://x").is_err() && base("registry").is_err());
    }
}
