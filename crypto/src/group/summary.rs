//! What a commit did, for whoever tells it to people.

use super::{Join, Member, Policy};
use crate::epoch_id::EpochId;

/// What a commit says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// When it was made, in milliseconds since 1970, by its committer's clock.
    pub now_ms: u64,
    /// The place of its line in the transcript (PROTOCOL §6.2).
    pub place: u64,
}

/// Why somebody is not a member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The committer put them out.
    Removed,
    /// They had asked for it.
    Left,
    /// The node's certificate had run out, or was revoked.
    Ended,
    /// The committer put a node of its own account out.
    OwnNode,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The epoch that it was made in.
    pub parent: EpochId,
    /// Who made it.
    pub committer: Member,
    /// When, by the committer's clock.
    pub committed_at_ms: u64,
    /// The place of its line in the transcript (PROTOCOL §6.2).
    pub place: u64,
    /// Who is a member now and was not before. Their `leaf` means nothing if this node is not a member there.
    pub added: Vec<Member>,
    /// Who was a member before and is not now.
    pub removed: Vec<(Member, Why)>,
    /// The policy before and after, if it changed.
    pub policy: Option<(Policy, Policy)>,
    /// Whether the committer came back by it after it had lost the way.
    pub came_back: bool,
    /// Which of the added accounts came in by an invite.
    pub joins: Vec<Join>,
}

impl Summary {
    /// A commit does not say where it puts those it adds; the epoch that it made does.
    pub(super) fn settle_leaves(&mut self, members: &[Member]) {
        for added in &mut self.added {
            if let Some(member) = members.iter().find(|member| member.node == added.node) {
                added.leaf = member.leaf;
            }
        }
    }
}
