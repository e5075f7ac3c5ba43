//! What is wrong with a node, as the API says it.

use tidings_node::doctor;

use crate::dto;

impl From<doctor::Finding> for dto::Finding {
    fn from(finding: doctor::Finding) -> Self {
        Self {
            check: match finding.check {
                doctor::Check::Clock => dto::Check::Clock,
                doctor::Check::Disk => dto::Check::Disk,
                doctor::Check::Database => dto::Check::Database,
                doctor::Check::Reachability => dto::Check::Reachability,
                doctor::Check::Relay => dto::Check::Relay,
                doctor::Check::Mailbox => dto::Check::Mailbox,
                doctor::Check::Copy => dto::Check::Copy,
                doctor::Check::Person => dto::Check::Person,
                doctor::Check::Queue => dto::Check::Queue,
            },
            verdict: match finding.verdict {
                doctor::Verdict::Good => dto::Verdict::Good,
                doctor::Verdict::Note => dto::Verdict::Note,
                doctor::Verdict::Bad => dto::Verdict::Bad,
            },
            says: finding.says,
            advice: Some(finding.advice).filter(|advice| !advice.is_empty()),
        }
    }
}
