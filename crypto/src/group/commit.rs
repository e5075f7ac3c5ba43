//! Own commits: add, remove, update (RFC 9420 §12.4).
//!
//! A commit is made and merged in a copy of the head, which becomes its child at once; the head itself is not touched.
//! So there is no pending commit to wait for and none to withdraw: if a sibling outranks it, the head moves there.

use openmls::prelude::{
    Extension, KeyPackage as MlsKeyPackage, LeafNodeIndex, LeafNodeParameters, MlsGroup, UnknownExtension,
};
use openmls_traits::OpenMlsProvider;
use rand_core::CryptoRng;

use super::{
    BadKeyPackage, Forbidden, Group, Member, Refusal, TOPIC_EXTENSION,
    authenticated::Authenticated,
    check::check,
    framing::CommitFrame,
    key_package::{LibraryFailure, NodeSigner, credential, parse},
    provider::Provider,
    state::{self, EpochState},
    storage::Overlay,
    tree_change::Child,
};
use crate::{
    envelope::{Content, MESSAGE_BYTES_MAX},
    epoch_id::EpochId,
    identity::{LocalNode, NodeId, NotValidNow},
};

/// A commit of this node's: already the head here, and to be sent to everybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// What to seal and send. It names the parent, so it goes to the parent's topic.
    pub content: Content,
    /// For those who were added: MLS's Welcome, to be sealed to each one's mailbox key.
    pub welcome: Option<Vec<u8>>,
    /// The epoch that the commit made.
    pub epoch: EpochId,
}

/// Why a commit cannot be made. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// This node is not a member any more.
    #[error("this node is no longer a member of the group")]
    NotAMember,
    /// There is nobody to add or to remove.
    #[error("there is nobody to add or to remove")]
    NothingToDo,
    /// The tree of epochs is full.
    #[error("the group has changed too often for one more change to be kept")]
    TreeFull,
    /// A key package cannot be used.
    #[error(transparent)]
    KeyPackage(#[from] BadKeyPackage),
    /// A node to be added is there already.
    #[error("the node is a member already")]
    AlreadyMember,
    /// A node to be removed is not there.
    #[error("the node is not a member")]
    NoSuchMember,
    /// Nobody can remove itself: MLS does not allow it.
    #[error("a node cannot remove itself")]
    OwnRemoval,
    /// This node's certificate, or that of a node to be added, is not valid now.
    #[error(transparent)]
    NotValidNow(#[from] NotValidNow),
    /// The change is against the group's policy.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The commit would not fit an envelope.
    #[error("the commit has {bytes} bytes; an envelope holds {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The library failed: a bug, or a damaged database.
    #[error(transparent)]
    Library(#[from] LibraryFailure),
}

/// What an own commit does besides renewing this node's keys.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) added: Vec<MlsKeyPackage>,
    pub(super) removed: Vec<LeafNodeIndex>,
}

impl Group {
    /// Adds the nodes that these key packages belong to. All of them get the same Welcome.
    pub fn add<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        key_packages: &[&[u8]],
        now_ms: u64,
        rng: &mut R,
    ) -> Result<Committed, CommitError> {
        let mut plan = Plan::default();
        let members = &self.head_state().ok_or(CommitError::NotAMember)?.members;
        for bytes in key_packages {
            let (package, member) = parse(bytes)?;
            if members.iter().any(|present| present.node == member.node) {
                return Err(CommitError::AlreadyMember);
            }
            plan.added.push(package);
        }
        if plan.added.is_empty() { Err(CommitError::NothingToDo) } else { self.commit(me, plan, now_ms, rng) }
    }

    /// Removes nodes. The topic secret turns over with it, so that they do not find what follows.
    pub fn remove<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        nodes: &[NodeId],
        now_ms: u64,
        rng: &mut R,
    ) -> Result<Committed, CommitError> {
        let mut plan = Plan::default();
        let members = &self.head_state().ok_or(CommitError::NotAMember)?.members;
        for node in nodes {
            if *node == me.node_id() {
                return Err(CommitError::OwnRemoval);
            }
            let member = members.iter().find(|member| member.node == *node).ok_or(CommitError::NoSuchMember)?;
            plan.removed.push(LeafNodeIndex::new(member.leaf));
        }
        if plan.removed.is_empty() { Err(CommitError::NothingToDo) } else { self.commit(me, plan, now_ms, rng) }
    }

    /// Renews this node's keys in the group, and its certificate if it has a new one.
    pub fn update<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        now_ms: u64,
        rng: &mut R,
    ) -> Result<Committed, CommitError> {
        self.commit(me, Plan::default(), now_ms, rng)
    }

    fn commit<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        plan: Plan,
        now_ms: u64,
        rng: &mut R,
    ) -> Result<Committed, CommitError> {
        let parent_id = self.head();
        let parent = self.head_state().ok_or(CommitError::NotAMember)?;
        if self.tree.is_full() {
            return Err(CommitError::TreeFull);
        }
        let mut rows = parent.rows.copy_for_child();
        let mut group = state::load(&rows, &self.mls_id)?;
        let provider = Provider::seeded(Overlay::writing(&mut rows), rng);
        let removes = !plan.removed.is_empty();
        group.set_aad(Authenticated::Commit { parent: parent_id, committed_at_ms: now_ms }.encode());
        let (message, welcome) = stage(&mut group, &provider, me, parent, plan)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: message.len() });
        }
        let id = CommitFrame::read(&message).map_err(|_| LibraryFailure)?.id;
        let staged = group.pending_commit().ok_or(LibraryFailure)?;
        let checked = check(parent, group.own_leaf_index().u32(), staged, now_ms).map_err(as_commit_error)?;
        let node = Self::child_node(parent_id, id, &group, &checked, false)?;
        group.merge_pending_commit(&provider).map_err(|_| LibraryFailure)?;
        drop(provider);
        let members = state::members(&group, &parent.known()).map_err(|_| LibraryFailure)?;
        let topic = (!removes).then(|| parent.topic.clone());
        let state = EpochState::adopt(rows, group, members, topic)?;
        self.adopt(Child { node, state: Some(state) });
        Ok(Committed { content: Content { epoch: parent_id, message }, welcome, epoch: id })
    }
}

/// Builds and stages the commit: its bytes and the Welcome's.
pub(super) fn stage(
    group: &mut MlsGroup,
    provider: &Provider<'_>,
    me: &LocalNode,
    parent: &EpochState,
    plan: Plan,
) -> Result<(Vec<u8>, Option<Vec<u8>>), CommitError> {
    let own = parent.member(group.own_leaf_index().u32()).ok_or(LibraryFailure)?;
    let topic = Extension::Unknown(TOPIC_EXTENSION, UnknownExtension(parent.topic.as_bytes().to_vec()));
    let has_added = !plan.added.is_empty();
    let mut builder = group
        .commit_builder()
        .force_self_update(true)
        .leaf_node_parameters(leaf_parameters(me, own))
        .propose_adds(plan.added)
        .propose_removals(plan.removed)
        .load_psks(provider.storage())
        .map_err(|_| LibraryFailure)?
        .create_group_info(false);
    if has_added {
        builder = builder.create_group_info_with_extensions([topic]).map_err(|_| LibraryFailure)?;
    }
    let bundle = builder
        .build(provider.rand(), provider.crypto(), &NodeSigner(&me.keys), |_| true)
        .map_err(|_| LibraryFailure)?
        .stage_commit(provider)
        .map_err(|_| LibraryFailure)?;
    let welcome = bundle.to_welcome_msg().map(|welcome| welcome.to_bytes()).transpose().map_err(|_| LibraryFailure)?;
    let message = bundle.commit().to_bytes().map_err(|_| LibraryFailure)?;
    Ok((message, welcome))
}

/// A new leaf keeps its credential unless the node's certificate was renewed.
fn leaf_parameters(me: &LocalNode, own: &Member) -> LeafNodeParameters {
    let builder = LeafNodeParameters::builder();
    if own.certificate == me.certificate {
        builder.build()
    } else {
        builder.with_credential_with_key(credential(me)).build()
    }
}

fn as_commit_error(refusal: Refusal) -> CommitError {
    match refusal {
        Refusal::NotValid(reason) => CommitError::NotValidNow(reason),
        Refusal::Forbidden(reason) => CommitError::Forbidden(reason),
        _ => CommitError::Library(LibraryFailure),
    }
}
