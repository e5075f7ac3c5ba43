//! Whether a commit is allowed (PROTOCOL §2, §3). Own commits and others' go through here alike, so that nobody makes
//! a commit that the rest refuses. Everything is judged by what the parent epoch and the commit say: no clock, no
//! state of this node, or members would disagree.

mod returning;

use openmls::prelude::{LeafNode, Proposal, StagedCommit};

use super::{
    BadLeaf, Forbidden, GroupId, Member, Moment, Policy, Suite, Summary,
    authenticated::Claims,
    epochs::RankClass,
    evidence::Join,
    key_package::is_usable,
    policy::{Act, Judged},
    summary::Why,
};
use crate::{epoch_id::EpochId, identity::NotValidNow};

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
    /// The policy that the commit brings is not one.
    #[error("the commit brings a policy that this version does not know, or that breaks its rules")]
    Policy,
    /// The change is against the group's policy.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// The epoch that a commit was made in, as far as it is needed to judge the commit: nothing secret.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    pub(super) group: GroupId,
    pub(super) suite: Suite,
    pub(super) members: &'a [Member],
    pub(super) policy: &'a Policy,
}

/// A commit that is allowed.
pub(super) struct Checked {
    pub(super) committer: Member,
    pub(super) added: Vec<Member>,
    pub(super) removed: Vec<(Member, Why)>,
    /// The policy that it brings, if it brings one.
    pub(super) policy: Option<Policy>,
    pub(super) joins: Vec<Join>,
    /// Whether the committer took its own place again.
    pub(super) came_back: bool,
    pub(super) class: RankClass,
    pub(super) power: u8,
}

impl Parent<'_> {
    fn member(&self, leaf: u32) -> Option<&Member> {
        self.members.iter().find(|member| member.leaf == leaf)
    }
}

impl Checked {
    /// What to tell of the commit; `parent` is the epoch it was made in, with its policy.
    pub(super) fn into_summary(self, parent: EpochId, policy: &Policy, moment: Moment) -> Summary {
        let policy = self.policy.filter(|after| after != policy).map(|after| (policy.clone(), after));
        Summary {
            parent,
            committer: self.committer,
            committed_at_ms: moment.now_ms,
            place: moment.place,
            added: self.added,
            removed: self.removed,
            policy,
            came_back: self.came_back,
            joins: self.joins,
        }
    }
}

/// Checks a staged commit against the epoch it was made in.
pub(super) fn check(
    parent: Parent<'_>,
    committer_leaf: u32,
    staged: &StagedCommit,
    claims: &Claims,
) -> Result<Checked, Refusal> {
    let committer = parent.member(committer_leaf).ok_or(Refusal::Invalid)?.clone();
    let at_ms = claims.moment.now_ms;
    check_path(&committer, staged.update_path_leaf_node(), at_ms)?;
    let Proposals { added, removed, policy } = read_proposals(parent, staged, at_ms)?;
    let act = Act {
        group: parent.group,
        suite: parent.suite,
        members: parent.members,
        policy: parent.policy,
        committer: &committer,
        added: &added,
        removed: &removed,
        evidence: &claims.evidence,
        at_ms,
    };
    let Judged { class, power, why, joins } = act.judge(policy.as_ref())?;
    let removed = removed.into_iter().zip(why).collect();
    Ok(Checked { committer, added, removed, policy, joins, came_back: false, class, power })
}

/// What a commit proposes.
#[derive(Default)]
struct Proposals {
    added: Vec<Member>,
    removed: Vec<Member>,
    policy: Option<Policy>,
}

fn read_proposals(parent: Parent<'_>, staged: &StagedCommit, at_ms: u64) -> Result<Proposals, Refusal> {
    let mut read = Proposals::default();
    for queued in staged.queued_proposals() {
        match queued.proposal() {
            Proposal::Add(add) => {
                let package = add.key_package();
                if !is_usable(package) {
                    return Err(Refusal::ProposalNotAllowed);
                }
                read.added.push(valid_member(package.leaf_node(), at_ms)?);
            }
            Proposal::Remove(remove) => {
                read.removed.push(parent.member(remove.removed().u32()).ok_or(Refusal::Invalid)?.clone());
            }
            Proposal::GroupContextExtensions(proposal) => {
                let policy = Policy::from_extensions(proposal.extensions()).map_err(|_| Refusal::Policy)?;
                // Nothing else is in there, and it is encoded in the one way.
                if policy.to_extensions().ok().as_ref() != Some(proposal.extensions()) {
                    return Err(Refusal::Policy);
                }
                read.policy = Some(policy);
            }
            _ => return Err(Refusal::ProposalNotAllowed),
        }
    }
    Ok(read)
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
