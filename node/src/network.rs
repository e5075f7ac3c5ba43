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
mod courier;
mod deadline;
mod event;
mod gate;
mod known;
mod listen;
mod one_connection;
mod peer;
mod pinging;
mod probing;
mod proofs;
mod reach;
mod reaching;
mod relaying;
mod relays;
mod requests;
mod transport;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use libp2p::gossipsub::{self, MessageAcceptance, MessageId, PublishError};
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify, mdns, relay};
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

pub use address::{ADDRESS_BYTES_MAX, address_text, leads_elsewhere, parse_address};
pub use behaviour::{REQUEST_TIMEOUT, TOPICS_MAX};
pub use event::{AnswerId, GossipId, NetworkCommand, NetworkError, NetworkEvent, Published, RequestFailure, Verdict};
pub use relaying::RelayLimits;

use address_book::{AddressBook, Due};
use behaviour::{Behaviour, BehaviourEvent, ProtocolsEvent, topic, topic_tag};
use courier::{Couriers, Order};
use known::Known;
use listen::Listeners;
use peer::{peer_id, peer_key};
use reaching::Reaching;
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
    /// Whether to ask the router to lead a port here.
    pub upnp: bool,
    /// Whether to be a circuit relay, and what that may cost.
    pub relay: Option<RelayLimits>,
    /// Whether addresses of this machine and of private networks count like public ones: for tests without an internet.
    pub local_counts: bool,
    /// Decides how waits between dials are spread; nothing secret depends on it.
    pub chance: [u8; 32],
}

impl std::fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkConfig")
            .field("listen", &self.listen)
            .field("mdns", &self.mdns)
            .field("upnp", &self.upnp)
            .field("relay", &self.relay)
            .finish_non_exhaustive()
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
    /// What is asked under keys of their own.
    couriers: Couriers,
    /// The messages that wait for verdicts, and who sent them.
    verdicts: BTreeMap<GossipId, (MessageId, PeerId)>,
    gossip_next: u64,
    connected: BTreeMap<PeerKey, Path>,
    reaching: Reaching,
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
        let known = Known::default();
        let mut swarm = swarm(&config, &keypair, &known).map_err(everywhere)?;
        let listeners = listen::listen(&mut swarm, &config.listen).await?;
        let mut network = Self {
            swarm,
            peer,
            listeners,
            book: AddressBook::new(config.chance),
            requests: Requests::default(),
            couriers: Couriers::default(),
            verdicts: BTreeMap::new(),
            gossip_next: 0,
            connected: BTreeMap::new(),
            reaching: Reaching::new(known, config.relay.is_some(), config.local_counts),
            topics: 0,
            outcomes: VecDeque::new(),
            started: now(),
        };
        // Whoever starts the network asks for its first addresses.
        drop(network.addresses_changed());
        Ok(network)
    }

    /// This node's own key.
    pub fn peer(&self) -> PeerKey {
        self.peer
    }

    /// Drives the swarm until something happened. Dropping the future loses nothing.
    pub async fn next(&mut self) -> NetworkEvent {
        loop {
            self.dial_due();
            if let Some(event) = self.outcomes.pop_front().or_else(|| self.pass()) {
                return event;
            }
            let due_ms = [self.book.next_due_ms(), self.reaching.next_due_ms()].into_iter().flatten().min();
            let due = due_ms.map(|due_ms| self.started + Duration::from_millis(due_ms));
            let event = tokio::select! {
                event = self.swarm.select_next_some() => event,
                outcome = self.couriers.next() => return outcome,
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
                if self.swarm.behaviour_mut().gossip().unsubscribe(&topic(&tag)) {
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
            NetworkCommand::RequestApart { key, peer, addresses, request, body } => {
                let addresses = self.elsewhere(&addresses);
                self.outcomes.extend(self.couriers.ask(&key, Order { peer, addresses, request, body }));
            }
            NetworkCommand::Answer { answer, body } => {
                self.requests.answer(&mut self.swarm.behaviour_mut().protocols().requests, answer, body);
            }
            NetworkCommand::Know { peer, addresses } => self.know(peer, addresses),
            NetworkCommand::Forget(peer) => {
                self.book.forget(&peer);
                if let Some(id) = peer_id(&peer).filter(|id| self.reaching.known.remove(id)) {
                    self.swarm.behaviour_mut().limits.remove_peer_id(&id);
                    self.swarm.behaviour_mut().known_changed(id);
                    self.consider_relay(&peer);
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
        if self.swarm.behaviour_mut().gossip().subscribe(&topic(tag)).is_ok_and(|new| new) {
            self.topics = self.topics.saturating_add(1);
        }
    }

    fn publish(&mut self, tag: &TopicTag, bytes: Vec<u8>) -> Published {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Published::TooLarge;
        }
        match self.swarm.behaviour_mut().gossip().publish(topic(tag), bytes) {
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
        self.swarm.behaviour_mut().gossip().report_message_validation_result(&id, &from, acceptance);
    }

    fn know(&mut self, peer: PeerKey, addresses: Vec<Address>) {
        let Some(id) = peer_id(&peer).filter(|_| peer != self.peer) else { return };
        let addresses = addresses.into_iter().filter(|address| address::to_multiaddr(address).is_some()).collect();
        let path = self.connected.get(&peer).copied();
        let now_ms = self.now_ms();
        if self.book.know(peer, addresses, path.is_some(), now_ms) {
            if self.reaching.known.add(id) {
                self.swarm.behaviour_mut().limits.bypass_peer_id(&id);
                self.swarm.behaviour_mut().known_changed(id);
                if path == Some(Path::Relayed) {
                    self.book.connected(&peer, true, now_ms);
                }
                self.consider_relay(&peer);
            }
        } else {
            tracing::warn!(limit = address_book::PEERS_MAX, "too many known nodes: this one is not dialled");
        }
    }

    /// Those of a peer's addresses that lead to somebody else. Where this node listens itself, on its own machine or in a
    /// network whose addresses are like those of others, it would meet itself, and with that the whole dial would end.
    fn elsewhere(&self, addresses: &[Address]) -> Vec<Multiaddr> {
        let own = self.listeners.addresses();
        addresses.iter().filter(|address| !own.contains(address)).filter_map(address::to_multiaddr).collect()
    }

    /// Dials everybody who is due.
    fn dial_due(&mut self) {
        let now_ms = self.now_ms();
        while let Some(Due { peer, addresses, beside }) = self.book.take_due(now_ms) {
            let addresses = self.elsewhere(&addresses);
            let condition = if beside { PeerCondition::NotDialing } else { PeerCondition::DisconnectedAndNotDialing };
            // A port of its own for each dial: two nodes that dial each other from the ports at which they listen would
            // open one TCP connection from both ends, and each would wait for the other to answer.
            let dial = peer_id(&peer)
                .map(|id| DialOpts::peer_id(id).condition(condition).addresses(addresses).allocate_new_port().build());
            if dial.is_none_or(|dial| self.swarm.dial(dial).is_err()) {
                self.book.failed(&peer, now_ms);
            }
        }
    }

    fn happened(&mut self, event: SwarmEvent<BehaviourEvent>) -> Option<NetworkEvent> {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::One(event)) => match event {
                one_connection::Event::Up(peer, path) => self.connected(&peer, path),
                one_connection::Event::Down(peer) => self.disconnected(&peer),
                one_connection::Event::Inner(ProtocolsEvent::Gossip(event)) => self.gossip(event),
                one_connection::Event::Inner(ProtocolsEvent::Requests(event)) => {
                    self.requests.happened(&mut self.swarm.behaviour_mut().protocols().requests, event)
                }
                one_connection::Event::Inner(ProtocolsEvent::Identify(identify::Event::Received {
                    peer_id,
                    info,
                    ..
                })) => {
                    self.identified(&peer_id, &info);
                    None
                }
                // A ping that fails closes nothing: the deadline of TCP and the idle time of QUIC do.
                one_connection::Event::Inner(ProtocolsEvent::Ping(_) | ProtocolsEvent::Identify(_)) => None,
            },
            SwarmEvent::Behaviour(BehaviourEvent::Asking(event)) => self.tested(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Upnp(event)) => self.mapped(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Circuits(relay::client::Event::ReservationReqAccepted {
                relay_peer_id,
                ..
            })) => {
                self.place_given(&relay_peer_id);
                None
            }
            SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                self.look_at(connection_id);
                None
            }
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => {
                let now_ms = self.now_ms();
                for (peer, address) in found {
                    if let (Some(peer), Some(address)) = (peer_key(&peer), address::from_multiaddr(&address)) {
                        self.book.seen(&peer, address, now_ms);
                    }
                }
                None
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                let (peer, now_ms) = (peer_key(&peer)?, self.now_ms());
                self.book.failed(&peer, now_ms);
                self.reaching.seen.failed(peer, &error);
                None
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                if self.place_at(listener_id, &address) {
                    return self.addresses_changed();
                }
                let changed = self.listeners.add(&address);
                self.listeners_changed(changed)
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                let changed = self.listeners.remove(&address);
                if changed {
                    self.moved();
                }
                self.listeners_changed(changed)
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, .. } => {
                if self.place_lost(listener_id) {
                    return None;
                }
                let gone = addresses.iter().filter(|address| self.listeners.remove(address)).count();
                tracing::warn!("a listener closed");
                self.listeners_changed(gone > 0)
            }
            _ => None,
        }
    }

    fn listeners_changed(&mut self, changed: bool) -> Option<NetworkEvent> {
        if !changed {
            return None;
        }
        let now_ms = self.now_ms();
        self.book.wake_all(now_ms);
        self.addresses_changed()
    }

    fn connected(&mut self, peer: &PeerId, path: Path) -> Option<NetworkEvent> {
        let peer = peer_key(peer)?;
        let now_ms = self.now_ms();
        self.book.connected(&peer, path == Path::Relayed, now_ms);
        self.reaching.seen.reached(&peer);
        self.connected.insert(peer, path);
        self.forget_offer(&peer);
        Some(NetworkEvent::Connected { peer, path })
    }

    fn disconnected(&mut self, peer: &PeerId) -> Option<NetworkEvent> {
        let peer = peer_key(peer)?;
        let now_ms = self.now_ms();
        self.book.disconnected(&peer, now_ms);
        self.connected.remove(&peer)?;
        self.forget_offer(&peer);
        Some(NetworkEvent::Disconnected { peer })
    }

    fn gossip(&mut self, event: gossipsub::Event) -> Option<NetworkEvent> {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let tag = topic_tag(&message.topic).filter(|_| message.data.len() <= ENVELOPE_BYTES_MAX);
                let (Some(topic), Some(from)) = (tag, peer_key(&propagation_source)) else {
                    let gossip = self.swarm.behaviour_mut().gossip();
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

/// The swarm, listening nowhere yet. Not part of the future that starts a network, which would carry all of it.
fn swarm(config: &NetworkConfig, keypair: &Keypair, known: &Known) -> Result<Box<Swarm<Behaviour>>, String> {
    let local = keypair.public().to_peer_id();
    let (circuits, client) = relay::client::new(local);
    let transport = transport::transport(keypair, circuits)?;
    let behaviour = Behaviour::new(keypair, config, client, known)?;
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE_MAX).with_smart_dial();
    Ok(Box::new(Swarm::new(transport, behaviour, local, settings)))
}

/// The clock of the swarm, which decides about connections and never about content.
#[expect(
    clippy::disallowed_methods,
    reason = "connections live in real time; the simulator replaces the whole network"
)]
fn now() -> Instant {
    Instant::now()
}
