//! Identifiers of the node: fixed-size bytes, written as lower-case hexadecimal.

use tidings_crypto::id::id;

pub use tidings_crypto::card::Address;
pub use tidings_crypto::envelope::TopicTag;
pub use tidings_crypto::id::MalformedId;
pub use tidings_crypto::identity::{AccountId, PeerKey};
pub use tidings_crypto::proof::ProofId;

id!(
    /// A conversation: for a direct one it derives from the two account ids.
    ConversationId, 16
);
id!(
    /// A message: the hash of its author's account id, its conversation's id and the random number that the author gave
    /// it, so that nobody can claim another author's message id.
    MessageId, 16
);
id!(
    /// A signed-in browser: the hash of its secret token.
    SessionId, 16
);
id!(
    /// An API token: random, and no part of its text.
    TokenId, 16
);
id!(
    /// An invite to a group.
    InviteId, 16
);
