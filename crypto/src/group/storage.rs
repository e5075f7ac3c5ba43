//! One epoch's rows: what OpenMLS stores, held in memory and handed out as changes (PROTOCOL §3, "one copy per epoch").
//!
//! OpenMLS writes through [`Overlay`] into [`Rows`]. Every operation runs between [`Rows::begin`] and
//! [`Rows::commit`] or [`Rows::roll_back`], so a refused message leaves no trace; [`Rows::take_changes`] gives the
//! caller what to write in its own transaction. Each epoch has rows of its own, so a key names only what is stored,
//! never the group. Values are CBOR: OpenMLS cannot load itself back from the more compact codecs.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use openmls_traits::storage::{CURRENT_VERSION, Entity, StorageProvider, traits};
use serde::Serialize;
use zeroize::{Zeroize, Zeroizing};

/// A key of one row: the [`Slot`], then what distinguishes rows of that slot (mostly nothing).
pub(crate) type RowKey = Vec<u8>;
/// A value of one row; nearly all of them are secrets.
pub(crate) type RowValue = Zeroizing<Vec<u8>>;

/// What a row holds. The numbers are stored: they are never given a new meaning.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    JoinConfig = 1,
    OwnLeafNodes = 2,
    Proposals = 3,
    Tree = 4,
    InterimTranscriptHash = 5,
    GroupContext = 6,
    ConfirmationTag = 7,
    GroupState = 8,
    MessageSecrets = 9,
    ResumptionPsks = 10,
    OwnLeafIndex = 11,
    EpochSecrets = 12,
    EpochKeyPairs = 13,
    EncryptionKeyPair = 14,
    SignatureKeyPair = 15,
    KeyPackage = 16,
    Psk = 17,
    /// Ours, not OpenMLS's: the secret that names the topic in this epoch.
    TopicSecret = 64,
    /// Ours: with which commits on an epoch without secrets are ranked.
    RankKey = 66,
    /// Ours: the account whose Welcome brought this node in. Each epoch has it from the one before.
    Inviter = 65,
}

impl Slot {
    /// The key of this slot's only row.
    pub(crate) fn key(self) -> RowKey {
        #[expect(clippy::as_conversions, reason = "the discriminants are small and fixed above")]
        let tag = self as u8;
        vec![tag]
    }

    fn key_of(self, distinguisher: &impl Serialize) -> Result<RowKey, StorageFault> {
        let mut key = self.key();
        ciborium::into_writer(distinguisher, &mut key).map_err(|_| StorageFault::Encode)?;
        Ok(key)
    }
}

/// A row could not be written or read back. Only a damaged database or a bug brings this about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StorageFault {
    #[error("a value could not be encoded")]
    Encode,
    #[error("a stored value could not be decoded")]
    Decode,
    #[error("a write was asked of rows that are open for reading only")]
    ReadOnly,
}

/// All rows of one epoch, what changed in them since the last save, and how to undo the operation under way.
#[derive(Default)]
pub(crate) struct Rows {
    values: BTreeMap<RowKey, RowValue>,
    changed: BTreeSet<RowKey>,
    undo: Option<Vec<Undo>>,
}

/// What a row was before the operation under way touched it.
struct Undo {
    key: RowKey,
    value: Option<RowValue>,
    was_changed: bool,
}

/// What differs from what was saved last.
#[derive(Default)]
pub(crate) struct RowChanges {
    pub(crate) put: Vec<(RowKey, RowValue)>,
    pub(crate) deleted: Vec<RowKey>,
}

impl Rows {
    /// Rows as they were loaded: nothing has changed.
    pub(crate) fn from_saved(values: BTreeMap<RowKey, RowValue>) -> Self {
        Self { values, ..Self::default() }
    }

    /// The copy with which a child epoch starts: all of it is new, and the parent stays as it is.
    pub(crate) fn copy_for_child(&self) -> Self {
        Self { values: self.values.clone(), changed: self.values.keys().cloned().collect(), undo: None }
    }

    /// Everything written from here on can be undone.
    pub(crate) fn begin(&mut self) {
        self.undo = Some(Vec::new());
    }

    /// Keeps what was written since [`Rows::begin`].
    pub(crate) fn commit(&mut self) {
        self.undo = None;
    }

    /// Restores what was there at [`Rows::begin`].
    pub(crate) fn roll_back(&mut self) {
        for Undo { key, value, was_changed } in self.undo.take().unwrap_or_default().into_iter().rev() {
            if !was_changed {
                self.changed.remove(&key);
            }
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&RowValue> {
        self.values.get(key)
    }

    pub(crate) fn put(&mut self, key: RowKey, value: RowValue) {
        if self.values.get(&key) == Some(&value) {
            return;
        }
        let before = self.values.insert(key.clone(), value);
        self.note(key, before);
    }

    pub(crate) fn delete(&mut self, key: RowKey) {
        if let Some(before) = self.values.remove(&key) {
            self.note(key, Some(before));
        }
    }

    /// Drops every row of a slot: what a Welcome needed to be opened has no place in the epoch it opened.
    pub(crate) fn delete_slot(&mut self, slot: Slot) {
        let prefix = slot.key();
        let keys: Vec<RowKey> = self.values.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        for key in keys {
            self.delete(key);
        }
    }

    fn note(&mut self, key: RowKey, before: Option<RowValue>) {
        let was_changed = !self.changed.insert(key.clone());
        if let Some(undo) = &mut self.undo {
            undo.push(Undo { key, value: before, was_changed });
        }
    }

    /// What must be written to make the saved rows equal to these, and forgets that it has to be.
    pub(crate) fn take_changes(&mut self) -> RowChanges {
        let mut changes = RowChanges::default();
        for key in std::mem::take(&mut self.changed) {
            match self.values.get(&key) {
                Some(value) => changes.put.push((key, value.clone())),
                None => changes.deleted.push(key),
            }
        }
        changes
    }
}

/// How OpenMLS reaches one epoch's [`Rows`] during one operation.
pub(crate) enum Overlay<'rows> {
    /// Only looks: a write is a fault.
    Read(&'rows Rows),
    /// Looks and writes. OpenMLS holds its storage by shared reference, hence the cell.
    Write(RefCell<&'rows mut Rows>),
}

impl<'rows> Overlay<'rows> {
    pub(crate) fn reading(rows: &'rows Rows) -> Self {
        Self::Read(rows)
    }

    pub(crate) fn writing(rows: &'rows mut Rows) -> Self {
        Self::Write(RefCell::new(rows))
    }

    fn fetch<T: Entity<CURRENT_VERSION>>(&self, key: &[u8]) -> Result<Option<T>, StorageFault> {
        match self {
            Self::Read(rows) => decode(rows.get(key)),
            Self::Write(rows) => decode(rows.borrow().get(key)),
        }
    }

    fn fetch_all<T: Entity<CURRENT_VERSION>>(&self, key: &[u8]) -> Result<Vec<T>, StorageFault> {
        match self {
            Self::Read(rows) => decode(rows.get(key)),
            Self::Write(rows) => decode(rows.borrow().get(key)),
        }
        .map(Option::unwrap_or_default)
    }

    fn store(&self, key: RowKey, value: &impl Serialize) -> Result<(), StorageFault> {
        let Self::Write(rows) = self else { return Err(StorageFault::ReadOnly) };
        let value = encode(value)?;
        rows.borrow_mut().put(key, value);
        Ok(())
    }

    fn erase(&self, key: RowKey) -> Result<(), StorageFault> {
        let Self::Write(rows) = self else { return Err(StorageFault::ReadOnly) };
        rows.borrow_mut().delete(key);
        Ok(())
    }
}

/// Most values are smaller than this, so that encoding them leaves no outgrown buffer behind.
const VALUE_BYTES_USUAL: usize = 8 * 1024;

fn encode(value: &impl Serialize) -> Result<RowValue, StorageFault> {
    let mut scratch = Vec::with_capacity(VALUE_BYTES_USUAL);
    let outcome = ciborium::into_writer(value, &mut scratch);
    let value = Zeroizing::new(scratch.as_slice().to_vec());
    scratch.zeroize();
    outcome.map(|()| value).map_err(|_| StorageFault::Encode)
}

fn decode<T: serde::de::DeserializeOwned>(value: Option<&RowValue>) -> Result<Option<T>, StorageFault> {
    value.map(|bytes| ciborium::from_reader::<T, _>(bytes.as_slice()).map_err(|_| StorageFault::Decode)).transpose()
}

const V: u16 = CURRENT_VERSION;

/// A row of which an epoch has exactly one: written, read and deleted by the group's id, which we need not repeat.
macro_rules! single_row {
    (write $write:ident, read $read:ident, delete $delete:ident, $entity:ident, $slot:expr) => {
        fn $write<G: traits::GroupId<V>, E: traits::$entity<V>>(&self, _: &G, value: &E) -> Result<(), StorageFault> {
            self.store($slot.key(), value)
        }

        fn $read<G: traits::GroupId<V>, E: traits::$entity<V>>(&self, _: &G) -> Result<Option<E>, StorageFault> {
            self.fetch(&$slot.key())
        }

        fn $delete<G: traits::GroupId<V>>(&self, _: &G) -> Result<(), StorageFault> {
            self.erase($slot.key())
        }
    };
}

/// A row that is one of several of its slot, told apart by a key.
macro_rules! keyed_row {
    (write $write:ident, read $read:ident [$($read_order:tt)*], delete $delete:ident, $key:ident, $entity:ident, $slot:expr) => {
        fn $write<K: traits::$key<V>, E: traits::$entity<V>>(&self, key: &K, value: &E) -> Result<(), StorageFault> {
            self.store($slot.key_of(key)?, value)
        }

        fn $read<$($read_order)*>(&self, key: &K) -> Result<Option<E>, StorageFault> {
            self.fetch(&$slot.key_of(key)?)
        }

        fn $delete<K: traits::$key<V>>(&self, key: &K) -> Result<(), StorageFault> {
            self.erase($slot.key_of(key)?)
        }
    };
}

impl StorageProvider<V> for Overlay<'_> {
    type Error = StorageFault;

    single_row!(write write_mls_join_config, read mls_group_join_config, delete delete_group_config,
        MlsGroupJoinConfig, Slot::JoinConfig);
    single_row!(write write_tree, read tree, delete delete_tree, TreeSync, Slot::Tree);
    single_row!(write write_interim_transcript_hash, read interim_transcript_hash,
        delete delete_interim_transcript_hash, InterimTranscriptHash, Slot::InterimTranscriptHash);
    single_row!(write write_context, read group_context, delete delete_context, GroupContext, Slot::GroupContext);
    single_row!(write write_confirmation_tag, read confirmation_tag, delete delete_confirmation_tag,
        ConfirmationTag, Slot::ConfirmationTag);
    single_row!(write write_message_secrets, read message_secrets, delete delete_message_secrets,
        MessageSecrets, Slot::MessageSecrets);
    single_row!(write write_resumption_psk_store, read resumption_psk_store,
        delete delete_all_resumption_psk_secrets, ResumptionPskStore, Slot::ResumptionPsks);
    single_row!(write write_own_leaf_index, read own_leaf_index, delete delete_own_leaf_index,
        LeafNodeIndex, Slot::OwnLeafIndex);
    single_row!(write write_group_epoch_secrets, read group_epoch_secrets, delete delete_group_epoch_secrets,
        GroupEpochSecrets, Slot::EpochSecrets);

    fn write_group_state<E: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        _: &G,
        value: &E,
    ) -> Result<(), StorageFault> {
        self.store(Slot::GroupState.key(), value)
    }

    fn group_state<E: traits::GroupState<V>, G: traits::GroupId<V>>(&self, _: &G) -> Result<Option<E>, StorageFault> {
        self.fetch(&Slot::GroupState.key())
    }

    fn delete_group_state<G: traits::GroupId<V>>(&self, _: &G) -> Result<(), StorageFault> {
        self.erase(Slot::GroupState.key())
    }

    fn append_own_leaf_node<G: traits::GroupId<V>, E: traits::LeafNode<V>>(
        &self,
        _: &G,
        leaf_node: &E,
    ) -> Result<(), StorageFault> {
        let stored: Vec<E> = self.fetch_all(&Slot::OwnLeafNodes.key())?;
        let all: Vec<&E> = stored.iter().chain([leaf_node]).collect();
        self.store(Slot::OwnLeafNodes.key(), &all)
    }

    fn own_leaf_nodes<G: traits::GroupId<V>, E: traits::LeafNode<V>>(&self, _: &G) -> Result<Vec<E>, StorageFault> {
        self.fetch_all(&Slot::OwnLeafNodes.key())
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, _: &G) -> Result<(), StorageFault> {
        self.erase(Slot::OwnLeafNodes.key())
    }

    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, E: traits::QueuedProposal<V>>(
        &self,
        _: &G,
        proposal_ref: &R,
        proposal: &E,
    ) -> Result<(), StorageFault> {
        let stored: Vec<(R, E)> = self.fetch_pairs(&Slot::Proposals.key())?;
        let all: Vec<(&R, &E)> = stored.iter().map(|(r, e)| (r, e)).chain([(proposal_ref, proposal)]).collect();
        self.store(Slot::Proposals.key(), &all)
    }

    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
    ) -> Result<Vec<R>, StorageFault> {
        let stored: Vec<(R, ciborium::Value)> = self.fetch_pairs(&Slot::Proposals.key())?;
        Ok(stored.into_iter().map(|(proposal_ref, _)| proposal_ref).collect())
    }

    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, E: traits::QueuedProposal<V>>(
        &self,
        _: &G,
    ) -> Result<Vec<(R, E)>, StorageFault> {
        self.fetch_pairs(&Slot::Proposals.key())
    }

    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
        proposal_ref: &R,
    ) -> Result<(), StorageFault> {
        let removed = encode(proposal_ref)?;
        let stored: Vec<(ciborium::Value, ciborium::Value)> = self.fetch_pairs(&Slot::Proposals.key())?;
        let mut kept = Vec::with_capacity(stored.len());
        for (proposal_ref, proposal) in stored {
            if encode(&proposal_ref)? != removed {
                kept.push((proposal_ref, proposal));
            }
        }
        self.store(Slot::Proposals.key(), &kept)
    }

    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
    ) -> Result<(), StorageFault> {
        self.erase(Slot::Proposals.key())
    }

    keyed_row!(write write_signature_key_pair,
        read signature_key_pair [K: traits::SignaturePublicKey<V>, E: traits::SignatureKeyPair<V>],
        delete delete_signature_key_pair, SignaturePublicKey, SignatureKeyPair, Slot::SignatureKeyPair);
    keyed_row!(write write_encryption_key_pair,
        read encryption_key_pair [E: traits::HpkeKeyPair<V>, K: traits::EncryptionKey<V>],
        delete delete_encryption_key_pair, EncryptionKey, HpkeKeyPair, Slot::EncryptionKeyPair);
    keyed_row!(write write_key_package,
        read key_package [K: traits::HashReference<V>, E: traits::KeyPackage<V>],
        delete delete_key_package, HashReference, KeyPackage, Slot::KeyPackage);
    keyed_row!(write write_psk,
        read psk [E: traits::PskBundle<V>, K: traits::PskId<V>],
        delete delete_psk, PskId, PskBundle, Slot::Psk);

    fn write_encryption_epoch_key_pairs<G: traits::GroupId<V>, K: traits::EpochKey<V>, E: traits::HpkeKeyPair<V>>(
        &self,
        _: &G,
        epoch: &K,
        leaf_index: u32,
        key_pairs: &[E],
    ) -> Result<(), StorageFault> {
        self.store(Slot::EpochKeyPairs.key_of(&(epoch, leaf_index))?, &key_pairs)
    }

    fn encryption_epoch_key_pairs<G: traits::GroupId<V>, K: traits::EpochKey<V>, E: traits::HpkeKeyPair<V>>(
        &self,
        _: &G,
        epoch: &K,
        leaf_index: u32,
    ) -> Result<Vec<E>, StorageFault> {
        self.fetch_all(&Slot::EpochKeyPairs.key_of(&(epoch, leaf_index))?)
    }

    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, K: traits::EpochKey<V>>(
        &self,
        _: &G,
        epoch: &K,
        leaf_index: u32,
    ) -> Result<(), StorageFault> {
        self.erase(Slot::EpochKeyPairs.key_of(&(epoch, leaf_index))?)
    }
}

impl Overlay<'_> {
    fn fetch_pairs<R: serde::de::DeserializeOwned, E: serde::de::DeserializeOwned>(
        &self,
        key: &[u8],
    ) -> Result<Vec<(R, E)>, StorageFault> {
        match self {
            Self::Read(rows) => decode(rows.get(key)),
            Self::Write(rows) => decode(rows.borrow().get(key)),
        }
        .map(Option::unwrap_or_default)
    }
}
