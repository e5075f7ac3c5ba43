//! What crosses between the engine and the swarm: commands in, events out, and no type of libp2p in either.

use zeroize::Zeroizing;

use crate::handle::Path;
use crate::ids::{Address, PeerKey, TopicTag};
use crate::wire::request::{Request, Response};

/// A received gossip message that waits for its verdict; counts up within one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipId(pub u64);

/// A peer's request that waits for its answer; counts up within one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerId(pub u64);

/// What is to become of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is good: forward it.
    Accept,
    /// It is not for us to judge, or we cannot: do not forward it, and blame nobody.
    Ignore,
    /// It is bad, and whoever sent it could have known: do not forward it.
    Reject,
}

/// What the engine asks of the swarm. None blocks and none fails: what became of it comes back as an event.
#[derive(Clone, PartialEq, Eq)]
pub enum NetworkCommand {
    /// Hear what is published on this topic.
    Subscribe(TopicTag),
    /// Hear it no longer.
    Unsubscribe(TopicTag),
    /// Hand bytes to everybody connected who hears the topic; answered by [`NetworkEvent::Published`].
    Publish {
        /// Where to.
        topic: TopicTag,
        /// The engine's own name for this attempt.
        publication: u64,
        /// What: [`crate::wire::request::ENVELOPE_BYTES_MAX`] bytes at most.
        bytes: Vec<u8>,
    },
    /// Say what is to become of a received message. Without a verdict, or with a late one, it is not forwarded.
    Verdict {
        /// Which message.
        message: GossipId,
        /// What becomes of it.
        verdict: Verdict,
    },
    /// Ask a connected peer; answered by [`NetworkEvent::Answered`].
    Request {
        /// Whom.
        peer: PeerKey,
        /// The engine's own name for this request.
        request: u64,
        /// What.
        body: Request,
    },
    /// Ask a node that need not be connected, under a key made for this: it learns neither who asks, nor that whoever asks
    /// under two keys is one. Answered by [`NetworkEvent::Answered`].
    RequestApart {
        /// The seed of the key.
        key: Zeroizing<[u8; 32]>,
        /// Whom.
        peer: PeerKey,
        /// Where it may be.
        addresses: Vec<Address>,
        /// The engine's own name for this request.
        request: u64,
        /// What.
        body: Request,
    },
    /// Answer a peer's request. An answer that comes too late is dropped.
    Answer {
        /// Which request.
        answer: AnswerId,
        /// What.
        body: Response,
    },
    /// A contact's node: dial it now and for ever, and never let the limits for strangers cut it off.
    /// Addresses replace those of an earlier command; those that cannot be dialled are passed over.
    Know {
        /// The node.
        peer: PeerKey,
        /// Where its card says it listens.
        addresses: Vec<Address>,
    },
    /// No longer a contact's node: do not dial it any more.
    Forget(PeerKey),
}

/// What happened on the swarm.
#[derive(Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// [`super::Network::addresses`] gives something else now.
    AddressesChanged,
    /// A peer is connected. Also follows a [`NetworkEvent::Disconnected`] when a newer connection took the place of an
    /// older one, because the peer may have restarted.
    Connected {
        /// Who.
        peer: PeerKey,
        /// How.
        path: Path,
    },
    /// The last connection to a peer is gone.
    Disconnected {
        /// Who.
        peer: PeerKey,
    },
    /// A message on a topic that we hear; it wants a [`NetworkCommand::Verdict`].
    Gossip {
        /// Its name for the verdict.
        message: GossipId,
        /// Where.
        topic: TopicTag,
        /// What: [`crate::wire::request::ENVELOPE_BYTES_MAX`] bytes at most.
        bytes: Vec<u8>,
        /// Who handed it to us, which is not who wrote it.
        from: PeerKey,
    },
    /// What became of a publication.
    Published {
        /// The engine's name for it.
        publication: u64,
        /// What became of it.
        outcome: Published,
    },
    /// A peer does not take messages as fast as they come: some were not sent to it.
    SlowPeer {
        /// Who.
        peer: PeerKey,
    },
    /// A peer asks something; it wants a [`NetworkCommand::Answer`] within [`super::REQUEST_TIMEOUT`].
    Requested {
        /// Who.
        peer: PeerKey,
        /// Its name for the answer.
        answer: AnswerId,
        /// What.
        body: Request,
    },
    /// What became of a request.
    Answered {
        /// Who was asked.
        peer: PeerKey,
        /// The engine's name for it.
        request: u64,
        /// The answer, or why there is none.
        outcome: Result<Response, RequestFailure>,
    },
}

/// What became of a publication. None of these says that anybody has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Published {
    /// It was put into the queue of at least one peer that hears the topic.
    Sent,
    /// Nobody who is connected hears the topic.
    NobodySubscribed,
    /// The queue of every peer that hears the topic is full. The same bytes cannot be published again for a minute.
    QueuesFull,
    /// The same bytes were published or heard on this topic within the last minute.
    Duplicate,
    /// It is longer than [`crate::wire::request::ENVELOPE_BYTES_MAX`].
    TooLarge,
    /// Anything else.
    Failed,
}

/// Why a request has no answer. The other node may have acted on it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RequestFailure {
    /// The peer is not connected.
    #[error("the peer is not connected")]
    NotConnected,
    /// No answer within [`super::REQUEST_TIMEOUT`].
    #[error("the peer did not answer in time")]
    TimedOut,
    /// The connection ended first.
    #[error("the connection ended before the answer came")]
    Disconnected,
    /// The peer does not speak this protocol.
    #[error("the peer does not speak this version of the protocol")]
    Unsupported,
    /// The peer broke the stream off, or its answer was malformed.
    #[error("the peer broke off, or its answer made no sense")]
    Broken,
    /// The request breaks a limit of [`crate::wire::request`].
    #[error("the request is larger than the protocol allows")]
    TooLarge,
    /// Too many requests wait for their answers.
    #[error("too many requests wait for their answers")]
    TooMany,
}

/// Why the swarm did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot listen at {address}: {reason}")]
pub struct NetworkError {
    /// The multiaddr, as it was given.
    pub address: String,
    /// What is wrong with it, as a sentence for a person.
    pub reason: String,
}

/// Names the command and its numbers, never contents or people.
impl std::fmt::Debug for NetworkCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Subscribe(_) => f.debug_struct("Subscribe").finish_non_exhaustive(),
            Self::Unsubscribe(_) => f.debug_struct("Unsubscribe").finish_non_exhaustive(),
            Self::Publish { publication, bytes, .. } => f
                .debug_struct("Publish")
                .field("publication", publication)
                .field("bytes", &bytes.len())
                .finish_non_exhaustive(),
            Self::Verdict { message, verdict } => {
                f.debug_struct("Verdict").field("message", message).field("verdict", verdict).finish()
            }
            Self::Request { request, body, .. } => {
                f.debug_struct("Request").field("request", request).field("body", body).finish_non_exhaustive()
            }
            Self::RequestApart { request, body, .. } => {
                f.debug_struct("RequestApart").field("request", request).field("body", body).finish_non_exhaustive()
            }
            Self::Answer { answer, body } => {
                f.debug_struct("Answer").field("answer", answer).field("body", body).finish()
            }
            Self::Know { addresses, .. } => {
                f.debug_struct("Know").field("addresses", &addresses.len()).finish_non_exhaustive()
            }
            Self::Forget(_) => f.debug_struct("Forget").finish_non_exhaustive(),
        }
    }
}

/// Names the event and its numbers, never contents or people.
impl std::fmt::Debug for NetworkEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddressesChanged => f.write_str("AddressesChanged"),
            Self::Connected { path, .. } => f.debug_struct("Connected").field("path", path).finish_non_exhaustive(),
            Self::Disconnected { .. } => f.debug_struct("Disconnected").finish_non_exhaustive(),
            Self::Gossip { message, bytes, .. } => {
                f.debug_struct("Gossip").field("message", message).field("bytes", &bytes.len()).finish_non_exhaustive()
            }
            Self::Published { publication, outcome } => {
                f.debug_struct("Published").field("publication", publication).field("outcome", outcome).finish()
            }
            Self::SlowPeer { .. } => f.debug_struct("SlowPeer").finish_non_exhaustive(),
            Self::Requested { answer, body, .. } => {
                f.debug_struct("Requested").field("answer", answer).field("body", body).finish_non_exhaustive()
            }
            Self::Answered { request, outcome, .. } => {
                f.debug_struct("Answered").field("request", request).field("outcome", outcome).finish_non_exhaustive()
            }
        }
    }
}
