//! What is inside an MLS application message (PROTOCOL §6). Pure.
//!
//! Everything here is authenticated by the group; the author is the group's member, never a field.

use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::identity::AccountId;
use tidings_crypto::proof::PROOF_BYTES_MAX;

use super::history::{self, Shared};
use super::join::JOIN_BYTES_MAX;
use super::request::CARD_BYTES_MAX;
use crate::conversation::transcript::PARENTS_MAX;
use crate::handle::TEXT_BYTES_MAX;
use crate::ids::{ConversationId, MessageId};

const VERSION: u8 = 1;
const TEXT: u8 = 1;
const HISTORY: u8 = 2;
const JOIN_REQUEST: u8 = 3;
const JOIN_REFUSED: u8 = 5;
const CARD: u8 = 6;
const PROOF: u8 = 7;

/// What one application message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A message of a person.
    Text(Text),
    /// Messages from before the reader's time.
    History(Vec<Shared>),
    /// Somebody asked to join by an invite that needs approval: their request, encoded.
    JoinRequest(Vec<u8>),
    /// Somebody who asked to join was declined.
    JoinRefused(AccountId),
    /// The sender's newest signed card.
    Card(Vec<u8>),
    /// A proof of who the sender is elsewhere (PROTOCOL §7).
    Proof(Vec<u8>),
    /// Something that a newer version says: it is kept out of the transcript and harms nothing.
    Newer,
}

/// A message of a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// Random, chosen by the author: sending again keeps it.
    pub nonce: [u8; 16],
    /// The author's node counts its messages in this conversation from 1.
    pub sequence: u64,
    /// The author's clock, in milliseconds since 1970.
    pub sent_at_ms: u64,
    /// Where the author puts it in the transcript: at its clock, behind all that it had seen.
    pub place: u64,
    /// The newest messages that the author had seen: at most [`PARENTS_MAX`].
    pub parents: Vec<MessageId>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// 1 to [`TEXT_BYTES_MAX`] bytes of UTF-8.
    pub text: String,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("sequence", &self.sequence)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl Text {
    /// The id that everybody derives: nobody can claim another author's, nor use one in two conversations.
    pub fn id(&self, author: &AccountId, conversation: &ConversationId) -> MessageId {
        let mut hasher = blake3::Hasher::new_derive_key("tidings v1 message id");
        hasher.update(&author.0);
        hasher.update(&conversation.0);
        hasher.update(&self.nonce);
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        MessageId(id)
    }
}

impl Content {
    /// The bytes to encrypt.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Text(text) => {
                writer.u8(TEXT).array(&text.nonce).u64(text.sequence).u64(text.sent_at_ms).u64(text.place);
                writer.u8(u8::try_from(text.parents.len()).unwrap_or(u8::MAX));
                for parent in &text.parents {
                    writer.array(&parent.0);
                }
                writer.u8(u8::from(text.reply_to.is_some()));
                if let Some(reply_to) = &text.reply_to {
                    writer.array(&reply_to.0);
                }
                writer.bytes(text.text.as_bytes());
            }
            Self::History(messages) => history::write(writer.u8(HISTORY), messages),
            Self::JoinRequest(request) => {
                writer.u8(JOIN_REQUEST).bytes(request);
            }
            Self::JoinRefused(account) => {
                writer.u8(JOIN_REFUSED).array(&account.0);
            }
            Self::Card(card) => {
                writer.u8(CARD).bytes(card);
            }
            Self::Proof(proof) => {
                writer.u8(PROOF).bytes(proof);
            }
            Self::Newer => {
                writer.u8(u8::MAX);
            }
        }
        writer.into_bytes()
    }

    /// Whether what these bytes say is for all members: all but history, which is for those who come in.
    pub fn is_for_all(bytes: &[u8]) -> bool {
        !matches!(bytes, [VERSION, HISTORY, ..])
    }

    /// What a member's decrypted bytes say. A version or kind not known here is [`Content::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Ok(Self::Newer);
        }
        let content = match reader.u8()? {
            TEXT => Self::Text(decode_text(&mut reader)?),
            HISTORY => Self::History(history::read(&mut reader)?),
            JOIN_REQUEST => Self::JoinRequest(reader.bytes("request to join", JOIN_BYTES_MAX)?.to_vec()),
            JOIN_REFUSED => Self::JoinRefused(AccountId(reader.array()?)),
            CARD => Self::Card(reader.bytes("card", CARD_BYTES_MAX)?.to_vec()),
            PROOF => Self::Proof(reader.bytes("proof", PROOF_BYTES_MAX)?.to_vec()),
            _ => return Ok(Self::Newer),
        };
        reader.finish()?;
        Ok(content)
    }
}

fn decode_text(reader: &mut Reader<'_>) -> Result<Text, Malformed> {
    let nonce = reader.array()?;
    let sequence = reader.u64()?;
    let sent_at_ms = reader.u64()?;
    let place = reader.u64()?;
    let count = usize::from(reader.u8()?);
    if count > PARENTS_MAX || sequence == 0 || sequence >= u64::MAX / 2 {
        return Err(Malformed::Invalid { what: "the message" });
    }
    let parents = (0..count).map(|_| Ok(MessageId(reader.array()?))).collect::<Result<Vec<_>, Malformed>>()?;
    let reply_to = match reader.u8()? {
        0 => None,
        1 => Some(MessageId(reader.array()?)),
        _ => return Err(Malformed::Invalid { what: "the message" }),
    };
    let text = String::from_utf8(reader.bytes("the text", TEXT_BYTES_MAX)?.to_vec())
        .map_err(|_| Malformed::Invalid { what: "the text" })?;
    if text.is_empty() {
        return Err(Malformed::Invalid { what: "the message" });
    }
    Ok(Text { nonce, sequence, sent_at_ms, place, parents, reply_to, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Content {
        Content::Text(Text {
            nonce: [7; 16],
            sequence: 3,
            sent_at_ms: 1_700_000_000_000,
            place: 1_700_000_000_007,
            parents: vec![MessageId([1; 16]), MessageId([2; 16])],
            reply_to: Some(MessageId([9; 16])),
            text: "grüß dich".into(),
        })
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Content::decode(&text().encode()).unwrap(), text());
    }

    #[test]
    fn what_members_say_to_members_is_read_and_refused_when_cut() {
        let shared = Shared {
            id: MessageId([1; 16]),
            author: AccountId([2; 32]),
            sent_at_ms: 3,
            place: 4,
            reply_to: Some(MessageId([5; 16])),
            text: "long ago".into(),
        };
        let plain = Shared { reply_to: None, ..shared.clone() };
        let refused = Content::JoinRefused(AccountId([6; 32]));
        for content in [Content::History(vec![shared, plain]), Content::JoinRequest(vec![1, 2, 3]), refused] {
            let bytes = content.encode();
            assert_eq!(Content::decode(&bytes).unwrap(), content);
            assert!((2..bytes.len()).all(|length| Content::decode(&bytes[..length]).is_err()));
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_refused() {
        let bytes = text().encode();
        assert!((2..bytes.len()).all(|length| Content::decode(&bytes[..length]).is_err()));
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Content::decode(&longer).is_err());
    }

    #[test]
    fn a_newer_kind_harms_nothing() {
        assert_eq!(Content::decode(&[VERSION, 99, 1, 2, 3]).unwrap(), Content::Newer);
        assert_eq!(Content::decode(&[9, 1]).unwrap(), Content::Newer);
    }

    #[test]
    fn an_author_cannot_claim_the_id_of_another() {
        let Content::Text(text) = text() else { unreachable!() };
        let (one, other) = (ConversationId([1; 16]), ConversationId([2; 16]));
        assert_ne!(text.id(&AccountId([1; 32]), &one), text.id(&AccountId([2; 32]), &one));
        assert_ne!(text.id(&AccountId([1; 32]), &one), text.id(&AccountId([1; 32]), &other));
    }

    #[test]
    fn debug_shows_no_text() {
        assert!(!format!("{:?}", text()).contains("dich"));
    }
}
