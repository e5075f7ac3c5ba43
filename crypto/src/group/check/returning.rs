//! External commits (RFC 9420 §12.4.3.2) have one use here: a node that is a member and cannot follow takes its own
//! place in the group again (PROTOCOL §3.7). It proves its signature key, which never changes, and brings new keys.

use openmls::prelude::{Proposal, StagedCommit};

use super::{Checked, Refusal, valid_member};
use crate::group::{Member, Policy, policy::Change};

/// Checks a staged external commit against the epoch it was made in.
pub(in crate::group) fn check_return(
    members: &[Member],
    policy: &Policy,
    staged: &StagedCommit,
    committed_at_ms: u64,
) -> Result<Checked, Refusal> {
    let leaf = staged.update_path_leaf_node().ok_or(Refusal::NoPath)?;
    let returning = valid_member(leaf, committed_at_ms)?;
    let before = members.iter().find(|member| member.node == returning.node).ok_or(Refusal::NotAMember)?;
    let mut left_its_place = false;
    for queued in staged.queued_proposals() {
        match queued.proposal() {
            // Exactly one: MLS says so.
            Proposal::ExternalInit(_) => {}
            Proposal::Remove(remove) if remove.removed().u32() == before.leaf => left_its_place = true,
            _ => return Err(Refusal::ProposalNotAllowed),
        }
    }
    if !left_its_place {
        return Err(Refusal::ProposalNotAllowed);
    }
    let change = Change { members, committer: before, added: &[], removed: &[] };
    let class = policy.permits(change)?;
    Ok(Checked { committer: before.clone(), added: Vec::new(), removed: Vec::new(), class })
}
