//! Own commits (RFC 9420 §12.4): who comes in, who goes, another policy, or new keys alone.
//!
//! A commit is made and merged in a copy of the head, which becomes its child at once; the head itself is not touched.
//! So there is no pending commit to wait for and none to withdraw: if a sibling outranks it, the head moves there.

use std::collections::BTreeMap;

use openmls::prelude::{
    Extension, KeyPackage as MlsKeyPackage, LeafNodeIndex, LeafNodeParameters, MlsGroup, UnknownExtension,
};
use openmls_traits::OpenMlsProvider;
use rand_core::CryptoRng;

use super::{
    BadKeyPackage, Evidence, Forbidden, Group, LeaveStatement, Member, Moment, Policy, Refusal, Summary,
    TOPIC_EXTENSION, Welcomes,
    authenticated::{Authenticated, Claims},
    check::check,
    framing::CommitFrame,
    key_package::{LibraryFailure, NodeSigner, credential, parse_for, reference},
    policy::Act,
    provider::Provider,
    state::{self, EpochState},
    storage::Overlay,
    tree_change::Child,
};
use crate::{
    codec::Malformed,
    envelope::{APART_BYTES_MAX, Content, MESSAGE_BYTES_MAX},
    epoch_id::EpochId,
    identity::{LocalNode, NodeId, NotValidNow},
};

/// A commit of this node's: already the head here, and to be sent to everybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// What to seal and send. It names the parent, so it goes to the parent's topic.
    pub content: Content,
    /// For those who were added: MLS's Welcome to each, to be sealed to its mailbox key.
    pub welcome: Option<Welcomes>,
    /// The epoch that the commit made.
    pub epoch: EpochId,
    /// What it did, as everybody else sees it too.
    pub summary: Summary,
}

/// Why a commit cannot be made. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// This node is not a member any more.
    #[error("this node is no longer a member of the group")]
    NotAMember,
    /// What is here comes from a backup: this node has to come back first.
    #[error("this node was restored from a backup and has not come back into the group yet: try again when it has")]
    Restored,
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
    /// The new policy breaks a limit.
    #[error("the group cannot be changed to that: {0}")]
    Policy(Malformed),
    /// The change is against the group's policy.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The commit would not fit an envelope.
    #[error("the commit has {bytes} bytes; an envelope holds {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The Welcomes could not be carried: they hold the whole tree of the group's nodes.
    #[error(
        "the group has too many devices for an invitation to hold: it would have {bytes} bytes of {APART_BYTES_MAX}"
    )]
    WelcomeTooLarge {
        /// How many it would have.
        bytes: usize,
    },
    /// The library failed: a bug, or a damaged database.
    #[error(transparent)]
    Library(#[from] LibraryFailure),
}

/// What a commit shall change. Nothing at all renews this node's keys, and its certificate if it has a new one.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    /// Key packages of the nodes that come in; a commit holds a few hundred.
    pub add: Vec<&'a [u8]>,
    /// The nodes that go. The topic secret turns over with it, so that they do not find what follows.
    pub remove: Vec<NodeId>,
    /// The new policy. What follows from the rest of the change is put into it by itself: whoever goes loses role and
    /// invites, and an invite's uses go down.
    pub policy: Option<Policy>,
    /// What makes the change right where this node's role does not.
    pub evidence: Vec<Evidence>,
}

/// What an own commit does besides renewing this node's keys.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) added: Vec<MlsKeyPackage>,
    /// Whose they are, by their references.
    pub(super) references: BTreeMap<[u8; 32], NodeId>,
    pub(super) removed: Vec<LeafNodeIndex>,
    pub(super) policy: Option<Policy>,
}

impl Group {
    /// Makes a commit in the head, which becomes the head itself. What the policy forbids is refused with the reason
    /// with which everybody else would refuse it, before anything happens.
    pub fn change<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        change: Change<'_>,
        moment: Moment,
        rng: &mut R,
    ) -> Result<Committed, CommitError> {
        let parent = self.head_state().ok_or(CommitError::NotAMember)?;
        if self.is_restored() {
            return Err(CommitError::Restored);
        }
        let plan = self.plan(parent, me, &change, moment)?;
        self.commit(me, plan, Claims { moment, evidence: change.evidence }, rng)
    }

    /// This account's word that it leaves. It is not a member any more when somebody else has made a commit with it.
    pub fn leave_statement(&self, me: &LocalNode, now_ms: u64) -> Option<LeaveStatement> {
        let gone_at_ms = self.policy()?.gone.get(&me.account_id());
        let earliest_ms = gone_at_ms.map_or(0, |at_ms| at_ms.saturating_add(1));
        Some(LeaveStatement::sign(me, self.id, now_ms.max(earliest_ms)))
    }

    /// Judges a change, and makes it ready for MLS.
    fn plan(
        &self,
        parent: &EpochState,
        me: &LocalNode,
        change: &Change<'_>,
        moment: Moment,
    ) -> Result<Plan, CommitError> {
        let mut plan = Plan::default();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for bytes in &change.add {
            let (package, member) = parse_for(parent.suite, bytes)?;
            let is_same = |other: &Member| other.node == member.node;
            if parent.members.iter().any(is_same) || added.iter().any(is_same) {
                return Err(CommitError::AlreadyMember);
            }
            member.certificate.check_time(moment.now_ms)?;
            plan.references.insert(reference(&package)?, member.node);
            plan.added.push(package);
            added.push(member);
        }
        for node in &change.remove {
            if *node == me.node_id() {
                return Err(CommitError::OwnRemoval);
            }
            let member = parent.members.iter().find(|member| member.node == *node);
            let member = member.ok_or(CommitError::NoSuchMember)?;
            plan.removed.push(LeafNodeIndex::new(member.leaf));
            removed.push(member.clone());
        }
        let committer = parent.members.iter().find(|member| member.node == me.node_id()).ok_or(LibraryFailure)?;
        let act = Act {
            group: self.id,
            suite: parent.suite,
            members: &parent.members,
            policy: &parent.policy,
            committer,
            added: &added,
            removed: &removed,
            evidence: &change.evidence,
            at_ms: moment.now_ms,
        };
        let wanted = change.policy.as_ref().unwrap_or(&parent.policy);
        let settled = act.settle(wanted.clone())?;
        settled.check().map_err(CommitError::Policy)?;
        plan.policy = Some(settled).filter(|settled| *settled != parent.policy);
        act.judge(plan.policy.as_ref())?;
        Ok(plan)
    }

    fn commit<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        plan: Plan,
        claims: Claims,
        rng: &mut R,
    ) -> Result<Committed, CommitError> {
        let parent_id = self.head();
        let parent = self.head_state().ok_or(CommitError::NotAMember)?;
        let mut rows = parent.rows.copy_for_child();
        let mut group = state::load(&rows, &self.mls_id)?;
        let provider = Provider::seeded(Overlay::writing(&mut rows), rng);
        let removes = !plan.removed.is_empty();
        let authenticated = Authenticated::Commit { parent: parent_id, claims };
        group.set_aad(authenticated.encode());
        let Authenticated::Commit { claims, .. } = authenticated else { return Err(LibraryFailure.into()) };
        let mut plan = plan;
        let added = std::mem::take(&mut plan.references);
        let (message, welcome) = stage(&mut group, &provider, me, parent, plan)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: message.len() });
        }
        let welcome = welcome.map(|bytes| Welcomes::read(&bytes, &added)).transpose().map_err(|_| LibraryFailure)?;
        if let Some(bytes) = welcome.as_ref().map(|all| all.tail().len()).filter(|bytes| *bytes > APART_BYTES_MAX) {
            return Err(CommitError::WelcomeTooLarge { bytes });
        }
        let id = CommitFrame::read(&message).map_err(|_| LibraryFailure)?.id;
        let staged = group.pending_commit().ok_or(LibraryFailure)?;
        let own_leaf = group.own_leaf_index().u32();
        let checked = check(parent.as_parent(self.id), own_leaf, staged, &claims).map_err(as_commit_error)?;
        let node = Self::child_node(parent_id, id, &group, &checked, false)?;
        group.merge_pending_commit(&provider).map_err(|_| LibraryFailure)?;
        drop(provider);
        let mut known = parent.known();
        state::learn(&mut known, &checked.added);
        let members = state::members(&group, &known).map_err(|_| LibraryFailure)?;
        let topic = (!removes).then(|| parent.topic.clone());
        let mut summary = checked.into_summary(parent_id, &parent.policy, claims.moment);
        let state = EpochState::adopt(rows, group, members, topic)?;
        summary.settle_leaves(&state.members);
        self.adopt(Child { node, state: Some(state) }, claims.moment.now_ms);
        Ok(Committed { content: Content { epoch: parent_id, message }, welcome, epoch: id, summary })
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
    // Where somebody goes, a new topic begins, which whoever comes in exports like everybody else.
    let goes_on = plan.removed.is_empty();
    let topic = UnknownExtension(parent.topic.as_bytes().to_vec());
    let topic = goes_on.then_some(Extension::Unknown(TOPIC_EXTENSION, topic));
    let has_added = !plan.added.is_empty();
    let mut builder = group
        .commit_builder()
        .force_self_update(true)
        .leaf_node_parameters(leaf_parameters(me, own))
        .propose_adds(plan.added)
        .propose_removals(plan.removed);
    if let Some(policy) = plan.policy {
        let extensions = policy.to_extensions().map_err(|_| LibraryFailure)?;
        builder = builder.propose_group_context_extensions(extensions).map_err(|_| LibraryFailure)?;
    }
    let mut builder = builder.load_psks(provider.storage()).map_err(|_| LibraryFailure)?.create_group_info(false);
    if has_added {
        builder = builder.create_group_info_with_extensions(topic).map_err(|_| LibraryFailure)?;
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
