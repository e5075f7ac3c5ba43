//! Finding out whether our addresses lead here, by version 2 of `AutoNAT` (PROTOCOL §5.2).
//!
//! A known peer that we dialled is asked to dial an address and to say a number on the new connection. These *side
//! connections* would otherwise take the place of the peer's connection; [`SideConnections`] tells which they are. The
//! library tests an address once and never again, so the client is replaced when a proof has become old.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::autonat::v2::{client, server};
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use tokio::time::Instant;

use super::now;

/// A peer that was asked to dial us does so within this time, or gives up.
const ASKED_MAX: Duration = Duration::from_secs(30);
/// A side connection is closed after this time: the test takes at most ten seconds.
pub(super) const SIDE_MAX: Duration = Duration::from_secs(15);
/// One client tests at most this many addresses: a peer that names others only wastes its own word.
const CANDIDATES_MAX: usize = 16;

/// Which connections exist only to prove an address.
#[derive(Debug, Clone, Default)]
pub(super) struct SideConnections(Arc<Mutex<Expected>>);

#[derive(Debug, Default)]
struct Expected {
    /// The peers that we asked to dial us, and until when they may.
    asked: HashMap<PeerId, Instant>,
    /// The dials that a peer asked of us.
    dialled: HashSet<ConnectionId>,
}

impl SideConnections {
    /// Whether a new direct connection, beside the one that stands, is such.
    pub(super) fn expects(&self, peer: &PeerId, connection: ConnectionId, inbound: bool) -> bool {
        let mut expected = self.expected();
        if inbound {
            return expected.asked.get(peer).is_some_and(|until| now() <= *until);
        }
        expected.dialled.remove(&connection)
    }

    fn asked(&self, peer: PeerId) {
        let (mut expected, now) = (self.expected(), now());
        expected.asked.retain(|_, until| now <= *until);
        expected.asked.insert(peer, now + ASKED_MAX);
    }

    fn dialled(&self, connection: ConnectionId) {
        self.expected().dialled.insert(connection);
    }

    fn over(&self, connection: ConnectionId) {
        self.expected().dialled.remove(&connection);
    }

    fn expected(&self) -> MutexGuard<'_, Expected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks others, one candidate at a time.
pub(super) struct Asking {
    inner: client::Behaviour,
    side: SideConnections,
    /// The connections that the present client knows: a new one does not know those that stood before it.
    connections: HashSet<ConnectionId>,
    candidates: HashSet<Multiaddr>,
    events: VecDeque<Multiaddr>,
}

impl Asking {
    pub(super) fn new(side: SideConnections) -> Self {
        Self {
            inner: client::Behaviour::default(),
            side,
            connections: HashSet::new(),
            candidates: HashSet::new(),
            events: VecDeque::new(),
        }
    }

    /// Has an address tested, and offered to peers with whom a hole is punched.
    pub(super) fn candidate(&mut self, address: Multiaddr) {
        if self.candidates.len() < CANDIDATES_MAX && self.candidates.insert(address.clone()) {
            self.events.push_back(address);
        }
    }

    /// Forgets what was found: every address is tested again when it is named again, on connections made from now on.
    pub(super) fn begin_again(&mut self) {
        *self = Self::new(self.side.clone());
    }
}

impl NetworkBehaviour for Asking {
    type ConnectionHandler = THandler<client::Behaviour>;
    type ToSwarm = client::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(up) => {
                self.connections.insert(up.connection_id);
            }
            // The library's client does not expect the end of what it never saw begin.
            FromSwarm::ConnectionClosed(down) if !self.connections.remove(&down.connection_id) => return,
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        if self.connections.contains(&connection) {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(address) = self.events.pop_front() {
            return Poll::Ready(ToSwarm::NewExternalAddrCandidate(address));
        }
        let polled = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::NotifyHandler { peer_id, .. }) = &polled {
            self.side.asked(*peer_id);
        }
        polled
    }
}

/// Answers others: dials what they name and says their number there.
pub(super) struct Answering {
    inner: server::Behaviour,
    side: SideConnections,
}

impl Answering {
    pub(super) fn new(side: SideConnections) -> Self {
        Self { inner: server::Behaviour::default(), side }
    }
}

impl NetworkBehaviour for Answering {
    type ConnectionHandler = THandler<server::Behaviour>;
    type ToSwarm = server::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::DialFailure(failed) = &event {
            self.side.over(failed.connection_id);
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let polled = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &polled {
            self.side.dialled(opts.connection_id());
        }
        polled
    }
}
