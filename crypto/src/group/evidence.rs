//! Signed statements that a commit brings along, so that any member may make it (PROTOCOL §2.7): somebody wants to
//! leave, a node was revoked, somebody has an invite. All members check them against the parent epoch and the commit.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GroupId, Member,
    policy::{Act, InviteId, Role},
};
use crate::{
    codec::{Malformed, Reader, Writer},
    identity::{AccountId, AccountKey, AccountPublic, BadSignature, LocalNode, NodeId, Signature, SignaturePublic},
};

/// How much evidence a commit may bring.
pub const EVIDENCE_MAX: usize = 64;

/// How far the time of a leave statement and that of the commit that uses it may be apart: 30 days.
pub const LEAVE_STATEMENT_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

const VERSION: u8 = 1;
const LEAVE_CONTEXT: &str = "tidings v1 leave statement";
const REVOCATION_CONTEXT: &str = "tidings v1 revocation";
const INVITE_CONTEXT: &str = "tidings v1 invite proof";

/// Why a commit that its author could not make on its own authority is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The account wants to leave.
    Leave(LeaveStatement),
    /// The account has revoked the node.
    Revocation(Revocation),
    /// The account has the link of an invite.
    Invitation(InviteProof),
}

/// An account's word that it leaves a group, signed by one of its nodes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaveStatement {
    /// Who leaves, with all nodes.
    pub account: AccountId,
    /// The node that says so.
    pub node: NodeId,
    /// When, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// By the node's signature key.
    pub signature: Signature,
}

/// An account's word that a node of its own is not its own any more. It holds in every group and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The node.
    pub node: NodeId,
    /// By the account key.
    pub signature: Signature,
}

/// Proof that an account has the link of an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteProof {
    /// The invite.
    pub invite: InviteId,
    /// Who wants to come in.
    pub account: AccountId,
    /// By the invite's key.
    pub signature: Signature,
}

/// Why evidence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEvidence {
    /// Its signature is wrong, or by somebody whose word does not count.
    #[error("the evidence is forged")]
    Forged,
    /// It is too old, or from too far in the future.
    #[error("the evidence has expired")]
    Expired,
    /// It was made before its account was last a member.
    #[error("the evidence is from before the account came back")]
    Outdated,
    /// The commit does not do what it is evidence for, or does it without.
    #[error("the evidence is for something that the change does not do")]
    Unneeded,
    /// There is no such invite: it was revoked or used up.
    #[error("the invitation was withdrawn or used up")]
    NoSuchInvite,
    /// The invite's time is over.
    #[error("the invitation has expired")]
    InviteExpired,
    /// Somebody who may add people has to agree.
    #[error("the invitation needs the approval of somebody who may add people")]
    NeedsApproval,
}

/// Somebody who came in by an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// Who came in.
    pub account: AccountId,
    /// By which invite.
    pub invite: InviteId,
    /// Who had made the invite.
    pub creator: AccountId,
    pub(super) role: Role,
    pub(super) approval: bool,
}

/// What a commit's evidence proves.
#[derive(Debug, Default)]
pub(super) struct Proven {
    /// Accounts that leave, and when they said so.
    pub(super) left: BTreeMap<AccountId, u64>,
    pub(super) revoked: BTreeSet<NodeId>,
    pub(super) joins: Vec<Join>,
}

impl LeaveStatement {
    /// This node's account leaves the group. See [`super::Group::leave_statement`].
    pub(super) fn sign(me: &LocalNode, group: GroupId, made_at_ms: u64) -> Self {
        let (account, node) = (me.account_id(), me.node_id());
        let signature = me.keys.sign(LEAVE_CONTEXT, &leave_bytes(group, account, node, made_at_ms));
        Self { account, node, made_at_ms, signature }
    }

    /// Verifies that a node with this signature key said so of this group.
    pub fn verify(&self, group: GroupId, key: &SignaturePublic) -> Result<(), BadSignature> {
        let bytes = leave_bytes(group, self.account, self.node, self.made_at_ms);
        key.verify(LEAVE_CONTEXT, &bytes, &self.signature)
    }

    /// The statement's bytes, to be told to the group: not in an application message, since who only reads leaves too.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(writer.u8(VERSION));
        writer.into_bytes()
    }

    /// Reads what [`LeaveStatement::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        alone(bytes, Self::read)
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(&self.account.0).array(&self.node.0).u64(self.made_at_ms).array(&self.signature.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            account: AccountId(reader.array()?),
            node: NodeId(reader.array()?),
            made_at_ms: reader.u64()?,
            signature: Signature(reader.array()?),
        })
    }
}

impl Revocation {
    /// Revokes a node of this account.
    pub fn sign(account: &AccountKey, node: NodeId) -> Self {
        Self { node, signature: account.sign(REVOCATION_CONTEXT, &node.0) }
    }

    /// Verifies that the account revoked the node. Whether the node is the account's is for the caller to know.
    pub fn verify(&self, account: &AccountPublic) -> Result<(), BadSignature> {
        account.verify(REVOCATION_CONTEXT, &self.node.0, &self.signature)
    }

    /// The revocation's bytes, to be told to others.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(writer.u8(VERSION));
        writer.into_bytes()
    }

    /// Reads what [`Revocation::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        alone(bytes, Self::read)
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(&self.node.0).array(&self.signature.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { node: NodeId(reader.array()?), signature: Signature(reader.array()?) })
    }
}

impl InviteProof {
    /// Signs with an invite's key: see [`super::InviteSeed::prove`].
    pub(super) fn sign(
        invite: InviteId,
        group: GroupId,
        account: AccountId,
        key: impl FnOnce(&'static str, &[u8]) -> Signature,
    ) -> Self {
        Self { invite, account, signature: key(INVITE_CONTEXT, &invite_bytes(group, invite, account)) }
    }

    /// Verifies that whoever signed has the link of the invite with this key, and named this group and this account.
    pub fn verify(&self, group: GroupId, key: &SignaturePublic) -> Result<(), BadSignature> {
        key.verify(INVITE_CONTEXT, &invite_bytes(group, self.invite, self.account), &self.signature)
    }

    /// The proof's bytes, to be shown to a member.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(writer.u8(VERSION));
        writer.into_bytes()
    }

    /// Reads what [`InviteProof::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        alone(bytes, Self::read)
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(&self.invite.0).array(&self.account.0).array(&self.signature.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            invite: InviteId(reader.array()?),
            account: AccountId(reader.array()?),
            signature: Signature(reader.array()?),
        })
    }
}

impl Evidence {
    pub(super) fn write_all(evidence: &[Self], writer: &mut Writer) {
        writer.count(evidence.len());
        for evidence in evidence {
            match evidence {
                Self::Leave(statement) => statement.write(writer.u8(1)),
                Self::Revocation(revocation) => revocation.write(writer.u8(2)),
                Self::Invitation(proof) => proof.write(writer.u8(3)),
            }
        }
    }

    pub(super) fn read_all(reader: &mut Reader<'_>) -> Result<Vec<Self>, Malformed> {
        let mut evidence = Vec::new();
        for _ in 0..reader.count("the evidence", EVIDENCE_MAX)? {
            evidence.push(match reader.u8()? {
                1 => Self::Leave(LeaveStatement::read(reader)?),
                2 => Self::Revocation(Revocation::read(reader)?),
                3 => Self::Invitation(InviteProof::read(reader)?),
                _ => return Err(Malformed::Invalid { what: "the kind of evidence" }),
            });
        }
        Ok(evidence)
    }
}

fn alone<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>) -> Result<T, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION)?;
    let value = read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

fn leave_bytes(group: GroupId, account: AccountId, node: NodeId, made_at_ms: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(&group.0).array(&account.0).array(&node.0).u64(made_at_ms);
    writer.into_bytes()
}

fn invite_bytes(group: GroupId, invite: InviteId, account: AccountId) -> Vec<u8> {
    [group.0.as_slice(), &invite.0, &account.0].concat()
}

/// Checks all evidence of a commit. What the commit does not need is refused like what is forged: a commit has one
/// meaning, and nobody carries signatures about for nothing.
pub(super) fn prove(act: &Act<'_>) -> Result<Proven, BadEvidence> {
    let mut proven = Proven::default();
    for evidence in act.evidence {
        match evidence {
            Evidence::Leave(statement) => {
                let made_at_ms = prove_leave(act, statement)?;
                if proven.left.insert(statement.account, made_at_ms).is_some() {
                    return Err(BadEvidence::Unneeded);
                }
            }
            Evidence::Revocation(revocation) => {
                let revoked = act.removed.iter().find(|member| member.node == revocation.node);
                let member = revoked.ok_or(BadEvidence::Unneeded)?;
                revocation.verify(&member.certificate.account()).map_err(|_| BadEvidence::Forged)?;
                if !proven.revoked.insert(revocation.node) {
                    return Err(BadEvidence::Unneeded);
                }
            }
            Evidence::Invitation(proof) => {
                let join = prove_invitation(act, proof, &proven.joins)?;
                proven.joins.push(join);
            }
        }
    }
    Ok(proven)
}

/// A leave statement takes all nodes of its account away, and is made by one of them.
fn prove_leave(act: &Act<'_>, statement: &LeaveStatement) -> Result<u64, BadEvidence> {
    let is_theirs = |member: &&Member| member.account == statement.account;
    let mut nodes = act.members.iter().filter(is_theirs);
    let is_whole = nodes.all(|member| act.removed.iter().any(|gone| gone.leaf == member.leaf));
    if !is_whole || act.added.iter().any(|added| is_theirs(&added)) {
        return Err(BadEvidence::Unneeded);
    }
    let mut nodes = act.members.iter().filter(is_theirs);
    let signer = nodes.find(|member| member.node == statement.node).ok_or(BadEvidence::Forged)?;
    statement.verify(act.group, &signer.certificate.signature_key()).map_err(|_| BadEvidence::Forged)?;
    if act.at_ms.abs_diff(statement.made_at_ms) > LEAVE_STATEMENT_MS_MAX {
        return Err(BadEvidence::Expired);
    }
    let void_until_ms = act.policy.gone.get(&statement.account);
    if void_until_ms.is_some_and(|until_ms| statement.made_at_ms <= *until_ms) {
        return Err(BadEvidence::Outdated);
    }
    Ok(statement.made_at_ms)
}

/// An invite lets in accounts that are not there yet, as many as it has uses left.
fn prove_invitation(act: &Act<'_>, proof: &InviteProof, joins: &[Join]) -> Result<Join, BadEvidence> {
    let is_theirs = |member: &Member| member.account == proof.account;
    let is_repeated = joins.iter().any(|join| join.account == proof.account);
    if is_repeated || act.members.iter().any(is_theirs) || !act.added.iter().any(is_theirs) {
        return Err(BadEvidence::Unneeded);
    }
    let invite = act.policy.invite(proof.invite).ok_or(BadEvidence::NoSuchInvite)?;
    proof.verify(act.group, &invite.key).map_err(|_| BadEvidence::Forged)?;
    if act.at_ms > invite.expires_at_ms {
        return Err(BadEvidence::InviteExpired);
    }
    let used = joins.iter().filter(|join| join.invite == proof.invite).count();
    if invite.uses.is_some_and(|uses| used >= usize::from(uses)) {
        return Err(BadEvidence::NoSuchInvite);
    }
    let (account, creator) = (proof.account, invite.creator);
    // Whoever was put out does not walk in again by the next link.
    let approval = invite.approval || act.policy.gone.contains_key(&account);
    Ok(Join { account, invite: proof.invite, creator, role: invite.role, approval })
}
