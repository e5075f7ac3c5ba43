//! What a group does with a message or a commit from outside (PROTOCOL §3).
//!
//! No outcome but [`Received::Message`] and [`Received::Committed`] (and the tombstone of [`Received::RemovedHere`])
//! changes the group: a message is decrypted in rows that can be rolled back, a commit is processed in a copy.

use openmls::framing::errors::{MessageDecryptionError, SecretTreeError as SecretTreeFault};
use openmls::prelude::{
    ContentType, MlsMessageBodyIn, MlsMessageIn, PrivateMessageIn, ProcessMessageError, ProcessedMessageContent,
    PublicMessageIn, Sender, StageCommitError, ValidationError,
    tls_codec::{DeserializeBytes, Serialize},
};
use zeroize::Zeroizing;

use super::{
    Forbidden, Group, Member, Refusal, Summary,
    authenticated::{Authenticated, COMMIT_AHEAD_MS_MAX, Claims},
    check::{check, check_return},
    epochs::{Insertion, NodeKind, Place},
    framing::CommitFrame,
    key_package::LibraryFailure,
    provider::Provider,
    state::{self, EpochState},
    storage::{Overlay, StorageFault},
    tree_change::Child,
};
use crate::{
    envelope::{Content, MESSAGE_BYTES_MAX},
    epoch_id::EpochId,
};

/// What became of something received.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most of what is received is messages, and they want no allocation more")]
pub enum Received {
    /// Somebody wrote this.
    Message {
        /// The epoch it was written in.
        epoch: EpochId,
        /// Who wrote it.
        sender: Member,
        /// What they wrote.
        payload: Zeroizing<Vec<u8>>,
    },
    /// The group has a new epoch. Whatever was parked for it can be received now.
    Committed {
        /// The epoch that the commit made.
        epoch: EpochId,
        /// Whether the head is another epoch than before.
        head_moved: bool,
        /// What the commit did.
        summary: Box<Summary>,
    },
    /// It belongs to an epoch that is not known yet: keep it until a commit makes that epoch.
    UnknownEpoch(EpochId),
    /// It is there already, or it is this node's own.
    Known,
    /// It removed this node, or belongs to an epoch in which this node is not a member.
    RemovedHere {
        /// What the commit did that removed this node just now.
        summary: Option<Box<Summary>>,
    },
    /// It is hostile or damaged.
    Refused(Refusal),
    /// It belongs to an epoch that was forgotten here: whoever wrote it can write it again where the group is now.
    Gone,
    /// Its epoch is known, but its key was used before or is out of reach.
    Unreadable,
    /// It is a commit that states a time too far ahead. It is taken when that time comes.
    TooEarly,
    /// It is a commit on an epoch whose secrets were destroyed before it came: it takes part in the rule, and this node
    /// has no keys for what it made. If it wins, this node is stranded.
    Late(EpochId),
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message { epoch, sender, .. } => {
                f.debug_struct("Message").field("epoch", epoch).field("sender", &sender.node).finish_non_exhaustive()
            }
            Self::Committed { epoch, head_moved, summary } => f
                .debug_struct("Committed")
                .field("epoch", epoch)
                .field("committer", &summary.committer.node)
                .field("head_moved", head_moved)
                .finish_non_exhaustive(),
            Self::UnknownEpoch(epoch) => f.debug_tuple("UnknownEpoch").field(epoch).finish(),
            Self::Known => f.write_str("Known"),
            Self::RemovedHere { .. } => f.write_str("RemovedHere"),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Self::Gone => f.write_str("Gone"),
            Self::Unreadable => f.write_str("Unreadable"),
            Self::TooEarly => f.write_str("TooEarly"),
            Self::Late(epoch) => f.debug_tuple("Late").field(epoch).finish(),
        }
    }
}

impl From<Refusal> for Received {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What has the outside of a message or a commit.
enum Unpacked {
    Message { epoch: EpochId, message: PrivateMessageIn },
    Commit { parent: EpochId, claims: Claims, id: EpochId, message: PublicMessageIn },
}

/// Why something whose epoch is known changes nothing.
#[derive(Clone, Copy)]
enum Stopped {
    Refused(Refusal),
    Own,
    /// This node made the commit, and has lost what it made: its database is an older one.
    OwnCommit,
    Unreadable,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A library that fails on our own state leaves nothing to read; the sender is not to blame for it.
impl From<LibraryFailure> for Stopped {
    fn from(_: LibraryFailure) -> Self {
        Self::Unreadable
    }
}

impl From<Stopped> for Received {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(refusal) => Self::Refused(refusal),
            Stopped::Own => Self::Known,
            Stopped::OwnCommit | Stopped::Unreadable => Self::Unreadable,
        }
    }
}

impl Group {
    /// Takes in a message or a commit. The same contents, in whatever order, lead to the same tree and the same head,
    /// provided that what is [`Received::UnknownEpoch`] is offered again when that epoch has come.
    pub fn receive(&mut self, content: &Content, now_ms: u64) -> Received {
        match self.unpack(content) {
            Ok(Unpacked::Message { epoch, message }) => self.receive_message(epoch, message),
            Ok(Unpacked::Commit { parent, claims, id, message }) => {
                self.receive_commit(parent, &claims, id, message, now_ms)
            }
            Err(refusal) => refusal.into(),
        }
    }

    /// What a commit says of itself.
    pub(super) fn commit_claims(&self, content: &Content) -> Option<Claims> {
        match self.unpack(content) {
            Ok(Unpacked::Commit { claims, .. }) => Some(claims),
            _ => None,
        }
    }

    /// Decodes, and checks everything that can be seen without keys: a commit is public, a message private.
    fn unpack(&self, content: &Content) -> Result<Unpacked, Refusal> {
        if content.message.len() > MESSAGE_BYTES_MAX {
            return Err(Refusal::Malformed);
        }
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&content.message).map_err(|_| Refusal::Malformed)?;
        match message.extract() {
            MlsMessageBodyIn::PrivateMessage(message) => self.unpack_message(content, message),
            MlsMessageBodyIn::PublicMessage(message) => self.unpack_commit(content, message),
            _ => Err(Refusal::Malformed),
        }
    }

    fn unpack_message(&self, content: &Content, message: PrivateMessageIn) -> Result<Unpacked, Refusal> {
        if message.content_type() != ContentType::Application {
            return Err(Refusal::Malformed);
        }
        if *message.group_id() != self.mls_id {
            return Err(Refusal::OtherGroup);
        }
        match Authenticated::decode(message.aad()) {
            Ok(Authenticated::Message { epoch }) if epoch == content.epoch => Ok(Unpacked::Message { epoch, message }),
            _ => Err(Refusal::Relabelled),
        }
    }

    fn unpack_commit(&self, content: &Content, message: PublicMessageIn) -> Result<Unpacked, Refusal> {
        let frame = CommitFrame::read(&content.message).map_err(|_| Refusal::Malformed)?;
        // One commit has one encoding, or it would have several names.
        let encoded = message.tls_serialize_detached().map_err(|_| Refusal::Malformed)?;
        if content.message.get(frame.body_at..) != Some(encoded.as_slice()) {
            return Err(Refusal::Malformed);
        }
        if *message.group_id() != self.mls_id {
            return Err(Refusal::OtherGroup);
        }
        match Authenticated::decode(frame.authenticated) {
            Ok(Authenticated::Commit { parent, claims }) if parent == content.epoch => {
                Ok(Unpacked::Commit { parent, claims, id: frame.id, message })
            }
            _ => Err(Refusal::Relabelled),
        }
    }

    fn receive_message(&mut self, epoch: EpochId, message: PrivateMessageIn) -> Received {
        match self.tree.place(epoch) {
            Place::Here(node) if node.kind == NodeKind::Tombstone => return Received::RemovedHere { summary: None },
            Place::Here(node) if matches!(node.kind, NodeKind::Skeleton | NodeKind::Ghost) => return Received::Gone,
            Place::Here(_) => {}
            Place::Gone => return Received::Gone,
            Place::Unknown if self.is_before_root(message.epoch().as_u64()) => return Received::Gone,
            Place::Unknown => return Received::UnknownEpoch(epoch),
        }
        self.note_use(epoch);
        let Some(state) = self.states.get_mut(&epoch) else { return Received::Unreadable };
        match decrypt(state, &self.mls_id, message) {
            Ok((sender, payload)) => {
                state.keep();
                Received::Message { epoch, sender, payload }
            }
            Err(stopped) => {
                state.undo();
                stopped.into()
            }
        }
    }

    fn receive_commit(
        &mut self,
        parent: EpochId,
        claims: &Claims,
        id: EpochId,
        message: PublicMessageIn,
        now_ms: u64,
    ) -> Received {
        if self.tree.node(id).is_some() {
            return Received::Known;
        }
        match self.tree.place(parent) {
            Place::Here(node) if node.kind == NodeKind::Tombstone => return Received::RemovedHere { summary: None },
            Place::Here(node) if node.kind == NodeKind::Detached => return self.pass_over(id, parent),
            Place::Here(node) if matches!(node.kind, NodeKind::Skeleton | NodeKind::Ghost) => {
                return self.receive_late_commit(parent, claims, id, message, now_ms);
            }
            Place::Here(_) => {}
            Place::Gone => return self.pass_over(id, parent),
            Place::Unknown if self.is_before_root(message.epoch().as_u64()) => return self.pass_over(id, parent),
            Place::Unknown => return Received::UnknownEpoch(parent),
        }
        let head_before = self.head();
        let (child, mut outcome) = match self.materialise(parent, claims, id, message.clone()) {
            Ok(materialised) => materialised,
            Err(Stopped::OwnCommit) => return self.receive_late_commit(parent, claims, id, message, now_ms),
            Err(stopped) => return stopped.into(),
        };
        if claims.moment.now_ms > now_ms.saturating_add(COMMIT_AHEAD_MS_MAX) {
            return Received::TooEarly;
        }
        let head_now = match self.adopt(child, now_ms) {
            Insertion::Inserted => self.head(),
            Insertion::Known => return Received::Known,
            Insertion::Gone => return Received::Gone,
            Insertion::UnknownParent => return Received::UnknownEpoch(parent),
        };
        if let Received::Committed { head_moved, .. } = &mut outcome {
            *head_moved = head_now != head_before;
        }
        outcome
    }

    /// A commit can never be followed here, and so what it makes is gone as well.
    fn pass_over(&mut self, id: EpochId, parent: EpochId) -> Received {
        self.tree.pass_over(id, parent);
        Received::Gone
    }

    /// Whether an epoch of this number can never come any more.
    fn is_before_root(&self, number: u64) -> bool {
        let Some(root) = self.tree.node(self.tree.root()) else { return false };
        // What stands beside an epoch by which this node came back follows one that it will never have.
        number < root.number || (number == root.number && root.kind == NodeKind::Skeleton)
    }

    /// Processes a commit in a copy of its parent: the child, and what to tell if the tree takes it.
    fn materialise(
        &self,
        parent_id: EpochId,
        claims: &Claims,
        id: EpochId,
        message: PublicMessageIn,
    ) -> Result<(Child, Received), Stopped> {
        let parent = self.states.get(&parent_id).ok_or(Stopped::Unreadable)?;
        let mut rows = parent.rows.copy_for_child();
        let mut group = state::load(&rows, &self.mls_id)?;
        let provider = Provider::without_randomness(Overlay::writing(&mut rows));
        let processed = group.process_message(&provider, message).map_err(|error| stopped(&error))?;
        let sender = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(Refusal::Invalid.into());
        };
        let judged_by = parent.as_parent(self.id);
        let checked = match sender {
            Sender::Member(leaf) => check(judged_by, leaf.u32(), &staged, claims)?,
            // It takes the place of this very node, and nobody else can: its keys were in what this node has lost.
            Sender::NewMemberCommit if staged.self_removed() => return Err(Stopped::OwnCommit),
            Sender::NewMemberCommit => check_return(judged_by, &staged, claims)?,
            _ => return Err(Refusal::Invalid.into()),
        };
        let tombstone = staged.self_removed();
        let node = Self::child_node(parent_id, id, &group, &checked, tombstone)?;
        let removes = !checked.removed.is_empty();
        let mut known = parent.known();
        state::learn(&mut known, &checked.added);
        let mut summary = Box::new(checked.into_summary(parent_id, &parent.policy, claims.moment));
        if tombstone {
            return Ok((Child { node, state: None }, Received::RemovedHere { summary: Some(summary) }));
        }
        group.merge_staged_commit(&provider, *staged).map_err(|_| LibraryFailure)?;
        drop(provider);
        let members = state::members(&group, &known).map_err(Refusal::Leaf)?;
        let topic = (!removes).then(|| parent.topic.clone());
        let state = EpochState::adopt(rows, group, members, topic)?;
        summary.settle_leaves(&state.members);
        let outcome = Received::Committed { epoch: id, head_moved: false, summary };
        Ok((Child { node, state: Some(state) }, outcome))
    }
}

/// Decrypts with an epoch's live state; the caller keeps or undoes what that did.
fn decrypt(
    state: &mut EpochState,
    id: &openmls::prelude::GroupId,
    message: PrivateMessageIn,
) -> Result<(Member, Zeroizing<Vec<u8>>), Stopped> {
    let (group, rows) = state.open(id)?;
    let provider = Provider::without_randomness(Overlay::writing(rows));
    let processed = group.process_message(&provider, message).map_err(|error| stopped(&error))?;
    let &Sender::Member(sender_leaf) = processed.sender() else { return Err(Refusal::Invalid.into()) };
    match processed.into_content() {
        ProcessedMessageContent::ApplicationMessage(application) => {
            let payload = Zeroizing::new(application.into_bytes());
            let sender = state.member(sender_leaf.u32()).ok_or(Refusal::Invalid)?.clone();
            if !state.may_write(&sender.account) {
                return Err(Refusal::Forbidden(Forbidden::Writing).into());
            }
            Ok((sender, payload))
        }
        ProcessedMessageContent::OwnPrivateMessage => Err(Stopped::Own),
        _ => Err(Refusal::Invalid.into()),
    }
}

fn stopped(error: &ProcessMessageError<StorageFault>) -> Stopped {
    use MessageDecryptionError::{GenerationOutOfBound, SecretTreeError};
    use SecretTreeFault::{SecretReuseError, TooDistantInTheFuture, TooDistantInThePast};
    use ValidationError::UnableToDecrypt;

    match error {
        // Made by this node in a state it does not remember: a restored or cloned database.
        ProcessMessageError::InvalidCommit(StageCommitError::OwnCommitMismatch) => Stopped::OwnCommit,
        ProcessMessageError::StorageError(_)
        | ProcessMessageError::GroupStateError(_)
        | ProcessMessageError::ValidationError(UnableToDecrypt(
            GenerationOutOfBound | SecretTreeError(SecretReuseError | TooDistantInTheFuture | TooDistantInThePast),
        )) => Stopped::Unreadable,
        _ => Refusal::Invalid.into(),
    }
}
