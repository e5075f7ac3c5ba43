//! External commits (RFC 9420 §12.4.3.2) have one use here: a node that is a member and cannot follow takes its own
//! place in the group again (PROTOCOL §3.7). It proves its signature key, which never changes, and brings new keys.

use openmls::prelude::{Proposal, StagedCommit};

use super::{Checked, Parent, Refusal, valid_member};
use crate::group::{
    authenticated::Claims,
    policy::{Act, Judged},
};

/// Checks a staged external commit against the epoch it was made in.
pub(in crate::group) fn check_return(
    parent: Parent<'_>,
    staged: &StagedCommit,
    claims: &Claims,
) -> Result<Checked, Refusal> {
    let leaf = staged.update_path_leaf_node().ok_or(Refusal::NoPath)?;
    let returning = valid_member(leaf, claims.moment.now_ms)?;
    let before = parent.members.iter().find(|member| member.node == returning.node).ok_or(Refusal::NotAMember)?;
    let mut left_its_place = false;
    for queued in staged.queued_proposals() {
        match queued.proposal() {
            // Exactly one: MLS says so.
            Proposal::ExternalInit(_) => {}
            Proposal::Remove(remove) if remove.removed().u32() == before.leaf => left_its_place = true,
            _ => return Err(Refusal::ProposalNotAllowed),
        }
    }
    if !left_its_place || !claims.evidence.is_empty() {
        return Err(Refusal::ProposalNotAllowed);
    }
    let act = Act {
        group: parent.group,
        suite: parent.suite,
        members: parent.members,
        policy: parent.policy,
        committer: before,
        added: &[],
        removed: &[],
        evidence: &claims.evidence,
        at_ms: claims.moment.now_ms,
    };
    let Judged { class, power, joins, .. } = act.judge(None)?;
    let (added, removed) = (Vec::new(), Vec::new());
    Ok(Checked { committer: before.clone(), added, removed, policy: None, joins, came_back: true, class, power })
}
