//! Messages from before somebody's time, as a member shares them (PROTOCOL §6.11). Pure.

use tidings_crypto::codec::{Malformed, Reader, Writer};

use crate::handle::TEXT_BYTES_MAX;
use crate::ids::{AccountId, MessageId};

/// One message carries at most this many bytes of shared messages.
pub const CHUNK_BYTES_MAX: usize = 128 * 1024;
const MESSAGES_MAX: usize = 4_096;

/// A message as it is shared: whoever shares it vouches for it, its author does not.
#[derive(Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its id.
    pub id: MessageId,
    /// Who wrote it.
    pub author: AccountId,
    /// The author's clock.
    pub sent_at_ms: u64,
    /// Its place in the transcript.
    pub place: u64,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The text.
    pub text: String,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Shared {
    /// How many bytes it takes.
    pub fn encoded_bytes(&self) -> usize {
        self.text.len().saturating_add(16 + 32 + 8 + 8 + 17 + 4)
    }
}

pub(super) fn write(writer: &mut Writer, messages: &[Shared]) {
    writer.count(messages.len());
    for message in messages {
        writer.array(&message.id.0).array(&message.author.0).u64(message.sent_at_ms).u64(message.place);
        writer.u8(u8::from(message.reply_to.is_some()));
        if let Some(reply_to) = &message.reply_to {
            writer.array(&reply_to.0);
        }
        writer.bytes(message.text.as_bytes());
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Vec<Shared>, Malformed> {
    let count = reader.count("shared messages", MESSAGES_MAX)?;
    (0..count).map(|_| read_one(reader)).collect()
}

fn read_one(reader: &mut Reader<'_>) -> Result<Shared, Malformed> {
    let (id, author) = (MessageId(reader.array()?), AccountId(reader.array()?));
    let (sent_at_ms, place) = (reader.u64()?, reader.u64()?);
    let reply_to = match reader.u8()? {
        0 => None,
        1 => Some(MessageId(reader.array()?)),
        _ => return Err(Malformed::Invalid { what: "shared message" }),
    };
    let text = reader.text("text", TEXT_BYTES_MAX)?.to_owned();
    Ok(Shared { id, author, sent_at_ms, place, reply_to, text })
}
