//! Which refusals are part of the record, and how messages read.

use super::*;
use crate::names::{ActorId, AliasName, Digest, FilePath, Label, ModelId, ModelName, PromotionId, RiskTier, TagKey, Timestamp, TokenId, VersionNumber};
use crate::testing::check_style;

#[test]
fn what_tried_to_pass_a_rule_is_recorded_and_a_mistake_is_not() {
    use Code::{
        AccessDenied, AlreadyExists, Contended, DigestMismatch, GateFailed, IdempotencyKeyReused, InvalidField, NonWaivable, NotFound, OffsetMismatch,
        PreconditionFailed, PreconditionRequired, ProtectedDeletion, RateLimited, ReadOnly, SeparationOfDuties, TooLarge, TransitionRefused, Unauthenticated,
    };
    let recorded = [AccessDenied, TransitionRefused, GateFailed, SeparationOfDuties, NonWaivable, ProtectedDeletion];
    let not = [
        InvalidField,
        TooLarge,
        NotFound,
        AlreadyExists,
        PreconditionFailed,
        PreconditionRequired,
        Contended,
        IdempotencyKeyReused,
        Unauthenticated,
        DigestMismatch,
        OffsetMismatch,
        ReadOnly,
        RateLimited,
    ];
    assert_eq!(recorded.len() + not.len(), Code::ALL.len());
    for code in recorded {
        assert_eq!(Refusal::new(code, "no").recorded(), Recorded::Entry, "{code}");
    }
    for code in not {
        assert_eq!(Refusal::new(code, "no").recorded(), Recorded::No, "{code}");
    }
}

#[test]
fn messages_about_foreign_text_are_one_line_and_name_the_field() {
    let long = "x".repeat(2000);
    for bad in ["", "a\nb", "A/../B\0", "\u{202e}", long.as_str()] {
        let refusals = [
            (ModelName::parse(&format!("{bad}:")).unwrap_err(), "name"),
            (AliasName::parse(&format!("{bad} ")).unwrap_err(), "alias"),
            (TagKey::parse(&format!("{bad}//")).unwrap_err(), "key"),
            (ModelId::parse(bad).unwrap_err(), "model_id"),
            (ActorId::parse(bad).unwrap_err(), "actor"),
            (PromotionId::parse(bad).unwrap_err(), "promotion"),
            (TokenId::parse(bad).unwrap_err(), "token"),
            (Label::parse(&format!("{bad} ")).unwrap_err(), "label"),
            (FilePath::parse(&format!("/{bad}")).unwrap_err(), "path"),
            (Digest::parse(bad).unwrap_err(), "digest"),
            (Timestamp::parse(bad).unwrap_err(), "time"),
            (RiskTier::parse(bad).unwrap_err(), "risk_tier"),
            (VersionNumber::new(0).unwrap_err(), "version"),
            (crate::semver::parse(bad).unwrap_err(), "semver"),
        ];
        for (refusal, field) in refusals {
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::InvalidField, Some(field)), "{refusal}");
            assert!(refusal.message.len() < 600 && !refusal.message.chars().any(char::is_control), "{}: {:?}", field, refusal.message);
            check_style(&refusal);
        }
    }
}
