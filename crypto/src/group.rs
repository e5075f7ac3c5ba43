//! A conversation's group (PROTOCOL §2, §3): who is in it, what it says, and how it changes, end to end encrypted.
//!
//! This is the one deep interface over MLS (RFC 9420); OpenMLS is named nowhere else. MLS assumes that somebody orders
//! commits. Nobody does here, so a [`Group`] keeps a tree of epochs, each with its own keys, and reads messages of
//! every branch; it writes in the head, which [`epochs`] picks by a rule that needs nothing but the commits.
//! Everything is pure: [`Group::take_changes`] says what to save, and saving it is the caller's transaction.

pub mod epochs;

mod authenticated;
mod ballot;
mod check;
mod commit;
mod enter;
mod evidence;
mod forgetting;
mod framing;
mod invite;
mod key_package;
mod member;
mod policy;
mod provider;
mod public_epoch;
mod receive;
mod state;
mod storage;
mod stored;
mod suite;
mod summary;
mod tree_change;
mod way_in;
mod welcomes;

#[cfg(feature = "bare")]
pub mod bare;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "small numbers of a test's own making")]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use openmls::prelude::{
    GroupId as MlsGroupId, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome, SenderRatchetConfiguration, StagedWelcome, Welcome,
    tls_codec::DeserializeBytes,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    codec::Malformed,
    envelope::{Content, TopicSecret, WelcomeContent},
    epoch_id::EpochId,
    identity::{AccountId, LocalNode, NodeId, NotValidNow, id},
};

use authenticated::Authenticated;
use epochs::{Electorate, EpochNode, EpochTree, HELD_EPOCHS_MAX, NodeKind, Place, SavedTree};
use forgetting::Shell;
use key_package::{NodeSigner, capabilities, credential, unlimited};
use provider::Provider;
use state::{EpochState, Known};
use storage::{Overlay, Rows, Slot};

pub use ballot::{BALLOT_BYTES_MAX, SignedBallot, is_ballot};
pub use check::Refusal;
pub use commit::{Change, CommitError, Committed};
pub use enter::Invitation;
pub use epochs::Standing;
pub use evidence::{
    BadEvidence, EVIDENCE_MAX, Evidence, InviteProof, Join, LEAVE_STATEMENT_MS_MAX, LeaveStatement, Revocation,
};
pub use forgetting::Taken;
pub use invite::{INVITE_HOSTS_MAX, INVITE_LINK_BYTES_MAX, InviteHost, InviteLink, InviteSeed};
pub use key_package::{
    BadKeyPackage, CheckedKeyPackage, KEY_PACKAGE_BYTES_MAX, KeyPackage, KeyPackageSecret, LibraryFailure,
};
pub use member::{BadLeaf, Member};
pub use policy::{
    DISAPPEARING_S_MAX, Forbidden, GONE_MAX, GROUP_NAME_BYTES_MAX, GROUP_PICTURE_BYTES_MAX, GROUP_TOPIC_BYTES_MAX,
    History, INVITES_MAX, Invite, InviteId, Kind, MEMBERS_MAX, NODES_OF_ACCOUNT_MAX, Policy, Role, Who,
    picture_media_type,
};
pub use receive::Received;
pub use stored::{EpochRow, GroupChanges, LoadError, StateRow, StoredGroup};
pub use suite::{HYBRID_MEMBERS_MAX, Suite};
pub use summary::{Moment, Summary, Why};
pub use way_in::ComeBackError;
pub use welcomes::Welcomes;

/// What one message may say, in bytes: it fits an envelope with all that goes around it.
pub const PAYLOAD_BYTES_MAX: usize = 192 * 1024;

/// How many skipped messages of one sender in one epoch can still be read when they come late.
pub const OUT_OF_ORDER_MAX: u32 = 1_024;

/// How many messages of one sender in one epoch may be missing before the next can be read.
pub const FORWARD_DISTANCE_MAX: u32 = 1_024;

/// How many epochs are kept loaded for the next message (a guess: the head and a few branches that people still use).
const LOADED_EPOCHS_MAX: usize = 4;

/// The extension of a Welcome's group info that carries the topic secret, from the range for private use.
const TOPIC_EXTENSION: u16 = 0xf7d2;

id!(
    /// A group, and so a conversation.
    GroupId,
    16
);

impl GroupId {
    /// The epoch with which the group's founder begins.
    fn first_epoch(self) -> EpochId {
        EpochId(blake3::derive_key("tidings v1 first epoch", &self.0))
    }

    fn to_mls(self) -> MlsGroupId {
        MlsGroupId::from_slice(&self.0)
    }
}

/// A group as one of its nodes sees it.
pub struct Group {
    id: GroupId,
    mls_id: MlsGroupId,
    tree: EpochTree,
    states: BTreeMap<EpochId, EpochState>,
    shells: BTreeMap<EpochId, Shell>,
    /// The members' ballots as their nodes signed them.
    ballots: BTreeMap<NodeId, Vec<u8>>,
    /// Epochs whose MLS group may be loaded, the one used last at the back.
    recently_used: VecDeque<EpochId>,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("id", &self.id).field("head", &self.head()).finish_non_exhaustive()
    }
}

/// A group that was joined, and who invited.
#[derive(Debug)]
pub struct Joined {
    /// The group.
    pub group: Group,
    /// Who made the Welcome, proved by its signature. Whether their invitation is wanted is for the caller to say.
    pub inviter: Member,
    /// Which of this node's key packages it was made for. Unless that is a last-resort one, delete its secret now.
    pub key_package: [u8; 32],
}

/// Why a group cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// It is no Welcome, or forged or damaged.
    #[error("the invitation is damaged or forged")]
    Damaged,
    /// It was made for key packages that this node has not, or not any more.
    #[error("the invitation is not for this node, or for a key that it no longer has")]
    NoKeyPackage,
    /// It leads into another group than it says.
    #[error("the invitation leads into another group than it says")]
    OtherGroup,
    /// A member does not say who it is.
    #[error("the group has a member whose certificate is wrong: {0}")]
    Member(#[from] BadLeaf),
    /// The inviter's certificate is not valid now.
    #[error(transparent)]
    NotValidNow(#[from] NotValidNow),
    /// The group has no policy that this version knows.
    #[error("the group is of a kind that this version does not know")]
    Policy(#[from] Malformed),
    /// The members are against the group's policy.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// Why a message cannot be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// This node is not a member any more.
    #[error("this node is no longer a member of the group")]
    NotAMember,
    /// This account may only read.
    #[error("whoever may only read cannot write")]
    ReadOnly,
    /// What is here comes from a backup, and its keys may have been used: this node has to come back first.
    #[error("this node was restored from a backup and has not come back into the group yet")]
    Restored,
    /// It has more than [`PAYLOAD_BYTES_MAX`] bytes.
    #[error("the message has {bytes} bytes; at most {PAYLOAD_BYTES_MAX} are allowed")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// The library failed: a bug, or a damaged database.
    #[error(transparent)]
    Library(#[from] LibraryFailure),
}

impl Group {
    /// Founds a group whose only member is this node.
    pub fn create<R: CryptoRng + ?Sized>(
        me: &LocalNode,
        id: GroupId,
        policy: &Policy,
        suite: Suite,
        rng: &mut R,
    ) -> Result<Self, LibraryFailure> {
        let mut rows = Rows::default();
        let provider = Provider::seeded(Overlay::writing(&mut rows), rng);
        let extensions = policy.to_extensions().map_err(|_| LibraryFailure)?;
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(suite.to_mls())
            .capabilities(capabilities())
            .lifetime(unlimited())
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY) // of commits; messages are always private
            .padding_size(0)
            .max_past_epochs(0)
            .use_ratchet_tree_extension(true)
            .sender_ratchet_configuration(ratchet_configuration())
            .with_group_context_extensions(extensions)
            .build();
        let signer = NodeSigner(&me.keys);
        let group = MlsGroup::new_with_group_id(&provider, &signer, &config, id.to_mls(), credential(me))
            .map_err(|_| LibraryFailure)?;
        drop(provider);
        let members = state::members(&group, &Known::new()).map_err(|_| LibraryFailure)?;
        let state = EpochState::adopt(rows, group, members, None)?;
        Ok(Self::rooted(id, id.first_epoch(), 0, state))
    }

    /// Joins a group by a Welcome. `lookup` finds the secret of a key package by its reference.
    ///
    /// The name of the epoch is the inviter's word; one who lies strands whom it invites and nobody else.
    pub fn join(
        me: &LocalNode,
        content: &WelcomeContent,
        lookup: impl Fn(&[u8; 32]) -> Option<KeyPackageSecret>,
        now_ms: u64,
    ) -> Result<Joined, JoinError> {
        let welcome = MlsMessageIn::tls_deserialize_exact_bytes(&content.welcome).map_err(|_| JoinError::Damaged)?;
        let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else { return Err(JoinError::Damaged) };
        let (key_package, secret) = key_package_secret(&welcome, lookup).ok_or(JoinError::NoKeyPackage)?;
        let mut rows = secret.into_rows();
        let provider = Provider::without_randomness(Overlay::writing(&mut rows));
        let (staged, topic) = open_welcome(&provider, welcome)?;
        let id = GroupId(content.group);
        if *staged.group_context().group_id() != id.to_mls() {
            return Err(JoinError::OtherGroup);
        }
        let members = check_welcome(me, &staged)?;
        let inviter_leaf = staged.welcome_sender_index().u32();
        let inviter = members.iter().find(|member| member.leaf == inviter_leaf).ok_or(JoinError::Damaged)?.clone();
        inviter.certificate.check_time(now_ms)?;
        let number = staged.group_context().epoch().as_u64();
        let group = staged.into_group(&provider).map_err(|_| JoinError::Damaged)?;
        drop(provider);
        rows.delete_slot(Slot::KeyPackage);
        rows.delete_slot(Slot::EncryptionKeyPair);
        rows.put(Slot::Inviter.key(), Zeroizing::new(inviter.account.0.to_vec()));
        let state = EpochState::adopt(rows, group, members, topic).map_err(|_| JoinError::Damaged)?;
        let mut group = Self::rooted(id, content.epoch, number, state);
        group.tree.know_above(content.above.iter().copied());
        Ok(Joined { group, inviter, key_package })
    }

    /// A group as it was saved.
    pub fn load(stored: StoredGroup) -> Result<Self, LoadError> {
        let mls_id = stored.id.to_mls();
        let mut saved: BTreeMap<EpochId, BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>> = BTreeMap::new();
        for row in stored.state {
            saved.entry(row.epoch).or_default().insert(row.key, row.value);
        }
        let mut tree = SavedTree::default();
        let mut states = BTreeMap::new();
        let mut shells = BTreeMap::new();
        let mut known = Known::new();
        let mut electorates: Vec<Arc<Electorate>> = Vec::new();
        for EpochRow { id, node, above } in stored.epochs {
            let mut electorate = None;
            if matches!(node.kind, NodeKind::Skeleton | NodeKind::Ghost) {
                let rows = Rows::from_saved(saved.remove(&id).ok_or(LoadError::State)?);
                let shell = Shell::of(rows, &mls_id, &known).map_err(|_| LoadError::State)?;
                state::learn(&mut known, &shell.members);
                electorate = Some(shell.electorate());
                shells.insert(id, shell);
            } else if node.kind != NodeKind::Tombstone {
                let rows = Rows::from_saved(saved.remove(&id).ok_or(LoadError::State)?);
                let state = EpochState::from_saved(rows, &mls_id, &known).map_err(|_| LoadError::State)?;
                state::learn(&mut known, &state.members);
                electorate = Some(state.electorate());
                states.insert(id, state);
            }
            // Most epochs have the members of another: they share one electorate.
            let electorate = electorate.map(|own| {
                let shared = electorates.iter().find(|shared| ***shared == own).cloned();
                shared.unwrap_or_else(|| {
                    let own = Arc::new(own);
                    electorates.push(Arc::clone(&own));
                    own
                })
            });
            if !above.is_empty() {
                tree.above = above;
            }
            tree.nodes.push((node, electorate));
        }
        let mut ballots = BTreeMap::new();
        for bytes in stored.ballots {
            let (signed, notes) = SignedBallot::of_row(&bytes).map_err(|_| LoadError::Ballot)?;
            tree.ballots.push((signed.node, signed.ballot, notes));
            ballots.insert(signed.node, signed.bytes);
        }
        tree.removed = stored.removed;
        let tree = EpochTree::load(tree)?;
        if !saved.is_empty() {
            return Err(LoadError::State);
        }
        Ok(Self { id: stored.id, mls_id, tree, states, shells, ballots, recently_used: VecDeque::new() })
    }

    fn rooted(id: GroupId, root: EpochId, number: u64, state: EpochState) -> Self {
        let tree = EpochTree::new(EpochNode::root(root, number, 0), Arc::new(state.electorate()));
        let states = BTreeMap::from([(root, state)]);
        Self {
            id,
            mls_id: id.to_mls(),
            tree,
            states,
            shells: BTreeMap::new(),
            ballots: BTreeMap::new(),
            recently_used: VecDeque::from([root]),
        }
    }

    /// Encrypts a message in the head.
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        payload: &[u8],
        rng: &mut R,
    ) -> Result<Content, EncryptError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(EncryptError::TooLong { bytes: payload.len() });
        }
        if self.is_restored() {
            return Err(EncryptError::Restored);
        }
        let epoch = self.head();
        if !self.states.get(&epoch).ok_or(EncryptError::NotAMember)?.may_write(&me.account_id()) {
            return Err(EncryptError::ReadOnly);
        }
        self.note_use(epoch);
        let state = self.states.get_mut(&epoch).ok_or(EncryptError::NotAMember)?;
        let outcome = encrypt_in(state, &self.mls_id, epoch, me, payload, rng);
        if outcome.is_ok() {
            state.keep();
        } else {
            state.undo();
        }
        Ok(Content { epoch, message: outcome? })
    }

    /// Which group it is.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// The epoch that is written in.
    pub fn head(&self) -> EpochId {
        self.tree.head()
    }

    /// The tree of epochs.
    pub fn tree(&self) -> &EpochTree {
        &self.tree
    }

    /// Whether this node is a member in the head.
    pub fn am_member(&self) -> bool {
        self.head_state().is_some()
    }

    /// The members in the head; none if this node was removed.
    pub fn members(&self) -> &[Member] {
        self.members_at(self.head())
    }

    /// The members in an epoch; none if it is unknown or this node is not one of them.
    pub fn members_at(&self, epoch: EpochId) -> &[Member] {
        self.states.get(&epoch).map_or(&[], |state| &state.members)
    }

    /// What the members of the head agree on; nothing if this node was removed.
    pub fn policy(&self) -> Option<&Policy> {
        self.head_state().map(|state| &state.policy)
    }

    /// The role whose rights an account has in the head; none if it is not a member there.
    pub fn acting_role(&self, account: &AccountId) -> Option<Role> {
        let is_member = self.members().iter().any(|member| member.account == *account);
        self.policy().filter(|_| is_member).map(|policy| policy.acting_role(account, self.members()))
    }

    /// The group's cipher suite; none once this node was removed and has nothing of the group any more.
    pub fn suite(&self) -> Option<Suite> {
        self.head_state().or_else(|| self.states.values().next()).map(|state| state.suite)
    }

    /// Whether all members of this classic group could be in a hybrid one: a group that could do better says so.
    pub fn could_be_hybrid(&self) -> bool {
        self.head_state().is_some_and(|state| state.could_be_hybrid)
    }

    /// The topic secret under which contents that name this epoch are sealed.
    pub fn topic_secret(&self, epoch: EpochId) -> Option<&TopicSecret> {
        self.states.get(&epoch).map(|state| &state.topic)
    }

    /// All topic secrets in use: the head's first, then those of other epochs, each once.
    pub fn topic_secrets(&self) -> Vec<TopicSecret> {
        let mut secrets: Vec<TopicSecret> = Vec::new();
        for state in self.head_state().into_iter().chain(self.states.values()) {
            if !secrets.contains(&state.topic) {
                secrets.push(state.topic.clone());
            }
        }
        secrets
    }

    /// Whether the head is this epoch or comes after it.
    pub fn is_on_branch(&self, epoch: EpochId) -> bool {
        self.tree.leads_to_head(epoch)
    }

    /// A secret of the head for one purpose, of this many bytes (RFC 9420 §8.5); none if this node was removed.
    pub fn export(&self, label: &str, bytes: usize) -> Option<Zeroizing<Vec<u8>>> {
        self.head_state()?.export(&self.mls_id, label, bytes).ok()
    }

    /// What two members compare to know that they are in the same epoch of the same group (RFC 9420 §8.7).
    pub fn authenticator(&self) -> Option<&[u8]> {
        self.head_state().map(|state| state.authenticator.as_slice())
    }

    /// Whether the tree of epochs or a ballot has changed since [`Group::take_changes`] was called.
    pub fn tree_has_changed(&self) -> bool {
        self.tree.has_changes()
    }

    /// What must be saved since the last call, and no more.
    pub fn take_changes(&mut self) -> GroupChanges {
        let tree = self.tree.take_changes();
        let mut changes = GroupChanges {
            epochs_deleted: tree.epochs_deleted,
            epochs_removed: tree.epochs_removed,
            ballots_deleted: tree.ballots_deleted,
            ..GroupChanges::default()
        };
        for node in &changes.ballots_deleted {
            self.ballots.remove(node);
        }
        for node in tree.ballots_put {
            let row = |bytes: &Vec<u8>| (node, SignedBallot::to_row(bytes, &self.tree.ballot_notes(node)));
            changes.ballots_put.extend(self.ballots.get(&node).map(row));
        }
        for id in tree.epochs_put {
            if let Place::Here(node) = self.tree.place(id) {
                let above = if id == self.tree.root() { self.tree.above().collect() } else { Vec::new() };
                changes.epochs_put.push(EpochRow { id, node, above });
            }
        }
        let held = self.states.iter_mut().map(|(epoch, state)| (epoch, &mut state.rows));
        let bare = self.shells.iter_mut().map(|(epoch, shell)| (epoch, &mut shell.rows));
        for (epoch, rows) in held.chain(bare) {
            let rows = rows.take_changes();
            let put = rows.put.into_iter().map(|(key, value)| StateRow { epoch: *epoch, key, value });
            changes.state_put.extend(put);
            changes.state_deleted.extend(rows.deleted.into_iter().map(|key| (*epoch, key)));
        }
        changes
    }

    fn head_state(&self) -> Option<&EpochState> {
        self.states.get(&self.head())
    }

    /// Keeps the number of loaded MLS groups low: those used longest ago are unloaded.
    fn note_use(&mut self, epoch: EpochId) {
        if self.recently_used.back() == Some(&epoch) {
            return;
        }
        self.recently_used.retain(|used| *used != epoch);
        self.recently_used.push_back(epoch);
        while self.recently_used.len() > LOADED_EPOCHS_MAX {
            let oldest = self.recently_used.pop_front();
            if let Some(state) = oldest.and_then(|oldest| self.states.get_mut(&oldest)) {
                state.unload();
            }
        }
    }
}

const _: () = assert!(LOADED_EPOCHS_MAX < HELD_EPOCHS_MAX, "most epochs are quiet and need not be loaded");

fn encrypt_in<R: CryptoRng + ?Sized>(
    state: &mut EpochState,
    id: &MlsGroupId,
    epoch: EpochId,
    me: &LocalNode,
    payload: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, LibraryFailure> {
    let (group, rows) = state.open(id)?;
    let provider = Provider::seeded(Overlay::writing(rows), rng);
    group.set_aad(Authenticated::Message { epoch }.encode());
    let message = group.create_message(&provider, &NodeSigner(&me.keys), payload).map_err(|_| LibraryFailure)?;
    message.to_bytes().map_err(|_| LibraryFailure)
}

fn key_package_secret(
    welcome: &Welcome,
    lookup: impl Fn(&[u8; 32]) -> Option<KeyPackageSecret>,
) -> Option<([u8; 32], KeyPackageSecret)> {
    welcome.secrets().iter().find_map(|secrets| {
        let reference = secrets.new_member().as_slice().try_into().ok()?;
        Some((reference, lookup(&reference)?))
    })
}

/// Decrypts and verifies a Welcome; with it comes the topic secret, unless a new one begins in this epoch.
fn open_welcome(provider: &Provider<'_>, welcome: Welcome) -> Result<(StagedWelcome, Option<TopicSecret>), JoinError> {
    let processed =
        ProcessedWelcome::new_from_welcome(provider, &join_config(), welcome).map_err(|_| JoinError::Damaged)?;
    let topic = match processed.unverified_group_info().extensions().unknown(TOPIC_EXTENSION) {
        Some(topic) => {
            let topic: [u8; 32] = topic.0.as_slice().try_into().map_err(|_| JoinError::Damaged)?;
            Some(TopicSecret::from_bytes(topic))
        }
        None => None,
    };
    let staged = openmls::prelude::JoinBuilder::new(provider, processed)
        .skip_lifetime_validation()
        .build()
        .map_err(|_| JoinError::Damaged)?;
    Ok((staged, topic))
}

/// Everybody in the group says who they are, this node is one of them, and the policy allows it.
fn check_welcome(me: &LocalNode, staged: &StagedWelcome) -> Result<Vec<Member>, JoinError> {
    let members = staged
        .members()
        .map(|leaf| Member::of_credential(leaf.index.u32(), &leaf.credential, &leaf.signature_key))
        .collect::<Result<Vec<_>, _>>()?;
    let own_leaf = staged.own_leaf_index().u32();
    if !members.iter().any(|member| member.leaf == own_leaf && member.node == me.node_id()) {
        return Err(JoinError::NoKeyPackage);
    }
    Suite::of_mls(staged.group_context().ciphersuite()).ok_or(JoinError::Damaged)?.permits_members(members.len())?;
    Policy::from_extensions(staged.group_context().extensions())?.permits_members(members.iter())?;
    Ok(members)
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet_configuration())
        .build()
}

fn ratchet_configuration() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_MAX, FORWARD_DISTANCE_MAX)
}
