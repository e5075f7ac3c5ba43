//! One live epoch: its rows, what all of its members agree on, and while it is in use the loaded MLS group.

use std::collections::BTreeMap;

use openmls::prelude::{CredentialType, GroupContext, GroupId as MlsGroupId, LeafNodeIndex, Member as Leaf, MlsGroup};
use zeroize::Zeroizing;

use super::{
    BadLeaf, GroupId, Member, Policy,
    check::Parent,
    epochs::Electorate,
    key_package::LibraryFailure,
    provider::Crypto,
    storage::{Overlay, Rows, Slot},
    suite::Suite,
};
use crate::{
    envelope::TopicSecret,
    identity::{AccountId, NodeId, SignaturePublic},
};

const TOPIC_EXPORT_LABEL: &str = "tidings v1 topic";

/// An epoch of which this node holds the keys.
pub(super) struct EpochState {
    pub(super) rows: Rows,
    pub(super) members: Vec<Member>,
    pub(super) policy: Policy,
    pub(super) topic: TopicSecret,
    pub(super) authenticator: Vec<u8>,
    pub(super) suite: Suite,
    /// Whether a hybrid group could have the same members.
    pub(super) could_be_hybrid: bool,
    live: Option<MlsGroup>,
}

impl EpochState {
    /// Takes over a group that was just founded, joined or brought forward by a commit. `topic` is the secret that
    /// goes on being used, or none where a new one begins.
    pub(super) fn adopt(
        mut rows: Rows,
        group: MlsGroup,
        members: Vec<Member>,
        topic: Option<TopicSecret>,
    ) -> Result<Self, LibraryFailure> {
        let topic = topic.map_or_else(|| new_topic(&group), Ok)?;
        rows.put(Slot::TopicSecret.key(), Zeroizing::new(topic.as_bytes().to_vec()));
        let policy = Policy::from_extensions(context(&group).extensions()).map_err(|_| LibraryFailure)?;
        let authenticator = group.epoch_authenticator().as_slice().to_vec();
        let suite = Suite::of_mls(group.ciphersuite()).ok_or(LibraryFailure)?;
        let could_be_hybrid = could_be_hybrid(&group, suite, &members);
        Ok(Self { rows, members, policy, topic, authenticator, suite, could_be_hybrid, live: Some(group) })
    }

    /// The epoch as it was saved. It is not kept loaded.
    pub(super) fn from_saved(rows: Rows, id: &MlsGroupId, known: &Known) -> Result<Self, LibraryFailure> {
        let group = load(&rows, id)?;
        let members = members(&group, known).map_err(|_| LibraryFailure)?;
        let topic: [u8; 32] = rows
            .get(&Slot::TopicSecret.key())
            .and_then(|bytes| bytes.as_slice().try_into().ok())
            .ok_or(LibraryFailure)?;
        let mut state = Self::adopt(rows, group, members, Some(TopicSecret::from_bytes(topic)))?;
        state.unload();
        Ok(state)
    }

    /// The member at a leaf.
    pub(super) fn member(&self, leaf: u32) -> Option<&Member> {
        self.members.iter().find(|member| member.leaf == leaf)
    }

    /// What a commit on this epoch is judged by.
    pub(super) fn as_parent(&self, group: GroupId) -> Parent<'_> {
        Parent { group, suite: self.suite, members: &self.members, policy: &self.policy }
    }

    /// Whether an account may write here.
    pub(super) fn may_write(&self, account: &AccountId) -> bool {
        self.policy.may_write(account, &self.members)
    }

    /// Those who may vote here.
    pub(super) fn electorate(&self) -> Electorate {
        Electorate::new(self.members.iter().map(|member| (member.account, member.node)))
    }

    /// The members, for an epoch that comes after this one.
    pub(super) fn known(&self) -> Known {
        self.members.iter().map(|member| (member.certificate.signature_key(), member.clone())).collect()
    }

    /// The loaded group with its rows, open for one operation that can be undone.
    pub(super) fn open(&mut self, id: &MlsGroupId) -> Result<(&mut MlsGroup, &mut Rows), LibraryFailure> {
        if self.live.is_none() {
            self.live = Some(load(&self.rows, id)?);
        }
        self.rows.begin();
        let group = self.live.as_mut().ok_or(LibraryFailure)?;
        Ok((group, &mut self.rows))
    }

    /// Keeps what the operation did.
    pub(super) fn keep(&mut self) {
        self.rows.commit();
    }

    /// Undoes the operation, whatever it did to the loaded group.
    pub(super) fn undo(&mut self) {
        self.rows.roll_back();
        self.unload();
    }

    pub(super) fn unload(&mut self) {
        self.live = None;
    }

    /// A secret of this epoch, for one purpose (RFC 9420 §8.5).
    pub(super) fn export(
        &self,
        id: &MlsGroupId,
        label: &str,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, LibraryFailure> {
        match &self.live {
            Some(group) => export(group, label, &[], length),
            None => export(&load(&self.rows, id)?, label, &[], length),
        }
    }
}

pub(super) fn load(rows: &Rows, id: &MlsGroupId) -> Result<MlsGroup, LibraryFailure> {
    MlsGroup::load(&Overlay::reading(rows), id).ok().flatten().ok_or(LibraryFailure)
}

pub(super) fn export(
    group: &MlsGroup,
    label: &str,
    context: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, LibraryFailure> {
    group.export_secret(&Crypto::default(), label, context, length).map(Zeroizing::new).map_err(|_| LibraryFailure)
}

/// The key with which the commits on an epoch are ranked.
pub(super) fn rank_key(group: &MlsGroup) -> Result<Zeroizing<[u8; 32]>, LibraryFailure> {
    let key = export(group, "tidings v1 fork rank", &[], 32)?;
    key.as_slice().try_into().map(Zeroizing::new).map_err(|_| LibraryFailure)
}

/// A value that nobody knows before the epoch exists, one for each committer: there is nothing to grind.
pub(super) fn lottery(rank_key: &[u8; 32], committer: NodeId) -> [u8; 32] {
    let mut input = Zeroizing::new(Vec::with_capacity(64));
    input.extend_from_slice(rank_key);
    input.extend_from_slice(&committer.0);
    blake3::derive_key("tidings v1 fork rank", &input)
}

/// Members whose certificates were verified before, by the keys of their leaves: most of them go from epoch to epoch.
pub(super) type Known = BTreeMap<SignaturePublic, Member>;

/// Remembers members, for an epoch that has some of them too.
pub(super) fn learn(known: &mut Known, members: &[Member]) {
    for member in members {
        known.entry(member.certificate.signature_key()).or_insert_with(|| member.clone());
    }
}

/// All members, if every leaf says who it is.
pub(super) fn members(group: &MlsGroup, known: &Known) -> Result<Vec<Member>, BadLeaf> {
    members_of(group.members(), known)
}

/// All members that these leaves name.
pub(super) fn members_of(leaves: impl Iterator<Item = Leaf>, known: &Known) -> Result<Vec<Member>, BadLeaf> {
    leaves
        .map(|leaf| {
            let key = leaf.signature_key.as_slice().try_into().map(SignaturePublic).ok();
            let known = key.and_then(|key| known.get(&key));
            match known.filter(|known| known.certificate.encode() == leaf.credential.serialized_content()) {
                Some(known) if leaf.credential.credential_type() == CredentialType::Basic => {
                    Ok(Member { leaf: leaf.index.u32(), ..known.clone() })
                }
                _ => Member::of_credential(leaf.index.u32(), &leaf.credential, &leaf.signature_key),
            }
        })
        .collect()
}

/// Whether every leaf says that its node knows the hybrid suite, there is room for all, and the group does without.
fn could_be_hybrid(group: &MlsGroup, suite: Suite, members: &[Member]) -> bool {
    let hybrid = Suite::Hybrid.to_mls().into();
    let knows_it = |member: &Member| {
        let leaf = group.public_group().leaf(LeafNodeIndex::new(member.leaf));
        leaf.is_some_and(|leaf| leaf.capabilities().ciphersuites().contains(&hybrid))
    };
    suite == Suite::Classic && Suite::Hybrid.permits_members(members.len()).is_ok() && members.iter().all(knows_it)
}

pub(super) fn context(group: &MlsGroup) -> &GroupContext {
    group.public_group().group_context()
}

fn new_topic(group: &MlsGroup) -> Result<TopicSecret, LibraryFailure> {
    let secret = export(group, TOPIC_EXPORT_LABEL, &[], 32)?;
    secret.as_slice().try_into().map(TopicSecret::from_bytes).map_err(|_| LibraryFailure)
}
