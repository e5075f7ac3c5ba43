//! An epoch as everybody sees it who has none of its secrets: the ratchet tree and the group context. A commit on it
//! can be verified with that, its signature and all that it changes, and judged as its members judge it; the tags
//! that only they can check are left unchecked (PROTOCOL §3.1).

use openmls::{
    group::ProposalStore,
    messages::group_info::VerifiableGroupInfo,
    prelude::{GroupId as MlsGroupId, ProcessedMessageContent, ProtocolMessage, PublicGroup, Sender, StagedCommit},
};

use super::{
    BadLeaf, GroupId, Member, Policy, Refusal, Suite,
    authenticated::Claims,
    check::{Checked, Parent, check, check_return},
    key_package::LibraryFailure,
    provider::Crypto,
    state::{Known, learn, members_of},
    storage::{Overlay, Rows, Slot},
};
use crate::codec::Malformed;

/// What is left of an epoch's rows when its secrets are gone.
const PUBLIC_SLOTS: [Slot; 4] = [Slot::Tree, Slot::InterimTranscriptHash, Slot::GroupContext, Slot::ConfirmationTag];

/// The public state of an epoch.
pub(super) struct PublicEpoch {
    pub(super) members: Vec<Member>,
    pub(super) policy: Policy,
    pub(super) suite: Suite,
    public: PublicGroup,
}

/// Why there is no public state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPublicEpoch {
    #[error("a tree, a signature or a rule of MLS is violated")]
    Damaged,
    #[error(transparent)]
    Leaf(#[from] BadLeaf),
    #[error("the group is of a kind that this version does not know")]
    Policy(Malformed),
}

impl PublicEpoch {
    /// From a group info with the tree in it, which is verified (RFC 9420 §12.4.3.1); with its rows.
    pub(super) fn of_group_info(info: VerifiableGroupInfo) -> Result<(Self, Rows), NoPublicEpoch> {
        let tree = info.extensions().ratchet_tree().ok_or(NoPublicEpoch::Damaged)?.ratchet_tree().clone();
        let mut rows = Rows::default();
        let storage = Overlay::writing(&mut rows);
        let (public, _) = PublicGroup::from_external(&Crypto::default(), &storage, tree, info, ProposalStore::new())
            .map_err(|_| NoPublicEpoch::Damaged)?;
        Ok((Self::of(public, &Known::new())?, rows))
    }

    /// From an epoch's rows, whether its secrets are still among them or not.
    /// The certificates of those who are `known` are not verified again.
    pub(super) fn of_rows(rows: &Rows, id: &MlsGroupId, known: &Known) -> Result<Self, NoPublicEpoch> {
        let public = PublicGroup::load(&Overlay::reading(rows), id).ok().flatten().ok_or(NoPublicEpoch::Damaged)?;
        Self::of(public, known)
    }

    fn of(public: PublicGroup, known: &Known) -> Result<Self, NoPublicEpoch> {
        let members = members_of(public.members(), known)?;
        let extensions = public.group_context().extensions();
        let policy = Policy::from_extensions(extensions).map_err(NoPublicEpoch::Policy)?;
        let suite = Suite::of_mls(public.ciphersuite()).ok_or(NoPublicEpoch::Damaged)?;
        Ok(Self { members, policy, suite, public })
    }

    /// Verifies and judges a commit on this epoch.
    pub(super) fn receive(
        &self,
        group: GroupId,
        message: impl Into<ProtocolMessage>,
        claims: &Claims,
    ) -> Result<(Checked, StagedCommit), Refusal> {
        let processed = self.public.process_message(&Crypto::default(), message).map_err(|_| Refusal::Invalid)?;
        let sender = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(Refusal::Invalid);
        };
        let parent = Parent { group, suite: self.suite, members: &self.members, policy: &self.policy };
        let checked = match sender {
            Sender::Member(leaf) => check(parent, leaf.u32(), &staged, claims)?,
            Sender::NewMemberCommit => check_return(parent, &staged, claims)?,
            _ => return Err(Refusal::Invalid),
        };
        Ok((checked, *staged))
    }

    /// The epoch that a commit makes, as far as it is public: what [`PublicEpoch::receive`] staged is merged.
    pub(super) fn advance(self, staged: StagedCommit) -> Result<(Self, Rows), LibraryFailure> {
        let mut rows = Rows::default();
        let mut public = self.public;
        public.merge_commit(&Overlay::writing(&mut rows), staged).map_err(|_| LibraryFailure)?;
        let mut known = Known::new();
        learn(&mut known, &self.members);
        let next = Self::of(public, &known).map_err(|_| LibraryFailure)?;
        Ok((next, rows))
    }
}

impl Rows {
    /// The public part of these rows: nothing in it is secret.
    pub(super) fn public(&self) -> Self {
        let mut public = Self::default();
        for slot in PUBLIC_SLOTS {
            if let Some(value) = self.get(&slot.key()) {
                public.put(slot.key(), value.clone());
            }
        }
        public
    }
}
