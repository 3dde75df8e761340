//! Which payloads an event names. A total match, so that no new event is forgotten.

use chancery_core::names::Digest;
use chancery_core::{Event, attestation, bundle, evidence, promotion, registry, tag, template, version};

/// Digests of the payloads that an event refers to; texts in the vault are not among them.
pub(super) fn named(event: &Event) -> Vec<Digest> {
    match event {
        Event::Version(event) => of_version(event),
        Event::Promotion(event) => of_promotion(event),
        Event::Evidence(evidence::Event::Added { digest, in_payloads, summary, .. }) => in_payloads.then_some(*digest).into_iter().chain(*summary).collect(),
        Event::Attestation(attestation::Event::Issued { digest, .. }) => vec![*digest],
        Event::Template(template::Event::Added { text, .. }) => vec![*text],
        Event::Tag(tag::Event::Set { value_digest, .. }) => value_digest.iter().copied().collect(),
        Event::Registry(registry::Event::CheckRecorded { verdict, .. }) => vec![*verdict],
        Event::Registry(registry::Event::Refused { verdict, .. }) => verdict.iter().copied().collect(),
        Event::Registry(registry::Event::Started { baseline, .. }) => vec![*baseline],
        Event::Bundle(bundle::Event::Uploaded { digest, .. } | bundle::Event::Shipped { digest }) => vec![*digest],
        Event::Bundle(bundle::Event::Activated { .. } | bundle::Event::Withdrawn { .. })
        | Event::Registry(
            registry::Event::RefusalsSuppressed { .. }
            | registry::Event::PolicyModeChanged { .. }
            | registry::Event::ClockMoved { .. }
            | registry::Event::KeysRotated { .. },
        )
        | Event::AccessLog(_)
        | Event::Actor(_)
        | Event::Alias(_)
        | Event::Exception(_)
        | Event::Model(_)
        | Event::Attestation(attestation::Event::Revoked { .. })
        | Event::Calendar(_)
        | Event::Delegation(_)
        | Event::Erasure(_)
        | Event::Finding(_)
        | Event::Grant(_)
        | Event::Group(_)
        | Event::Risk(_)
        | Event::Team(_)
        | Event::Template(template::Event::Approved { .. } | template::Event::Withdrawn { .. })
        | Event::Tag(tag::Event::Deleted { .. }) => Vec::new(),
    }
}

fn of_version(event: &version::Event) -> Vec<Digest> {
    match event {
        version::Event::Registered { content_digest, facts_digest, .. } | version::Event::Attached { content_digest, facts_digest, .. } => {
            vec![*content_digest, *facts_digest]
        }
        version::Event::Transitioned { verdict, .. } => verdict.iter().copied().collect(),
        version::Event::Described { .. } | version::Event::Hidden { .. } => Vec::new(),
    }
}

fn of_promotion(event: &promotion::Event) -> Vec<Digest> {
    match event {
        promotion::Event::Opened { verdict, .. }
        | promotion::Event::Refreshed { verdict, .. }
        | promotion::Event::Completed { verdict, .. }
        | promotion::Event::Executed { verdict } => vec![*verdict],
        promotion::Event::ApprovalRecorded { envelope, .. } | promotion::Event::DecisionRecorded { envelope, .. } => vec![*envelope],
        promotion::Event::ApprovalWithdrawn { .. }
        | promotion::Event::ConditionMet { .. }
        | promotion::Event::Commented { .. }
        | promotion::Event::Rejected { .. }
        | promotion::Event::Cancelled { .. } => Vec::new(),
    }
}
