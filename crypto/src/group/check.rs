//! Whether a commit is allowed (PROTOCOL §2, §3). Own commits and others' go through here alike, so that nobody makes
//! a commit that the rest refuses. Everything is judged by what the parent epoch and the commit say: no clock, no
//! state of this node, or members would disagree.

mod returning;

use openmls::prelude::{LeafNode, Proposal, StagedCommit};

use super::{BadLeaf, Forbidden, Member, epochs::RankClass, key_package::is_usable, policy::Change, state::EpochState};
use crate::identity::NotValidNow;

pub(super) use returning::check_return;

/// Why something received is not accepted. It is hostile or damaged: nobody should forward it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no MLS message of the kind that groups of Tidings use.
    #[error("the message is malformed")]
    Malformed,
    /// It belongs to another group.
    #[error("the message belongs to another group")]
    OtherGroup,
    /// What MLS authenticates in it does not fit the epoch that it was sent under.
    #[error("the message was relabelled")]
    Relabelled,
    /// It cannot be decrypted, or a signature, a tag or a rule of MLS is violated.
    #[error("the message is forged, damaged or against the rules of MLS")]
    Invalid,
    /// A commit must renew its committer's keys.
    #[error("the commit does not renew its committer's keys")]
    NoPath,
    /// The commit turns its committer into somebody else.
    #[error("the commit changes who its committer is")]
    IdentityChanged,
    /// The commit contains a proposal that Tidings does not use.
    #[error("the commit contains a proposal that is not used here")]
    ProposalNotAllowed,
    /// A node that is not a member cannot come back.
    #[error("the commit is of a node that is not a member")]
    NotAMember,
    /// A leaf in the commit does not say who it is.
    #[error(transparent)]
    Leaf(#[from] BadLeaf),
    /// A certificate in the commit was not valid when it was made.
    #[error(transparent)]
    NotValid(#[from] NotValidNow),
    /// The change is against the group's policy.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Its committer has made too many commits in this place.
    #[error("the committer has made too many commits in one epoch")]
    TooManySiblings,
}

/// A commit that is allowed.
pub(super) struct Checked {
    pub(super) committer: Member,
    pub(super) added: Vec<Member>,
    pub(super) removed: Vec<Member>,
    pub(super) class: RankClass,
}

/// Checks a staged commit against the epoch it was made in.
pub(super) fn check(
    parent: &EpochState,
    committer_leaf: u32,
    staged: &StagedCommit,
    committed_at_ms: u64,
) -> Result<Checked, Refusal> {
    let committer = parent.member(committer_leaf).ok_or(Refusal::Invalid)?.clone();
    check_path(&committer, staged.update_path_leaf_node(), committed_at_ms)?;
    let mut added = Vec::new();
    let mut removed = Vec::new();
    for queued in staged.queued_proposals() {
        match queued.proposal() {
            Proposal::Add(add) => {
                let package = add.key_package();
                if !is_usable(package) {
                    return Err(Refusal::ProposalNotAllowed);
                }
                added.push(valid_member(package.leaf_node(), committed_at_ms)?);
            }
            Proposal::Remove(remove) => {
                removed.push(parent.member(remove.removed().u32()).ok_or(Refusal::Invalid)?.clone());
            }
            _ => return Err(Refusal::ProposalNotAllowed),
        }
    }
    let change = Change { members: &parent.members, committer: &committer, added: &added, removed: &removed };
    let class = parent.policy.permits(change)?;
    Ok(Checked { committer, added, removed, class })
}

/// A commit renews its committer's leaf, which may bring a renewed certificate but must stay the same node.
fn check_path(committer: &Member, leaf: Option<&LeafNode>, committed_at_ms: u64) -> Result<(), Refusal> {
    let renewed = valid_member(leaf.ok_or(Refusal::NoPath)?, committed_at_ms)?;
    if renewed.node == committer.node { Ok(()) } else { Err(Refusal::IdentityChanged) }
}

fn valid_member(leaf: &LeafNode, at_ms: u64) -> Result<Member, Refusal> {
    let member = Member::of_leaf(0, leaf)?;
    member.certificate.check_time(at_ms)?;
    Ok(member)
}
