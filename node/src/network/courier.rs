//! Requests under a key of their own (PROTOCOL §6.14): whoever is asked learns neither which node asks, nor that two that
//! ask are one.
//!
//! Each such key has a small swarm that listens nowhere and speaks requests only, driven by a task of its own. It ends
//! when nothing was asked for a while; the next request under that key begins a new one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, OutboundRequestId, ProtocolSupport};
use libp2p::swarm::{self, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, ping, relay};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::behaviour::REQUEST_TIMEOUT;
use super::codec::RequestCodec;
use super::event::{NetworkEvent, RequestFailure};
use super::peer::{keypair, peer_id, peer_key};
use super::pinging::PING_INTERVAL;
use super::requests::failure;
use super::transport;
use crate::ids::PeerKey;
use crate::wire::request::{PROTOCOL_NAME, Request, Response};

/// So many keys are in use at once; more have to wait. Measured: half a megabyte each.
const COURIERS_MAX: usize = 64;
/// So many requests wait for one swarm.
const ORDERS_MAX: usize = 4;
/// A swarm to which nothing is given for so long ends, and its connection with it.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// What is asked under keys of their own.
#[derive(Debug)]
pub(super) struct Couriers {
    /// By the key that asks.
    running: BTreeMap<PeerKey, mpsc::Sender<Order>>,
    /// Those that drive them; they end with this value.
    tasks: JoinSet<()>,
    outcomes: mpsc::Receiver<NetworkEvent>,
    to_outcomes: mpsc::Sender<NetworkEvent>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Order {
    /// Whom to ask.
    pub(super) peer: PeerKey,
    /// Where it may be.
    pub(super) addresses: Vec<Multiaddr>,
    /// The engine's own name for this request.
    pub(super) request: u64,
    /// What.
    pub(super) body: Request,
}

impl Order {
    fn failed(&self, failure: RequestFailure) -> NetworkEvent {
        NetworkEvent::Answered { peer: self.peer, request: self.request, outcome: Err(failure) }
    }
}

impl Default for Couriers {
    fn default() -> Self {
        let (to_outcomes, outcomes) = mpsc::channel(COURIERS_MAX);
        Self { running: BTreeMap::new(), tasks: JoinSet::new(), outcomes, to_outcomes }
    }
}

impl Couriers {
    /// Asks under a key, or says at once why not.
    pub(super) fn ask(&mut self, key: &Zeroizing<[u8; 32]>, order: Order) -> Option<NetworkEvent> {
        if order.body.check().is_err() {
            return Some(order.failed(RequestFailure::TooLarge));
        }
        let Some(pair) = keypair(key) else { return Some(order.failed(RequestFailure::NotConnected)) };
        let Some(name) = peer_key(&pair.public().to_peer_id()) else {
            return Some(order.failed(RequestFailure::NotConnected));
        };
        self.running.retain(|_, orders| !orders.is_closed());
        let order = match self.running.get(&name) {
            None => order,
            Some(orders) => match orders.try_send(order) {
                Ok(()) => return None,
                // It has just ended: a new one takes it.
                Err(mpsc::error::TrySendError::Closed(order)) => order,
                Err(mpsc::error::TrySendError::Full(order)) => {
                    return Some(order.failed(RequestFailure::TooMany));
                }
            },
        };
        self.begin(name, &pair, order)
    }

    fn begin(&mut self, name: PeerKey, pair: &Keypair, order: Order) -> Option<NetworkEvent> {
        if self.running.len() >= COURIERS_MAX {
            return Some(order.failed(RequestFailure::TooMany));
        }
        let swarm = match build(pair) {
            Ok(swarm) => swarm,
            Err(reason) => {
                tracing::warn!(%reason, "no swarm for requests under a key of their own");
                return Some(order.failed(RequestFailure::NotConnected));
            }
        };
        let mut courier = Courier { swarm, asked: HashMap::new() };
        if let Some(failed) = courier.ask(order) {
            return Some(failed);
        }
        let (to_orders, orders) = mpsc::channel(ORDERS_MAX);
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(Box::pin(courier.run(orders, self.to_outcomes.clone())));
        self.running.insert(name, to_orders);
        None
    }

    /// What became of a request. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> NetworkEvent {
        match self.outcomes.recv().await {
            Some(outcome) => outcome,
            // This value holds a sender itself, so the queue never ends.
            None => std::future::pending().await,
        }
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    ping: ping::Behaviour,
    requests: request_response::Behaviour<RequestCodec>,
    circuits: relay::client::Behaviour,
}

fn build(pair: &Keypair) -> Result<Box<Swarm<Behaviour>>, String> {
    let local = pair.public().to_peer_id();
    let (circuits, client) = relay::client::new(local);
    let transport = transport::transport(pair, circuits)?;
    let requests = request_response::Config::default().with_request_timeout(REQUEST_TIMEOUT);
    let names = [(StreamProtocol::new(PROTOCOL_NAME), ProtocolSupport::Outbound)];
    let behaviour = Behaviour {
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_INTERVAL)),
        requests: request_response::Behaviour::with_codec(RequestCodec, names, requests),
        circuits: client,
    };
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE_MAX).with_smart_dial();
    Ok(Box::new(Swarm::new(transport, behaviour, local, settings)))
}

/// One swarm and what it was asked to ask.
struct Courier {
    swarm: Box<Swarm<Behaviour>>,
    asked: HashMap<OutboundRequestId, (PeerKey, u64)>,
}

impl Courier {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, outcomes: mpsc::Sender<NetworkEvent>) {
        let mut ends = false;
        while !(ends && self.asked.is_empty()) {
            let is_idle = self.asked.is_empty();
            let outcome = tokio::select! {
                event = self.swarm.select_next_some() => self.happened(event),
                order = orders.recv(), if !ends => match order {
                    Some(order) => self.ask(order),
                    // The node stops: what waits for an answer would be told to nobody.
                    None => return,
                },
                () = sleep(IDLE_MAX), if is_idle && !ends => {
                    // What was given until now is still done; from here on a new swarm is begun.
                    orders.close();
                    ends = true;
                    while let Ok(order) = orders.try_recv() {
                        if let Some(failed) = self.ask(order) {
                            drop(outcomes.send(failed).await);
                        }
                    }
                    None
                }
            };
            if let Some(outcome) = outcome {
                // The node may have stopped: then nobody waits for it.
                drop(outcomes.send(outcome).await);
            }
        }
    }

    fn ask(&mut self, order: Order) -> Option<NetworkEvent> {
        let Some(id) = peer_id(&order.peer) else { return Some(order.failed(RequestFailure::NotConnected)) };
        let requests = &mut self.swarm.behaviour_mut().requests;
        let request = requests.send_request_with_addresses(&id, order.body, order.addresses);
        self.asked.insert(request, (order.peer, order.request));
        None
    }

    fn happened(&mut self, event: SwarmEvent<BehaviourEvent>) -> Option<NetworkEvent> {
        let SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) = event else { return None };
        let (id, outcome): (_, Result<Response, RequestFailure>) = match event {
            request_response::Event::Message { message: Message::Response { request_id, response }, .. } => {
                (request_id, Ok(response))
            }
            request_response::Event::OutboundFailure { request_id, error, .. } => (request_id, Err(failure(&error))),
            _ => return None,
        };
        let (peer, request) = self.asked.remove(&id)?;
        Some(NetworkEvent::Answered { peer, request, outcome })
    }
}
