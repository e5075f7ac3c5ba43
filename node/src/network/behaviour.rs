//! Which protocols run on the swarm and how each is set (PROTOCOL §5.2 and §5.3, with the reasons).

use std::time::Duration;

use libp2p::gossipsub::{
    self, IdentTopic, MaxCountSubscriptionFilter, Message, MessageAuthenticity, MessageId, TopicHash,
    TopicSubscriptionFilter, ValidationMode,
};
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, StreamProtocol, connection_limits, dcutr, identify, mdns, relay, request_response, upnp};

use super::NetworkConfig;
use super::codec::RequestCodec;
use super::gate::ForKnown;
use super::known::Known;
use super::one_connection::OneConnection;
use super::pinging::Pinging;
use super::probing::{Answering, Asking, SideConnections};
use crate::ids::TopicTag;
use crate::wire::request::PROTOCOL_NAME;

/// A request that is not answered within this time is given up, at both ends.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// A node hears at most this many topics, and believes a peer at most as many. Measured: 38 MB for one such peer.
pub const TOPICS_MAX: usize = 10_000;
/// A gossip frame: an envelope and its topic, or the 10,000 subscriptions of a greeting (about 300 KB). The codec
/// counts what it has read ahead (8 KiB) as part of the frame, so the limit lies well above both.
const GOSSIP_FRAME_BYTES_MAX: usize = 512 * 1024;
/// A peer that does not keep up has at most this many messages waiting: a flood of small ones fits, and of the
/// largest ones 128 MiB.
const GOSSIP_QUEUE_MAX: usize = 512;
/// Messages in one frame: ours has one; other implementations batch.
const GOSSIP_BATCH_MAX: usize = 256;
/// Strangers may hold this many connections to us. Known peers are not counted.
const STRANGERS_MAX: u32 = 64;
/// The same at a relay: those who come to reach somebody else through it are strangers there.
const STRANGERS_AT_RELAY_MAX: u32 = 512;
/// Handshakes in progress, inbound.
const HANDSHAKES_MAX: u32 = 64;
/// Requests that one connection carries at once, both directions together.
const REQUEST_STREAMS_MAX: usize = 32;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    // What may refuse a connection comes before what remembers one.
    pub(super) limits: connection_limits::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) one: OneConnection<Protocols>,
    // What follows sees every connection, relayed ones beside direct ones too, and refuses none.
    pub(super) upnp: Toggle<upnp::tokio::Behaviour>,
    pub(super) asking: Asking,
    pub(super) answering: ForKnown<Answering>,
    pub(super) relay: Toggle<relay::Behaviour>,
    pub(super) circuits: relay::client::Behaviour,
    pub(super) punching: ForKnown<dcutr::Behaviour>,
}

/// What speaks with a peer, once there is one connection to it.
#[derive(NetworkBehaviour)]
pub(super) struct Protocols {
    pub(super) ping: Pinging,
    pub(super) identify: identify::Behaviour,
    pub(super) requests: request_response::Behaviour<RequestCodec>,
    pub(super) gossip: ForKnown<Gossip>,
}

pub(super) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, TopicFilter>;

/// The beginning of gossipsub's names.
const GOSSIP: &str = "/meshsub/";

impl Behaviour {
    /// All protocols for a key, as the configuration says. `known` is whom some of them are for.
    pub(super) fn new(
        keypair: &Keypair,
        config: &NetworkConfig,
        circuits: relay::client::Behaviour,
        known: &Known,
    ) -> Result<Self, String> {
        let peer = keypair.public().to_peer_id();
        let strangers_max = if config.relay.is_some() { STRANGERS_AT_RELAY_MAX } else { STRANGERS_MAX };
        let limits = connection_limits::ConnectionLimits::default()
            .with_max_pending_incoming(Some(HANDSHAKES_MAX))
            .with_max_established_incoming(Some(strangers_max));
        let mdns = config.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), peer).ok()).flatten();
        let requests = request_response::Config::default()
            .with_request_timeout(REQUEST_TIMEOUT)
            .with_max_concurrent_streams(REQUEST_STREAMS_MAX);
        let names = [(StreamProtocol::new(PROTOCOL_NAME), request_response::ProtocolSupport::Full)];
        let protocols = Protocols {
            ping: Pinging::new(known.clone()),
            identify: identify::Behaviour::new(identify_config(keypair)),
            requests: request_response::Behaviour::with_codec(RequestCodec, names, requests),
            gossip: ForKnown::new(gossip()?, known.clone(), Some(GOSSIP)),
        };
        let side = SideConnections::default();
        Ok(Self {
            limits: connection_limits::Behaviour::new(limits),
            mdns: mdns.into(),
            one: OneConnection::new(peer, protocols, side.clone()),
            upnp: config.upnp.then(upnp::tokio::Behaviour::default).into(),
            asking: Asking::new(side.clone()),
            answering: ForKnown::new(Answering::new(side), known.clone(), None),
            relay: config.relay.map(|limits| limits.server(peer, known)).into(),
            circuits,
            punching: ForKnown::new(dcutr::Behaviour::new(peer), known.clone(), None),
        })
    }

    pub(super) fn protocols(&mut self) -> &mut Protocols {
        self.one.inner_mut()
    }

    pub(super) fn gossip(&mut self) -> &mut Gossip {
        self.protocols().gossip.inner_mut()
    }

    /// Opens or shuts what is for known peers only.
    pub(super) fn known_changed(&mut self, peer: PeerId) {
        self.protocols().gossip.changed(peer);
        self.answering.changed(peer);
        self.punching.changed(peer);
    }
}

/// Nobody learns our addresses here: contacts have them from the card.
fn identify_config(keypair: &Keypair) -> identify::Config {
    identify::Config::new(PROTOCOL_NAME.to_owned(), keypair.public())
        .with_agent_version("tidings".to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0)
}

fn gossip() -> Result<Gossip, String> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(GOSSIP_FRAME_BYTES_MAX)
        .max_control_message_size(GOSSIP_FRAME_BYTES_MAX)
        .max_publish_messages(GOSSIP_BATCH_MAX)
        .connection_handler_queue_len(GOSSIP_QUEUE_MAX)
        .flood_publish(true)
        .idontwant_message_size_threshold(0)
        .heartbeat_initial_delay(Duration::from_secs(1))
        .heartbeat_interval(Duration::from_secs(1))
        .build()
        .map_err(|error| error.to_string())?;
    let filter =
        TopicFilter { filter: OnlyTags, max_subscribed_topics: TOPICS_MAX, max_subscriptions_per_request: TOPICS_MAX };
    gossipsub::Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(str::to_owned)
}

/// The BLAKE3 hash of topic and bytes: the same on every node, and nobody can make two messages share one.
fn message_id(message: &Message) -> MessageId {
    let mut hasher = blake3::Hasher::new_derive_key("tidings v1 gossip message id");
    let topic = message.topic.as_str().as_bytes();
    hasher.update(&u64::try_from(topic.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(topic);
    hasher.update(&message.data);
    MessageId::new(hasher.finalize().as_bytes())
}

/// The topic of a tag.
pub(super) fn topic(tag: &TopicTag) -> IdentTopic {
    IdentTopic::new(tag.name())
}

/// The tag of a topic; `None` for a name that no Tidings node gives.
pub(super) fn topic_tag(topic: &TopicHash) -> Option<TopicTag> {
    TopicTag::from_name(topic.as_str()).ok()
}

/// Lets peers subscribe to [`TOPICS_MAX`] topics, and only to names that are tags, so that a stranger cannot fill the
/// memory with long ones.
pub(super) type TopicFilter = MaxCountSubscriptionFilter<OnlyTags>;

/// Passes over every topic whose name is not a tag.
pub(super) struct OnlyTags;

impl TopicSubscriptionFilter for OnlyTags {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        topic_tag(topic).is_some()
    }
}
