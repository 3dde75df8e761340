//! The settings that a server runs with, as the page of settings shows them. No secret is among them: secrets are in files of their own.

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File,
    /// A flag, or its environment variable.
    Flag,
}

impl Source {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "configuration file",
            Self::Flag => "flag or environment",
        }
    }
}

/// A setting with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Key, as in the configuration file.
    pub key: String,
    /// Value in force.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}
