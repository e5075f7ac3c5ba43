//! What MLS authenticates besides a message (PROTOCOL §3): the epoch it belongs to, so that nobody can relabel it,
//! and for a commit when it was made, so that every member judges certificates at the same time, and what shows that
//! its author was right to make it.

use super::{Evidence, Moment};
use crate::{
    codec::{Malformed, Reader, Writer},
    epoch_id::EpochId,
};

/// A commit whose time is further ahead than this waits until it is not: two days, so that a clock that is a day off
/// changes nothing. Otherwise a member could let every other's certificate run out by claiming that it is 2099.
pub(super) const COMMIT_AHEAD_MS_MAX: u64 = 2 * 24 * 60 * 60 * 1000;

const VERSION: u8 = 1;
const MESSAGE: u8 = 1;
const COMMIT: u8 = 2;

/// MLS's authenticated data in a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authenticated {
    /// An application message sent in this epoch.
    Message { epoch: EpochId },
    /// A commit made in this epoch, with what it claims.
    Commit { parent: EpochId, claims: Claims },
}

/// What a commit says besides what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) moment: Moment,
    pub(super) evidence: Vec<Evidence>,
}

impl Authenticated {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Message { epoch } => {
                writer.u8(MESSAGE).array(&epoch.0);
            }
            Self::Commit { parent, claims: Claims { moment, evidence } } => {
                writer.u8(COMMIT).array(&parent.0).u64(moment.now_ms).u64(moment.place);
                Evidence::write_all(evidence, &mut writer);
            }
        }
        writer.into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let authenticated = match reader.u8()? {
            MESSAGE => Self::Message { epoch: EpochId(reader.array()?) },
            COMMIT => Self::Commit {
                parent: EpochId(reader.array()?),
                claims: Claims {
                    moment: Moment { now_ms: reader.u64()?, place: reader.u64()? },
                    evidence: Evidence::read_all(&mut reader)?,
                },
            },
            _ => return Err(Malformed::Invalid { what: "the authenticated data" }),
        };
        reader.finish()?;
        Ok(authenticated)
    }
}
