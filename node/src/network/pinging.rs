//! Signs of life (PROTOCOL §5.2): whoever dialled a connection pings, and both ends hear something each time.
//!
//! Both ends pinging would cost an idle node twice the bytes and tell it no more. A stranger that dials need not keep
//! to this, so strangers are pinged whoever dialled.

use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::ping::{Behaviour, Config, Event};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};

use super::known::Known;

/// Who dialled pings this often, which feeds the deadline of TCP connections and keeps those of QUIC.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The library's handler pings once when it begins. This long after that the connection has ended.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// Pings on connections that this node dialled, and on those of strangers.
pub(super) struct Pinging {
    inner: Behaviour,
    /// Answers only.
    silent: Behaviour,
    known: Known,
}

impl Pinging {
    pub(super) fn new(known: Known) -> Self {
        let every = |interval| Behaviour::new(Config::new().with_interval(interval));
        Self { inner: every(PING_INTERVAL), silent: every(NEVER), known }
    }
}

impl NetworkBehaviour for Pinging {
    type ConnectionHandler = THandler<Behaviour>;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let pings = if self.known.contains(&peer) { &mut self.silent } else { &mut self.inner };
        pings.handle_established_inbound_connection(connection, peer, local, remote)
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
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}
