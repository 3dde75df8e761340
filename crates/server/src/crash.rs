//! Where the process ends itself, for the tests of durability: each commit point has a point on either side of it.
//!
//! INVARIANT: a point is an argument ([`crate::app::AppConfig::crash`]), never an option or a variable of the environment: the
//! program has no way to set one. `ARCHITECTURE.md` says what each crash means, `tests/it/crash.rs` tries them all.

macro_rules! points {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// A moment at which a crash is tried.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CrashPoint {
            $($(#[doc = $doc])+ $name),+
        }

        impl CrashPoint {
            /// Every point.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

points! {
    /// A batch is written, nothing is committed: it must be gone.
    BeforeCommit,
    /// The batch is committed, nobody was told: it must be there.
    AfterCommit,
    /// The commit is reported as unknown although it happened: the answer must still be success.
    AnswerLost,
    /// A checkpoint is signed, the key does not remember it.
    BeforeMemory,
    /// The key remembers the checkpoint, nobody can see it.
    AfterMemory,
    /// The checkpoint is written, not committed.
    BeforePublication,
    /// The checkpoint is out.
    AfterPublication,
    /// A part of an upload is durable, its sender was not told.
    AfterPart,
    /// The bytes of an upload are checked and durable, its sidecar does not say so.
    BeforeSeal,
    /// A file is complete and has its temporary name.
    BeforeRename,
    /// The file is at its content address, nobody was told.
    AfterRename,
    /// A file of the artifact proxy is durable, its path does not name it.
    BeforePath,
    /// The path names it, nobody was told.
    AfterPath,
    /// The parts of a file of the artifact proxy are put together, path and upload do not say so.
    BeforeJoin,
    /// They do, nobody was told.
    AfterJoin,
    /// A new key is on the disk, no entry names it.
    AfterNewKey,
    /// The entry names it, its file has not become the key.
    AfterRotation,
    /// The registry is started and has no administrator.
    AfterStart,
    /// It has one, without a token.
    AfterAdministrator,
    /// The token is in its file and not valid.
    AfterTokenFile,
    /// The token is valid, nobody was told.
    AfterToken,
    /// Nothing is missing for a decision, which is signed and not recorded.
    BeforeDecision,
    /// Nothing is missing for the execution of a promotion that is open.
    BeforeExecution,
    /// An emergency is open with its exceptions, nothing is released.
    AfterEmergency,
    /// The derived rows are made anew, not committed.
    BeforeRebuild,
    /// They are committed.
    AfterRebuild,
}

/// Ends the process at once, as a crash does, when `point` is the one that was asked for.
pub fn reach(crash: Option<CrashPoint>, point: CrashPoint) {
    if crash == Some(point) {
        std::process::abort();
    }
}
