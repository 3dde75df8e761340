//! Exit codes of the command line. Scripts rely on them, so they never change their meaning.

use chancery_core::refusal::Code;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: done; for a check, nothing is missing.
    Done,
    /// 1: the rules of the registry refused it.
    Refused,
    /// 2: the command line or a local file is wrong; nothing was asked of the server, or it could not read the request.
    Usage,
    /// 3: a gate is not passed, or the promotion is open and waits.
    Waits,
    /// 4: there is no such thing, or you may not know of it.
    NotFound,
    /// 5: bytes, digest or proof do not match.
    VerificationFailed,
    /// 6: the server has a fault, or nobody answers. Trying again may help.
    Fault,
}

impl ExitCode {
    /// The number that the shell sees.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Waits => 3,
            Self::NotFound => 4,
            Self::VerificationFailed => 5,
            Self::Fault => 6,
        }
    }

    /// The exit code for a refusal of the server.
    #[must_use]
    pub fn of_code(code: Code) -> Self {
        match code {
            Code::GateFailed => Self::Waits,
            Code::NotFound => Self::NotFound,
            Code::DigestMismatch => Self::VerificationFailed,
            Code::InvalidField
            | Code::TooLarge
            | Code::AlreadyExists
            | Code::PreconditionFailed
            | Code::PreconditionRequired
            | Code::Contended
            | Code::IdempotencyKeyReused
            | Code::Unauthenticated
            | Code::AccessDenied
            | Code::TransitionRefused
            | Code::SeparationOfDuties
            | Code::NonWaivable
            | Code::ProtectedDeletion
            | Code::OffsetMismatch
            | Code::ReadOnly
            | Code::RateLimited => Self::Refused,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_an_exit_code() {
        for code in Code::ALL {
            let expected = match code.as_str() {
                "gate_failed" => 3,
                "not_found" => 4,
                "digest_mismatch" => 5,
                _ => 1,
            };
            assert_eq!(ExitCode::of_code(*code).number(), expected, "{code}");
        }
    }
}
