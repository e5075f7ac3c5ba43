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
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
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
    asked: HashMap<PeerId, Asked>,
    /// The dials that a peer asked of us.
    dialled: HashSet<ConnectionId>,
}

/// What we asked of a peer.
#[derive(Debug)]
struct Asked {
    /// On which connection.
    on: ConnectionId,
    /// How often it may still dial us. Once more, and it is no test: a peer that has restarted has to be let in.
    dials: usize,
    /// How many answers it owes.
    answers: usize,
    until: Instant,
}

impl SideConnections {
    /// Whether a new direct connection, beside the one that stands, is such.
    pub(super) fn expects(&self, peer: &PeerId, connection: ConnectionId, inbound: bool, now: Instant) -> bool {
        let mut expected = self.expected();
        if !inbound {
            return expected.dialled.remove(&connection);
        }
        let asked = expected.asked.get_mut(peer).filter(|asked| asked.dials > 0 && now <= asked.until);
        asked.map(|asked| asked.dials -= 1).is_some()
    }

    fn asked(&self, peer: PeerId, on: ConnectionId, now: Instant) {
        let mut expected = self.expected();
        expected.asked.retain(|_, asked| now <= asked.until);
        let asked = expected.asked.entry(peer).or_insert(Asked { on, dials: 0, answers: 0, until: now });
        if asked.on != on {
            *asked = Asked { on, dials: 0, answers: 0, until: now };
        }
        (asked.dials, asked.answers, asked.until) = (asked.dials + 1, asked.answers + 1, now + ASKED_MAX);
    }

    /// A peer said what came of a test: for that one it dials no more.
    fn answered(&self, peer: &PeerId) {
        let mut expected = self.expected();
        let Some(asked) = expected.asked.get_mut(peer) else { return };
        asked.answers = asked.answers.saturating_sub(1);
        asked.dials = asked.dials.min(asked.answers);
    }

    /// The connection on which something was asked is gone, and so is who was asked.
    fn ended(&self, connection: ConnectionId) {
        self.expected().asked.retain(|_, asked| asked.on != connection);
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
        if let FromSwarm::ConnectionClosed(down) = &event {
            self.side.ended(down.connection_id);
        }
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
        // On a connection that we dialled it says nothing but what came of a test, and once that it makes such tests.
        if event.is_left() {
            self.side.answered(&peer);
        }
        if self.connections.contains(&connection) {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(address) = self.events.pop_front() {
            return Poll::Ready(ToSwarm::NewExternalAddrCandidate(address));
        }
        let polled = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(on), .. }) = &polled {
            self.side.asked(*peer_id, *on, now());
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

#[cfg(test)]
mod tests {
    use super::super::peer::{peer_id, peer_key_of_seed};
    use super::*;

    /// The connection on which is asked, and one that comes.
    fn ends() -> (PeerId, ConnectionId, ConnectionId) {
        let connection = ConnectionId::new_unchecked;
        (peer_id(&peer_key_of_seed([1; 32])).unwrap(), connection(1), connection(2))
    }

    #[test]
    fn a_peer_that_restarts_after_it_tested_an_address_is_let_in() {
        let (peer, on, new) = ends();
        let side = SideConnections::default();
        assert!(!side.expects(&peer, new, true, now()));
        side.asked(peer, on, now());
        assert!(side.expects(&peer, new, true, now()));
        assert!(!side.expects(&peer, new, true, now()), "its connection is taken for a second test");
    }

    #[test]
    fn a_peer_dials_as_often_as_it_was_asked_and_no_more_once_it_has_answered() {
        let (peer, on, new) = ends();
        let side = SideConnections::default();
        for _ in 0..3 {
            side.asked(peer, on, now());
        }
        assert!(side.expects(&peer, new, true, now()));
        side.answered(&peer);
        side.answered(&peer);
        assert!(side.expects(&peer, new, true, now()));
        assert!(!side.expects(&peer, new, true, now()));
        side.asked(peer, on, now());
        side.answered(&peer);
        side.answered(&peer);
        assert!(!side.expects(&peer, new, true, now()));
    }

    #[test]
    fn who_is_gone_tests_nothing_any_more() {
        let (peer, on, new) = ends();
        let side = SideConnections::default();
        side.asked(peer, on, now());
        side.ended(new);
        assert!(side.expects(&peer, new, true, now()));
        side.asked(peer, on, now());
        side.ended(on);
        assert!(!side.expects(&peer, new, true, now()));
        side.asked(peer, on, now());
        side.asked(peer, new, now());
        assert!(side.expects(&peer, on, true, now()));
        assert!(!side.expects(&peer, on, true, now()));
    }

    #[test]
    fn who_did_not_dial_in_time_does_so_no_more() {
        let (peer, on, new) = ends();
        let side = SideConnections::default();
        let asked = now();
        side.asked(peer, on, asked);
        assert!(!side.expects(&peer, new, true, asked + ASKED_MAX + Duration::from_millis(1)));
        assert!(side.expects(&peer, new, true, asked + ASKED_MAX));
    }
}
