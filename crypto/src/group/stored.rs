//! How a group is saved: rows that the caller writes in its own transaction, and reads back (PROTOCOL §8).

use zeroize::Zeroizing;

use super::{
    GroupId,
    epochs::{EpochNode, NodeKind, NotATree, Rank, RankClass, RemovedEpoch},
};
use crate::{
    codec::{Malformed, Reader, Writer},
    epoch_id::{ABOVE_MAX, EpochId},
    identity::NodeId,
};

/// Version 1 knew tombstones only, and no times; version 2 did not know what is above the root.
const ROW_VERSION: u8 = 3;

/// One epoch of the tree. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRow {
    /// The epoch.
    pub id: EpochId,
    /// Its place in the tree.
    pub node: EpochNode,
    /// Of the root, the epochs above it; of others none.
    pub above: Vec<EpochId>,
}

/// One piece of an epoch's MLS state. The value is secret: seal it before it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StateRow {
    /// The epoch.
    pub epoch: EpochId,
    /// What is stored; at most a few dozen bytes, unique within the epoch.
    pub key: Vec<u8>,
    /// The state itself.
    pub value: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for StateRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateRow").field("epoch", &self.epoch).field("key", &self.key).finish_non_exhaustive()
    }
}

/// What changed since the last save. Write all of it in one transaction, deletions of epochs first: an epoch that is
/// deleted and put loses its secrets, so what was saved of it must be gone, and its key with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChanges {
    /// Epochs that are new or have changed.
    pub epochs_put: Vec<EpochRow>,
    /// Epochs that are gone, each with all of its state.
    pub epochs_deleted: Vec<EpochId>,
    /// State that is new or has changed.
    pub state_put: Vec<StateRow>,
    /// State that is gone, of epochs that stay.
    pub state_deleted: Vec<(EpochId, Vec<u8>)>,
    /// Epochs that were removed, to be remembered after those before; the last
    /// [`REMOVED_EPOCHS_MAX`](super::epochs::REMOVED_EPOCHS_MAX) are enough.
    pub epochs_removed: Vec<RemovedEpoch>,
    /// The newest ballot of a node, as it was signed, and what this node knows about it.
    pub ballots_put: Vec<(NodeId, Vec<u8>)>,
    /// Nodes whose ballots count nowhere any more.
    pub ballots_deleted: Vec<NodeId>,
}

impl GroupChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.epochs_put.is_empty()
            && self.epochs_deleted.is_empty()
            && self.state_put.is_empty()
            && self.state_deleted.is_empty()
            && self.epochs_removed.is_empty()
            && self.ballots_put.is_empty()
            && self.ballots_deleted.is_empty()
    }
}

/// A group as it was saved.
#[derive(Clone, Debug)]
pub struct StoredGroup {
    /// Which group.
    pub id: GroupId,
    /// All of its epochs.
    pub epochs: Vec<EpochRow>,
    /// All state of all of its epochs.
    pub state: Vec<StateRow>,
    /// The members' ballots as they were saved, one a node.
    pub ballots: Vec<Vec<u8>>,
    /// The epochs that were removed, oldest first.
    pub removed: Vec<RemovedEpoch>,
}

/// Why saved rows are not a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The epochs do not make a tree.
    #[error("the saved group is damaged: {0}")]
    Tree(#[from] NotATree),
    /// A ballot cannot be read.
    #[error("the saved group is damaged: a ballot cannot be read")]
    Ballot,
    /// An epoch's state is missing or cannot be read, or there is state without an epoch.
    #[error("the saved group is damaged: the state of an epoch cannot be read")]
    State,
}

impl EpochRow {
    /// The row's bytes, for a database that keeps them as one blob.
    pub fn encode(&self) -> Vec<u8> {
        let EpochNode { parent, number, rank, committer, kind, since_ms, passed_ms, settled_ms } = self.node;
        let class = match rank.class {
            RankClass::Removal => 0,
            RankClass::TakesAway => 2,
            RankClass::Other => 1,
        };
        let kind = match kind {
            NodeKind::Held => 0,
            NodeKind::Tombstone => 1,
            NodeKind::Skeleton => 2,
            NodeKind::Ghost => 3,
            NodeKind::Detached => 4,
        };
        let mut writer = Writer::new();
        writer.u8(ROW_VERSION).array(&self.id.0);
        write_optional(&mut writer, parent.map(|id| id.0));
        writer.u64(number).u8(class).u8(rank.power).array(&rank.lottery);
        write_optional(&mut writer, committer.map(|id| id.0));
        // No time is 0, which is long past.
        writer.u8(kind).u64(since_ms).u64(passed_ms.unwrap_or_default()).u64(settled_ms.unwrap_or_default());
        writer.count(self.above.len());
        for epoch in &self.above {
            writer.array(&epoch.0);
        }
        writer.into_bytes()
    }

    /// Reads what [`EpochRow::encode`] wrote, in this version or an earlier one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let version = bytes.first().copied().filter(|version| *version < ROW_VERSION).unwrap_or(ROW_VERSION);
        reader.version(version)?;
        let id = EpochId(reader.array()?);
        let parent = read_optional(&mut reader)?.map(EpochId);
        let number = reader.u64()?;
        let class = match reader.u8()? {
            0 => RankClass::Removal,
            1 => RankClass::Other,
            2 => RankClass::TakesAway,
            _ => return Err(Malformed::Invalid { what: "the class of a commit" }),
        };
        let rank = Rank { class, power: reader.u8()?, lottery: reader.array()?, commit: id };
        let committer = read_optional(&mut reader)?.map(NodeId);
        let kind = match reader.u8()? {
            0 => NodeKind::Held,
            1 => NodeKind::Tombstone,
            2 => NodeKind::Skeleton,
            3 => NodeKind::Ghost,
            4 => NodeKind::Detached,
            _ => return Err(Malformed::Invalid { what: "the kind of an epoch" }),
        };
        let mut node =
            EpochNode { parent, number, rank, committer, kind, since_ms: 0, passed_ms: None, settled_ms: None };
        if version > 1 {
            node.since_ms = reader.u64()?;
            node.passed_ms = Some(reader.u64()?).filter(|at_ms| *at_ms > 0);
            node.settled_ms = Some(reader.u64()?).filter(|at_ms| *at_ms > 0);
        }
        let mut above = Vec::new();
        if version > 2 {
            for _ in 0..reader.count("epochs above the root", ABOVE_MAX)? {
                above.push(EpochId(reader.array()?));
            }
        }
        reader.finish()?;
        Ok(Self { id, node, above })
    }
}

fn write_optional(writer: &mut Writer, value: Option<[u8; 32]>) {
    match value {
        Some(bytes) => writer.u8(1).array(&bytes),
        None => writer.u8(0),
    };
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<[u8; 32]>, Malformed> {
    if read_flag(reader)? { reader.array().map(Some) } else { Ok(None) }
}

fn read_flag(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed::Invalid { what: "a flag" }),
    }
}
