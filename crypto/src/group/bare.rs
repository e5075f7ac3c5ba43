//! The library without our layer, over the same state: what the benchmark measures a [`Group`] against. Not in what
//! ships: it is there with the feature `bare` alone.

use openmls::prelude::{
    LeafNodeIndex, LeafNodeParameters, MlsGroup, MlsMessageIn, ProcessedMessageContent, tls_codec::DeserializeBytes,
};
use openmls_traits::OpenMlsProvider;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{
    Group,
    key_package::{LibraryFailure, NodeSigner, parse},
    provider::Provider,
    state,
    storage::{Overlay, Rows},
};
use crate::identity::{LocalNode, NodeId};

/// OpenMLS's group with storage and provider of ours, and nothing else of ours.
pub struct Bare {
    rows: Rows,
    group: MlsGroup,
}

impl std::fmt::Debug for Bare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bare").finish_non_exhaustive()
    }
}

fn failed<E>(_: E) -> LibraryFailure {
    LibraryFailure
}

impl Bare {
    /// A copy of a group's head, loaded from storage.
    pub fn load(of: &Group) -> Result<Self, LibraryFailure> {
        let rows = of.head_state().ok_or(LibraryFailure)?.rows.copy_for_child();
        let group = state::load(&rows, &of.mls_id)?;
        Ok(Self { rows, group })
    }

    fn provider(rows: &mut Rows) -> Provider<'_> {
        Provider::seeded(Overlay::writing(rows), &mut ChaCha20Rng::seed_from_u64(1))
    }

    /// Encrypts a message.
    pub fn encrypt(&mut self, me: &LocalNode, payload: &[u8]) -> Result<Vec<u8>, LibraryFailure> {
        let provider = Self::provider(&mut self.rows);
        let message = self.group.create_message(&provider, &NodeSigner(&me.keys), payload).map_err(failed)?;
        message.to_bytes().map_err(failed)
    }

    /// Takes in a message, or a commit, which it merges.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), LibraryFailure> {
        let provider = Self::provider(&mut self.rows);
        let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).map_err(failed)?;
        let message = message.try_into_protocol_message().map_err(failed)?;
        let processed = self.group.process_message(&provider, message).map_err(failed)?;
        match processed.into_content() {
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                self.group.merge_staged_commit(&provider, *staged).map_err(failed)
            }
            _ => Ok(()),
        }
    }

    /// Makes a commit that adds and removes, and merges it.
    pub fn commit(
        &mut self,
        me: &LocalNode,
        add: &[&[u8]],
        remove: &[NodeId],
        members_of: &Group,
    ) -> Result<Vec<u8>, LibraryFailure> {
        let added = add.iter().map(|bytes| Ok(parse(bytes).map_err(failed)?.0)).collect::<Result<Vec<_>, _>>()?;
        let leaf_of = |node: &NodeId| members_of.members().iter().find(|member| member.node == *node);
        let removed = remove.iter().filter_map(leaf_of).map(|member| LeafNodeIndex::new(member.leaf));
        let provider = Self::provider(&mut self.rows);
        let bundle = self
            .group
            .commit_builder()
            .force_self_update(true)
            .leaf_node_parameters(LeafNodeParameters::builder().build())
            .propose_adds(added)
            .propose_removals(removed)
            .load_psks(provider.storage())
            .map_err(failed)?
            .create_group_info(false)
            .build(provider.rand(), provider.crypto(), &NodeSigner(&me.keys), |_| true)
            .map_err(failed)?
            .stage_commit(&provider)
            .map_err(failed)?;
        let bytes = bundle.commit().to_bytes().map_err(failed)?;
        self.group.merge_pending_commit(&provider).map_err(failed)?;
        Ok(bytes)
    }
}
