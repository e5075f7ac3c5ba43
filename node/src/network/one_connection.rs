//! At most one direct connection a peer (PROTOCOL §5.2), whatever the protocols inside think of it.
//!
//! A peer that was killed and starts again connects anew while its old connection still stands here. Gossipsub tells a
//! peer its subscriptions only on the first connection, so the restarted peer would stay deaf until the old connection
//! dies. Here the newer connection takes the place of the older one at once: the protocols inside are told that the
//! older is closed before they hear of the newer, and nothing that happens on the older one reaches them afterwards.
//!
//! When two peers dial each other at the same moment, both must keep the same one of the two connections: the one that
//! the peer with the lower id dialled.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use tokio::time::Instant;

use super::now;
use super::peer::peer_key;

/// Two connections in opposite directions within this time are two peers who dialled each other at once; later, the
/// newer one is a restart. A guess: longer than any handshake that is not about to fail.
const SIMULTANEOUS_MAX: Duration = Duration::from_secs(5);

/// Shows the protocols inside one connection a peer.
pub(super) struct OneConnection<B: NetworkBehaviour> {
    inner: B,
    local: PeerId,
    current: HashMap<PeerId, Current>,
    events: VecDeque<ToSwarm<Event<B::ToSwarm>, THandlerInEvent<B>>>,
}

struct Current {
    connection: ConnectionId,
    endpoint: ConnectedPoint,
    since: Instant,
}

/// What comes out.
#[derive(Debug)]
pub(super) enum Event<E> {
    /// The peer's connection is there.
    Up(PeerId),
    /// The peer's connection is gone, or about to be replaced.
    Down(PeerId),
    /// What a protocol inside says.
    Inner(E),
}

/// Why a connection was refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the peer's id is not an Ed25519 key")]
    ForeignKey,
    #[error("both sides dialled, and the other connection stays")]
    Superfluous,
}

/// Who dialled a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialler {
    Us,
    Them,
}

/// Whether a connection takes the place of the current one, which has stood for `age`.
fn replaces(local: &PeerId, peer: &PeerId, current: Dialler, new: Dialler, age: Duration) -> bool {
    if current == new || age > SIMULTANEOUS_MAX {
        return true;
    }
    (new == Dialler::Us) == (local.to_bytes() < peer.to_bytes())
}

impl<B: NetworkBehaviour> OneConnection<B> {
    pub(super) fn new(local: PeerId, inner: B) -> Self {
        Self { inner, local, current: HashMap::new(), events: VecDeque::new() }
    }

    pub(super) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Makes room for a new connection, or refuses it.
    fn admit(&mut self, peer: PeerId, new: Dialler) -> Result<(), ConnectionDenied> {
        if peer_key(&peer).is_none() {
            return Err(ConnectionDenied::new(Refused::ForeignKey));
        }
        let Some(current) = self.current.get(&peer) else { return Ok(()) };
        let dialler = if current.endpoint.is_dialer() { Dialler::Us } else { Dialler::Them };
        if !replaces(&self.local, &peer, dialler, new, now() - current.since) {
            return Err(ConnectionDenied::new(Refused::Superfluous));
        }
        self.retire(peer);
        Ok(())
    }

    /// Tells the protocols that the peer's connection is closed, and has it closed.
    fn retire(&mut self, peer: PeerId) {
        let Some(current) = self.current.remove(&peer) else { return };
        self.inner.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: peer,
            connection_id: current.connection,
            endpoint: &current.endpoint,
            cause: None,
            remaining_established: 0,
        }));
        let connection = CloseConnection::One(current.connection);
        self.events.push_back(ToSwarm::GenerateEvent(Event::Down(peer)));
        self.events.push_back(ToSwarm::CloseConnection { peer_id: peer, connection });
    }

    fn is_current(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.current.get(peer).is_some_and(|current| current.connection == connection)
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for OneConnection<B> {
    type ConnectionHandler = THandler<B>;
    type ToSwarm = Event<B::ToSwarm>;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(peer, Dialler::Them)?;
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(peer, Dialler::Us)?;
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                let ConnectionEstablished { peer_id, connection_id, endpoint, .. } = established;
                let current = Current { connection: connection_id, endpoint: endpoint.clone(), since: now() };
                self.current.insert(peer_id, current);
                let established = ConnectionEstablished { other_established: 0, ..established };
                self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(established));
                self.events.push_back(ToSwarm::GenerateEvent(Event::Up(peer_id)));
            }
            FromSwarm::ConnectionClosed(closed) if self.is_current(&closed.peer_id, closed.connection_id) => {
                self.current.remove(&closed.peer_id);
                let peer = closed.peer_id;
                let closed = ConnectionClosed { remaining_established: 0, ..closed };
                self.inner.on_swarm_event(FromSwarm::ConnectionClosed(closed));
                self.events.push_back(ToSwarm::GenerateEvent(Event::Down(peer)));
            }
            // The end of a connection that was replaced: the protocols were told already.
            FromSwarm::ConnectionClosed(_) => {}
            FromSwarm::AddressChange(change) => {
                if self.is_current(&change.peer_id, change.connection_id) {
                    if let Some(current) = self.current.get_mut(&change.peer_id) {
                        current.endpoint = change.new.clone();
                    }
                    self.inner.on_swarm_event(FromSwarm::AddressChange(change));
                }
            }
            other => self.inner.on_swarm_event(other),
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        if self.is_current(&peer, connection) {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(event);
        }
        self.inner.poll(cx).map(|event| match event {
            // "Any" of a peer's connections could be the one that is being closed.
            ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event } => {
                let current = self.current.get(&peer_id);
                let handler = current.map_or(NotifyHandler::Any, |current| NotifyHandler::One(current.connection));
                ToSwarm::NotifyHandler { peer_id, handler, event }
            }
            other => other.map_out(Event::Inner),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::{peer_id, peer_key_of_seed};
    use super::*;

    fn ends() -> (PeerId, PeerId) {
        let mut ids = [1, 2].map(|byte| peer_id(&peer_key_of_seed([byte; 32])).unwrap());
        ids.sort_by_key(|id| id.to_bytes());
        (ids[0], ids[1])
    }

    #[test]
    fn two_peers_that_dial_each_other_at_once_keep_the_same_connection() {
        let (low, high) = ends();
        // The connection that `low` dialled is "Us" there and "Them" at `high`. Whichever comes second at either end,
        // both end with it.
        assert!(replaces(&low, &high, Dialler::Them, Dialler::Us, Duration::ZERO));
        assert!(!replaces(&low, &high, Dialler::Us, Dialler::Them, Duration::ZERO));
        assert!(replaces(&high, &low, Dialler::Us, Dialler::Them, Duration::ZERO));
        assert!(!replaces(&high, &low, Dialler::Them, Dialler::Us, Duration::ZERO));
    }

    #[test]
    fn later_or_in_the_same_direction_the_newer_connection_wins() {
        let (low, high) = ends();
        let later = SIMULTANEOUS_MAX + Duration::from_millis(1);
        for (local, peer) in [(&low, &high), (&high, &low)] {
            assert!(replaces(local, peer, Dialler::Us, Dialler::Them, later));
            assert!(replaces(local, peer, Dialler::Them, Dialler::Us, later));
            assert!(replaces(local, peer, Dialler::Them, Dialler::Them, Duration::ZERO));
            assert!(replaces(local, peer, Dialler::Us, Dialler::Us, Duration::ZERO));
        }
    }
}
