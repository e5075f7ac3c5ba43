//! What MLS authenticates besides a message (PROTOCOL §3): the epoch it belongs to, so that nobody can relabel it,
//! and for a commit when it was made, so that every member judges certificates at the same time.

use crate::{
    codec::{Malformed, Reader, Writer},
    epoch_id::EpochId,
};

const VERSION: u8 = 1;
const MESSAGE: u8 = 1;
const COMMIT: u8 = 2;

/// MLS's authenticated data in a message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authenticated {
    /// An application message sent in this epoch.
    Message { epoch: EpochId },
    /// A commit made in this epoch, at this time by the committer's clock.
    Commit { parent: EpochId, committed_at_ms: u64 },
}

impl Authenticated {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Message { epoch } => writer.u8(MESSAGE).array(&epoch.0),
            Self::Commit { parent, committed_at_ms } => writer.u8(COMMIT).array(&parent.0).u64(committed_at_ms),
        };
        writer.into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let authenticated = match reader.u8()? {
            MESSAGE => Self::Message { epoch: EpochId(reader.array()?) },
            COMMIT => Self::Commit { parent: EpochId(reader.array()?), committed_at_ms: reader.u64()? },
            _ => return Err(Malformed::Invalid { what: "the authenticated data" }),
        };
        reader.finish()?;
        Ok(authenticated)
    }
}
