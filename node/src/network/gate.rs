//! A protocol that is spoken with known peers only (PROTOCOL §5.2): strangers do not even learn that it is there.
//!
//! Every connection has the protocol's handler, behind a gate that opens when the peer becomes known, also on a connection
//! that stands already, and closes when it is forgotten. A shut gate offers nothing, and what the handler wants to send
//! waits. Where it is told what the other side must offer first, the gate also waits for that: gossipsub gives up for ever
//! on a connection whose other side does not speak it yet.

use std::collections::{HashMap, VecDeque};
use std::iter::Flatten;
use std::option;
use std::task::{Context, Poll, Waker};

use futures::future::{self, Either, Pending};
use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{
    ConnectionEvent, FullyNegotiatedInbound, InboundUpgradeSend, ListenUpgradeError, ProtocolsChange, SendWrapper,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, Stream, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};

use super::known::Known;

/// A protocol behind a gate.
pub(super) struct ForKnown<B: NetworkBehaviour> {
    inner: B,
    known: Known,
    /// The beginning of a protocol's name that the other side must offer before the gate opens.
    awaits: Option<&'static str>,
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    events: VecDeque<ToSwarm<B::ToSwarm, GateIn<THandlerInEvent<B>>>>,
}

impl<B: NetworkBehaviour> ForKnown<B> {
    pub(super) fn new(inner: B, known: Known, awaits: Option<&'static str>) -> Self {
        Self { inner, known, awaits, connections: HashMap::new(), events: VecDeque::new() }
    }

    pub(super) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// The peer became known, or was forgotten.
    pub(super) fn changed(&mut self, peer: PeerId) {
        let event = if self.known.contains(&peer) { GateIn::Open } else { GateIn::Shut };
        for connection in self.connections.get(&peer).into_iter().flatten() {
            let handler = NotifyHandler::One(*connection);
            self.events.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event: event.signal() });
        }
    }

    fn gate(&self, peer: &PeerId, inner: THandler<B>) -> Gate<THandler<B>> {
        let (known, offered) = (self.known.contains(peer), self.awaits.is_none());
        Gate { inner, awaits: self.awaits, known, offered, waker: None }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for ForKnown<B> {
    type ConnectionHandler = Gate<THandler<B>>;
    type ToSwarm = B::ToSwarm;

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
        let handler = self.inner.handle_established_inbound_connection(connection, peer, local, remote)?;
        Ok(self.gate(&peer, handler))
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
        let handler = self.inner.handle_established_outbound_connection(connection, peer, address, role, port)?;
        Ok(self.gate(&peer, handler))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(up) => {
                self.connections.entry(up.peer_id).or_default().push(up.connection_id);
            }
            FromSwarm::ConnectionClosed(down) => {
                if let Some(connections) = self.connections.get_mut(&down.peer_id) {
                    connections.retain(|connection| *connection != down.connection_id);
                    if connections.is_empty() {
                        self.connections.remove(&down.peer_id);
                    }
                }
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(event);
        }
        self.inner.poll(cx).map(|event| event.map_in(GateIn::Inner))
    }
}

/// What a gate is told.
#[derive(Debug)]
pub(super) enum GateIn<E> {
    /// The peer is known now.
    Open,
    /// It is not any more.
    Shut,
    /// For the protocol's own handler.
    Inner(E),
}

impl<E> GateIn<E> {
    fn signal(&self) -> Self {
        if matches!(self, Self::Open) { Self::Open } else { Self::Shut }
    }
}

/// A protocol's handler on one connection, behind its gate.
#[derive(Debug)]
pub(super) struct Gate<H> {
    inner: H,
    awaits: Option<&'static str>,
    known: bool,
    offered: bool,
    waker: Option<Waker>,
}

impl<H: ConnectionHandler> ConnectionHandler for Gate<H> {
    type FromBehaviour = GateIn<H::FromBehaviour>;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = Offer<H::InboundProtocol>;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = H::InboundOpenInfo;
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        let inner = self.inner.listen_protocol();
        let timeout = *inner.timeout();
        let (upgrade, info) = inner.into_upgrade();
        let offer = Offer(self.known.then_some(SendWrapper(upgrade)));
        SubstreamProtocol::new(offer, info).with_timeout(timeout)
    }

    fn connection_keep_alive(&self) -> bool {
        self.known && self.inner.connection_keep_alive()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        if self.known && self.offered {
            return self.inner.poll(cx);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.poll_close(cx)
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {
            GateIn::Open => self.known = true,
            GateIn::Shut => self.known = false,
            GateIn::Inner(event) => self.inner.on_behaviour_event(event),
        }
        self.wake();
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        let event = match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, info }) => {
                ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, info })
            }
            ConnectionEvent::ListenUpgradeError(ListenUpgradeError { info, error }) => {
                ConnectionEvent::ListenUpgradeError(ListenUpgradeError { info, error })
            }
            ConnectionEvent::FullyNegotiatedOutbound(done) => ConnectionEvent::FullyNegotiatedOutbound(done),
            ConnectionEvent::DialUpgradeError(failed) => ConnectionEvent::DialUpgradeError(failed),
            ConnectionEvent::AddressChange(change) => ConnectionEvent::AddressChange(change),
            ConnectionEvent::LocalProtocolsChange(change) => ConnectionEvent::LocalProtocolsChange(change),
            ConnectionEvent::RemoteProtocolsChange(change) => {
                self.look_at(&change);
                ConnectionEvent::RemoteProtocolsChange(change)
            }
            _ => return,
        };
        self.inner.on_connection_event(event);
    }
}

impl<H> Gate<H> {
    /// Whether the other side offers now, or no longer, what is awaited.
    fn look_at(&mut self, change: &ProtocolsChange<'_>) {
        let Some(awaits) = self.awaits else { return };
        match change.clone() {
            ProtocolsChange::Added(mut added) => {
                self.offered |= added.any(|protocol| protocol.as_ref().starts_with(awaits));
            }
            ProtocolsChange::Removed(mut removed) => {
                self.offered &= !removed.any(|protocol| protocol.as_ref().starts_with(awaits));
            }
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The protocols that are offered: those of the handler, or none while the gate is shut.
pub(super) struct Offer<P>(Option<SendWrapper<P>>);

impl<P: InboundUpgradeSend> UpgradeInfo for Offer<P> {
    type Info = <SendWrapper<P> as UpgradeInfo>::Info;
    type InfoIter = Flatten<option::IntoIter<<SendWrapper<P> as UpgradeInfo>::InfoIter>>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.as_ref().map(UpgradeInfo::protocol_info).into_iter().flatten()
    }
}

impl<P: InboundUpgradeSend> InboundUpgrade<Stream> for Offer<P> {
    type Output = P::Output;
    type Error = P::Error;
    type Future = Either<P::Future, Pending<Result<P::Output, P::Error>>>;

    fn upgrade_inbound(self, stream: Stream, info: Self::Info) -> Self::Future {
        match self.0 {
            Some(upgrade) => Either::Left(InboundUpgrade::upgrade_inbound(upgrade, stream, info)),
            // Nothing was offered, so nothing can have been agreed on.
            None => Either::Right(future::pending()),
        }
    }
}
