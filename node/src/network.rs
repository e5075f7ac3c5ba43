//! The only owner of the swarm (PROTOCOL §5): it carries bytes and knows nothing of what they mean.
//!
//! Commands go in by [`Network::perform`], which never blocks and never fails; what happened comes out of
//! [`Network::next`], which also drives everything. No type of libp2p crosses this boundary. Gossip is the fast path
//! only: that something was sent says nothing about who has it. Everything that a peer can make this node hold has a
//! named limit.

mod address;
mod address_book;
mod behaviour;
mod codec;
mod deadline;
mod event;
mod listen;
mod one_connection;
mod peer;
mod requests;
mod transport;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use libp2p::gossipsub::{self, MessageAcceptance, MessageId, PublishError};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, mdns};
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

pub use address::{ADDRESS_BYTES_MAX, address_text, parse_address};
pub use behaviour::{REQUEST_TIMEOUT, TOPICS_MAX};
pub use event::{AnswerId, GossipId, NetworkCommand, NetworkError, NetworkEvent, Published, RequestFailure, Verdict};

use address_book::AddressBook;
use behaviour::{Behaviour, BehaviourEvent, ProtocolsEvent, topic, topic_tag};
use listen::Listeners;
use peer::{peer_id, peer_key};
use requests::Requests;

use crate::handle::Path;
use crate::ids::{Address, PeerKey, TopicTag};
use crate::wire::request::ENVELOPE_BYTES_MAX;

/// At most this many received messages wait for their verdicts; the oldest is not forwarded when one more comes.
/// Gossipsub keeps a message only five seconds for its verdict anyway.
pub const VERDICTS_MAX: usize = 4_096;
/// A connection on which nothing but pings happens stays this long. Contacts are dialled again after that.
const IDLE_MAX: Duration = Duration::from_hours(24);

/// How the swarm is started.
#[derive(Clone)]
pub struct NetworkConfig {
    /// The seed of the node's Ed25519 key.
    pub seed: Zeroizing<[u8; 32]>,
    /// The multiaddrs to listen at, as text. Port 0 lets the system choose.
    pub listen: Vec<String>,
    /// Whether to look for contacts on the local network, which tells that network this node's id.
    pub mdns: bool,
    /// Decides how waits between dials are spread; nothing secret depends on it.
    pub chance: [u8; 32],
}

impl std::fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkConfig").field("listen", &self.listen).field("mdns", &self.mdns).finish_non_exhaustive()
    }
}

/// The swarm.
pub struct Network {
    /// In a box, because it is large and is moved.
    swarm: Box<Swarm<Behaviour>>,
    peer: PeerKey,
    listeners: Listeners,
    book: AddressBook,
    requests: Requests,
    /// The messages that wait for verdicts, and who sent them.
    verdicts: BTreeMap<GossipId, (MessageId, PeerId)>,
    gossip_next: u64,
    connected: BTreeMap<PeerKey, Path>,
    topics: usize,
    /// Outcomes of commands: at most one for each command since the last call of [`Network::next`].
    outcomes: VecDeque<NetworkEvent>,
    started: Instant,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("connected", &self.connected.len()).finish_non_exhaustive()
    }
}

impl Network {
    /// Starts the swarm. Resolves when every address is really listened at; on an error nothing is left listening.
    pub async fn start(config: NetworkConfig) -> Result<Self, NetworkError> {
        let everywhere = |reason: String| NetworkError { address: config.listen.join(" "), reason };
        let keypair = peer::keypair(&config.seed).ok_or_else(|| everywhere("the key cannot be used".to_owned()))?;
        let local = keypair.public().to_peer_id();
        let peer = peer_key(&local).ok_or_else(|| everywhere("the key cannot be used".to_owned()))?;
        let transport = transport::transport(&keypair).map_err(everywhere)?;
        let behaviour = Behaviour::new(&keypair, config.mdns).map_err(everywhere)?;
        let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE_MAX).with_smart_dial();
        let mut swarm = Box::new(Swarm::new(transport, behaviour, local, settings));
        let listeners = listen::listen(&mut swarm, &config.listen).await?;
        Ok(Self {
            swarm,
            peer,
            listeners,
            book: AddressBook::new(config.chance),
            requests: Requests::default(),
            verdicts: BTreeMap::new(),
            gossip_next: 0,
            connected: BTreeMap::new(),
            topics: 0,
            outcomes: VecDeque::new(),
            started: now(),
        })
    }

    /// This node's own key.
    pub fn peer(&self) -> PeerKey {
        self.peer
    }

    /// Where this node listens, with what leads only to this machine last.
    pub fn addresses(&self) -> Vec<Address> {
        self.listeners.addresses()
    }

    /// Drives the swarm until something happened. Dropping the future loses nothing.
    pub async fn next(&mut self) -> NetworkEvent {
        loop {
            self.dial_due();
            if let Some(event) = self.outcomes.pop_front() {
                return event;
            }
            let due = self.book.next_due_ms().map(|due_ms| self.started + Duration::from_millis(due_ms));
            let event = tokio::select! {
                event = self.swarm.select_next_some() => event,
                () = sleep_until(due.unwrap_or(self.started)), if due.is_some() => continue,
            };
            if let Some(event) = self.happened(event) {
                return event;
            }
        }
    }

    /// Does what the engine asks. Never blocks and never fails; what became of it comes out of [`Self::next`].
    pub fn perform(&mut self, command: NetworkCommand) {
        match command {
            NetworkCommand::Subscribe(tag) => self.subscribe(&tag),
            NetworkCommand::Unsubscribe(tag) => {
                if self.swarm.behaviour_mut().protocols().gossip.unsubscribe(&topic(&tag)) {
                    self.topics = self.topics.saturating_sub(1);
                }
            }
            NetworkCommand::Publish { topic, publication, bytes } => {
                let outcome = self.publish(&topic, bytes);
                self.outcomes.push_back(NetworkEvent::Published { publication, outcome });
            }
            NetworkCommand::Verdict { message, verdict } => self.judge(message, verdict),
            NetworkCommand::Request { peer, request, body } => {
                let protocol = &mut self.swarm.behaviour_mut().protocols().requests;
                let connected = self.connected.contains_key(&peer);
                self.outcomes.extend(self.requests.ask(protocol, peer, request, body, connected));
            }
            NetworkCommand::Answer { answer, body } => {
                self.requests.answer(&mut self.swarm.behaviour_mut().protocols().requests, answer, body);
            }
            NetworkCommand::Know { peer, addresses } => self.know(peer, addresses),
            NetworkCommand::Forget(peer) => {
                self.book.forget(&peer);
                if let Some(peer) = peer_id(&peer) {
                    self.swarm.behaviour_mut().limits.remove_peer_id(&peer);
                }
            }
        }
    }

    fn subscribe(&mut self, tag: &TopicTag) {
        if self.topics >= TOPICS_MAX {
            // One more, and every peer would ignore all of them.
            tracing::warn!(limit = TOPICS_MAX, "too many topics: this one is not heard");
            return;
        }
        if self.swarm.behaviour_mut().protocols().gossip.subscribe(&topic(tag)).is_ok_and(|new| new) {
            self.topics = self.topics.saturating_add(1);
        }
    }

    fn publish(&mut self, tag: &TopicTag, bytes: Vec<u8>) -> Published {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Published::TooLarge;
        }
        match self.swarm.behaviour_mut().protocols().gossip.publish(topic(tag), bytes) {
            Ok(_) => Published::Sent,
            Err(PublishError::NoPeersSubscribedToTopic) => Published::NobodySubscribed,
            Err(PublishError::AllQueuesFull(_)) => Published::QueuesFull,
            Err(PublishError::Duplicate) => Published::Duplicate,
            Err(PublishError::MessageTooLarge) => Published::TooLarge,
            Err(PublishError::SigningError(_) | PublishError::TransformFailed(_)) => Published::Failed,
        }
    }

    fn judge(&mut self, message: GossipId, verdict: Verdict) {
        let Some((id, from)) = self.verdicts.remove(&message) else { return };
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        self.swarm.behaviour_mut().protocols().gossip.report_message_validation_result(&id, &from, acceptance);
    }

    fn know(&mut self, peer: PeerKey, addresses: Vec<Address>) {
        let Some(id) = peer_id(&peer).filter(|_| peer != self.peer) else { return };
        let addresses = addresses.into_iter().filter(|address| address::to_multiaddr(address).is_some()).collect();
        let connected = self.connected.contains_key(&peer);
        let now_ms = self.now_ms();
        if self.book.know(peer, addresses, connected, now_ms) {
            self.swarm.behaviour_mut().limits.bypass_peer_id(&id);
        } else {
            tracing::warn!(limit = address_book::PEERS_MAX, "too many known nodes: this one is not dialled");
        }
    }

    /// Dials everybody who is due.
    fn dial_due(&mut self) {
        let now_ms = self.now_ms();
        while let Some((peer, addresses)) = self.book.take_due(now_ms) {
            let addresses: Vec<Multiaddr> = addresses.iter().filter_map(address::to_multiaddr).collect();
            // A port of its own for each dial: two nodes that dial each other from the ports at which they listen would
            // open one TCP connection from both ends, and each would wait for the other to answer.
            let dial = peer_id(&peer).map(|id| {
                DialOpts::peer_id(id)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(addresses)
                    .allocate_new_port()
                    .build()
            });
            if dial.is_none_or(|dial| self.swarm.dial(dial).is_err()) {
                self.book.failed(&peer, now_ms);
            }
        }
    }

    fn happened(&mut self, event: SwarmEvent<BehaviourEvent>) -> Option<NetworkEvent> {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::One(event)) => match event {
                one_connection::Event::Up(peer) => self.connected(&peer),
                one_connection::Event::Down(peer) => self.disconnected(&peer),
                one_connection::Event::Inner(ProtocolsEvent::Gossip(event)) => self.gossip(event),
                one_connection::Event::Inner(ProtocolsEvent::Requests(event)) => {
                    self.requests.happened(&mut self.swarm.behaviour_mut().protocols().requests, event)
                }
                // A ping that fails closes nothing: the deadline of TCP and the idle time of QUIC do.
                one_connection::Event::Inner(ProtocolsEvent::Ping(_) | ProtocolsEvent::Identify(_)) => None,
            },
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => {
                let now_ms = self.now_ms();
                for (peer, address) in found {
                    if let (Some(peer), Some(address)) = (peer_key(&peer), address::from_multiaddr(&address)) {
                        self.book.seen(&peer, address, now_ms);
                    }
                }
                None
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), .. } => {
                let now_ms = self.now_ms();
                self.book.failed(&peer_key(&peer)?, now_ms);
                None
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                let changed = self.listeners.add(&address);
                self.addresses_changed(changed)
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                let changed = self.listeners.remove(&address);
                self.addresses_changed(changed)
            }
            SwarmEvent::ListenerClosed { addresses, .. } => {
                let gone = addresses.iter().filter(|address| self.listeners.remove(address)).count();
                tracing::warn!("a listener closed");
                self.addresses_changed(gone > 0)
            }
            _ => None,
        }
    }

    fn addresses_changed(&mut self, changed: bool) -> Option<NetworkEvent> {
        let now_ms = self.now_ms();
        changed.then(|| {
            self.book.wake_all(now_ms);
            NetworkEvent::AddressesChanged
        })
    }

    fn connected(&mut self, peer: &PeerId) -> Option<NetworkEvent> {
        let peer = peer_key(peer)?;
        let path = Path::Direct;
        self.book.connected(&peer);
        self.connected.insert(peer, path);
        Some(NetworkEvent::Connected { peer, path })
    }

    fn disconnected(&mut self, peer: &PeerId) -> Option<NetworkEvent> {
        let peer = peer_key(peer)?;
        let now_ms = self.now_ms();
        self.book.disconnected(&peer, now_ms);
        self.connected.remove(&peer)?;
        Some(NetworkEvent::Disconnected { peer })
    }

    fn gossip(&mut self, event: gossipsub::Event) -> Option<NetworkEvent> {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let tag = topic_tag(&message.topic).filter(|_| message.data.len() <= ENVELOPE_BYTES_MAX);
                let (Some(topic), Some(from)) = (tag, peer_key(&propagation_source)) else {
                    let gossip = &mut self.swarm.behaviour_mut().protocols().gossip;
                    let reject = MessageAcceptance::Reject;
                    gossip.report_message_validation_result(&message_id, &propagation_source, reject);
                    return None;
                };
                self.gossip_next = self.gossip_next.wrapping_add(1);
                let id = GossipId(self.gossip_next);
                self.verdicts.insert(id, (message_id, propagation_source));
                if self.verdicts.len() > VERDICTS_MAX {
                    self.verdicts.pop_first();
                }
                Some(NetworkEvent::Gossip { message: id, topic, bytes: message.data, from })
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => Some(NetworkEvent::SlowPeer { peer: peer_key(&peer_id)? }),
            gossipsub::Event::Subscribed { .. }
            | gossipsub::Event::Unsubscribed { .. }
            | gossipsub::Event::GossipsubNotSupported { .. } => None,
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from((now() - self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

/// The clock of the swarm, which decides about connections and never about content.
#[expect(
    clippy::disallowed_methods,
    reason = "connections live in real time; the simulator replaces the whole network"
)]
fn now() -> Instant {
    Instant::now()
}
