//! Which migrations a database still needs. The databases themselves keep a table `migrations(version, checksum)`.

use sha2::{Digest as _, Sha256};

use crate::fault::Fault;

/// A migration for one database file.
#[derive(Clone, Debug)]
pub(super) struct Step<'a> {
    /// 1, 2, 3 and so on.
    pub(super) version: i64,
    /// SQL.
    pub(super) text: &'a str,
}

impl Step<'_> {
    /// SHA-256 of the text in hex.
    pub(super) fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }
}

/// The steps to run, given those that the database says it has seen, oldest first.
///
/// # Errors
/// [`Fault::Config`] when the database is newer than this build or was made by other texts.
pub(super) fn pending<'a>(steps: &[Step<'a>], seen: &[(i64, String)]) -> Result<Vec<Step<'a>>, Fault> {
    for (version, checksum) in seen {
        match steps.iter().find(|step| step.version == *version) {
            None => {
                return Err(Fault::Config(format!("the database has migration {version}, which this build does not know: run a newer build")));
            }
            Some(step) if step.checksum() != *checksum => {
                return Err(Fault::Config(format!("migration {version} of the database differs from that of this build: run the build that made it")));
            }
            Some(_) => {}
        }
    }
    let last = seen.last().map_or(0, |(version, _)| *version);
    Ok(steps.iter().filter(|step| step.version > last).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_brought_up_or_refused() {
        let steps = [Step { version: 1, text: "a" }, Step { version: 2, text: "b" }];
        let seen = |count: usize| steps.iter().take(count).map(|step| (step.version, step.checksum())).collect::<Vec<_>>();
        let versions = |seen: &[(i64, String)]| pending(&steps, seen).map(|steps| steps.iter().map(|step| step.version).collect::<Vec<_>>());
        assert_eq!(versions(&[]).unwrap(), [1, 2]);
        assert_eq!(versions(&seen(1)).unwrap(), [2]);
        assert!(versions(&seen(2)).unwrap().is_empty());
        let newer = [seen(2), vec![(3, "x".into())]].concat();
        assert!(versions(&newer).unwrap_err().to_string().contains("run a newer build"));
        let other = [(1, "x".to_owned())];
        assert!(versions(&other).unwrap_err().to_string().contains("differs"));
    }
}
