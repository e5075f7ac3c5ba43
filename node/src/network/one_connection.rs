//! One connection a peer (PROTOCOL §5.2), whatever the protocols inside think of it.
//!
//! A peer that was killed and starts again connects anew while its old connection still stands here. Gossipsub tells a
//! peer its subscriptions only on the first connection, so the restarted peer would stay deaf until the old connection
//! dies. Here the newer connection takes the place of the older one at once: the protocols inside are told that the
//! older is closed before they hear of the newer, and nothing that happens on the older one reaches them afterwards.
//!
//! When two peers dial each other at the same moment, both must keep the same one of the two connections: the one that
//! the peer with the lower id dialled. A direct connection takes the place of a relayed one at any time; a relayed one
//! that of a direct one only when the peer asks for it and the direct one must be dead (see [`RELAYED_AFTER_DIRECT`]).
//!
//! *Side connections* prove that an address leads somewhere (see [`super::probing`]). They stand beside the connection
//! and are not shown to the protocols inside.

use std::collections::{HashMap, HashSet, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use either::Either;
use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use tokio::time::Instant;

use super::address::is_relayed;
use super::now;
use super::peer::peer_key;
use super::probing::SideConnections;
use super::transport::TCP_SILENCE_MAX;
use crate::handle::Path;

/// Two connections in opposite directions within this time are two peers who dialled each other at once; later, the
/// newer one is a restart. A guess: longer than any handshake that is not about to fail.
const SIMULTANEOUS_MAX: Duration = Duration::from_secs(5);

/// A peer whose connection was refused in favour of ours, and that comes again after this time, does not have ours: it has
/// restarted. Longer than the several addresses of one dial are apart, shorter than the pause before the next dial.
const INSISTS_AFTER: Duration = Duration::from_millis(400);

/// A peer that comes through a relay while a direct connection has stood this long has lost that one: a dead connection is
/// noticed within this time at its other end (TCP's deadline). Before, both were dialled at once and the direct one stays.
const RELAYED_AFTER_DIRECT: Duration = TCP_SILENCE_MAX;

/// Shows the protocols inside one connection a peer.
pub(super) struct OneConnection<B: NetworkBehaviour> {
    inner: B,
    local: PeerId,
    current: HashMap<PeerId, Current>,
    /// The connections, other than direct ones, that ended in the last [`SIMULTANEOUS_MAX`].
    ended: HashMap<PeerId, (Path, Instant)>,
    /// The connection that is about to be established through a punched hole.
    upgrade: Option<ConnectionId>,
    side: SideConnections,
    side_open: HashSet<ConnectionId>,
    events: VecDeque<ToSwarm<Event<B::ToSwarm>, THandlerInEvent<Self>>>,
}

struct Current {
    connection: ConnectionId,
    endpoint: ConnectedPoint,
    path: Path,
    since: Instant,
    /// When a connection of the peer's was first refused because this one stands.
    refused: Option<Instant>,
}

/// What comes out.
#[derive(Debug)]
pub(super) enum Event<E> {
    /// The peer's connection is there.
    Up(PeerId, Path),
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

/// What decides between two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    dialler: Dialler,
    relayed: bool,
}

/// Who dialled a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialler {
    Us,
    Them,
}

impl Kind {
    fn of(endpoint: &ConnectedPoint) -> Self {
        match endpoint {
            ConnectedPoint::Dialer { address, role_override, .. } => Self::outbound(address, *role_override),
            ConnectedPoint::Listener { local_addr, .. } => Self::inbound(local_addr),
        }
    }

    fn inbound(local: &Multiaddr) -> Self {
        Self { dialler: Dialler::Them, relayed: is_relayed(local) }
    }

    /// When a hole is punched, both ends dial. Over TCP that makes one connection, of which both must name the same dialler:
    /// the one whose role it is. Over QUIC it makes two, each with a dialler, whatever role it was given.
    fn outbound(address: &Multiaddr, role: Endpoint) -> Self {
        let is_ours = role == Endpoint::Dialer || address.iter().any(|part| matches!(part, Protocol::QuicV1));
        Self { dialler: if is_ours { Dialler::Us } else { Dialler::Them }, relayed: is_relayed(address) }
    }
}

/// Whether a connection takes the place of the current one, which has stood for `age`.
fn replaces(local: &PeerId, peer: &PeerId, current: Kind, new: Kind, age: Duration) -> bool {
    match (current.relayed, new.relayed) {
        (true, false) => true,
        (false, true) => new.dialler == Dialler::Them && age > RELAYED_AFTER_DIRECT,
        (true, true) | (false, false) => {
            let older_or_alike = current.dialler == new.dialler || age > SIMULTANEOUS_MAX;
            older_or_alike || (new.dialler == Dialler::Us) == (local.to_bytes() < peer.to_bytes())
        }
    }
}

/// Whether a direct connection that takes the place of another goes through a punched hole: in the place of a relayed one;
/// or beside one that did so just now, because over QUIC one hole makes two connections, and the first to be there is not
/// always the one that stays.
fn is_punched(standing: Path, new: Kind, age: Duration) -> bool {
    let by_one_hole = standing == Path::Punched && age <= SIMULTANEOUS_MAX;
    !new.relayed && (standing == Path::Relayed || by_one_hole)
}

/// Whether a peer that was refused so long ago shows by dialling again that it does not have the connection that stands.
fn insists(current: Kind, new: Kind, refused_ago: Option<Duration>) -> bool {
    let is_like = current.relayed == new.relayed && new.dialler == Dialler::Them;
    is_like && refused_ago.is_some_and(|ago| ago > INSISTS_AFTER)
}

impl<B: NetworkBehaviour> OneConnection<B> {
    pub(super) fn new(local: PeerId, inner: B, side: SideConnections) -> Self {
        Self {
            inner,
            local,
            current: HashMap::new(),
            ended: HashMap::new(),
            upgrade: None,
            side,
            side_open: HashSet::new(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// The peer's connection, from this end.
    pub(super) fn endpoint(&self, peer: &PeerId) -> Option<&ConnectedPoint> {
        self.current.get(peer).map(|current| &current.endpoint)
    }

    /// Whether a connection is a side connection.
    pub(super) fn is_side(&self, connection: ConnectionId) -> bool {
        self.side_open.contains(&connection)
    }

    /// Makes room for a new connection, or refuses it. `false` for a side connection.
    fn admit(&mut self, peer: PeerId, connection: ConnectionId, new: Kind) -> Result<bool, ConnectionDenied> {
        if peer_key(&peer).is_none() {
            return Err(ConnectionDenied::new(Refused::ForeignKey));
        }
        let Some(current) = self.current.get_mut(&peer) else {
            // The other end, where a hole's connection is there first, closes the relayed one at once.
            let ended = self.ended.get(&peer).map(|(path, at)| (*path, now() - *at));
            let in_its_place = ended.is_some_and(|(path, ago)| ago <= SIMULTANEOUS_MAX && is_punched(path, new, ago));
            self.upgrade = in_its_place.then_some(connection);
            return Ok(true);
        };
        let standing = Kind::of(&current.endpoint);
        if !new.relayed && self.side.expects(&peer, connection, new.dialler == Dialler::Them, now()) {
            self.side_open.insert(connection);
            return Ok(false);
        }
        let refused_ago = current.refused.map(|refused| now() - refused);
        if !replaces(&self.local, &peer, standing, new, now() - current.since) && !insists(standing, new, refused_ago) {
            if new.dialler == Dialler::Them {
                current.refused.get_or_insert_with(now);
            }
            return Err(ConnectionDenied::new(Refused::Superfluous));
        }
        self.upgrade = is_punched(current.path, new, now() - current.since).then_some(connection);
        self.retire(peer);
        Ok(true)
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

    fn established(&mut self, established: ConnectionEstablished<'_>) {
        let ConnectionEstablished { peer_id, connection_id: connection, endpoint, .. } = established;
        if self.side_open.contains(&connection) {
            return;
        }
        self.ended.remove(&peer_id);
        let path = match self.upgrade.take() == Some(connection) {
            _ if endpoint.is_relayed() => Path::Relayed,
            true => Path::Punched,
            false => Path::Direct,
        };
        self.current
            .insert(peer_id, Current { connection, endpoint: endpoint.clone(), path, since: now(), refused: None });
        let established = ConnectionEstablished { other_established: 0, ..established };
        self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(established));
        self.events.push_back(ToSwarm::GenerateEvent(Event::Up(peer_id, path)));
    }

    fn is_current(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.current.get(peer).is_some_and(|current| current.connection == connection)
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for OneConnection<B> {
    type ConnectionHandler = Either<THandler<B>, dummy::ConnectionHandler>;
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
        if !self.admit(peer, connection, Kind::inbound(local))? {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        self.inner.handle_established_inbound_connection(connection, peer, local, remote).map(Either::Left)
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
        if !self.admit(peer, connection, Kind::outbound(address, role))? {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port).map(Either::Left)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => self.established(established),
            FromSwarm::ConnectionClosed(closed) if self.is_current(&closed.peer_id, closed.connection_id) => {
                let peer = closed.peer_id;
                self.ended.retain(|_, (_, at)| now() - *at <= SIMULTANEOUS_MAX);
                if let Some(current) = self.current.remove(&peer).filter(|current| current.path != Path::Direct) {
                    self.ended.insert(peer, (current.path, now()));
                }
                let closed = ConnectionClosed { remaining_established: 0, ..closed };
                self.inner.on_swarm_event(FromSwarm::ConnectionClosed(closed));
                self.events.push_back(ToSwarm::GenerateEvent(Event::Down(peer)));
            }
            // The end of a connection that was replaced, and the protocols were told already; or of a side connection.
            FromSwarm::ConnectionClosed(closed) => {
                self.side_open.remove(&closed.connection_id);
            }
            // Strangers do not learn from identify where this node can be reached.
            FromSwarm::ExternalAddrConfirmed(_) | FromSwarm::ExternalAddrExpired(_) => {}
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
        match event {
            Either::Left(event) if self.is_current(&peer, connection) => {
                self.inner.on_connection_handler_event(peer, connection, event);
            }
            Either::Left(_) => {}
            Either::Right(never) => match never {},
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(event);
        }
        loop {
            let Poll::Ready(event) = self.inner.poll(cx) else { return Poll::Pending };
            let event = match event {
                // Whoever connects may say that it sees us anywhere: what is worth a proof is decided elsewhere.
                ToSwarm::NewExternalAddrCandidate(_) => continue,
                // "Any" of a peer's connections could be the one that is being closed.
                ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event } => {
                    let current = self.current.get(&peer_id);
                    let handler = current.map_or(NotifyHandler::Any, |current| NotifyHandler::One(current.connection));
                    ToSwarm::NotifyHandler { peer_id, handler, event: Either::Left(event) }
                }
                other => other.map_out(Event::Inner).map_in(Either::Left),
            };
            return Poll::Ready(event);
        }
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

    const US: Kind = Kind { dialler: Dialler::Us, relayed: false };
    const THEM: Kind = Kind { dialler: Dialler::Them, relayed: false };

    fn relayed(kind: Kind) -> Kind {
        Kind { relayed: true, ..kind }
    }

    #[test]
    fn two_peers_that_dial_each_other_at_once_keep_the_same_connection() {
        let (low, high) = ends();
        // The connection that `low` dialled is "Us" there and "Them" at `high`. Whichever comes second at either end,
        // both end with it.
        for of in [|kind| kind, relayed] {
            assert!(replaces(&low, &high, of(THEM), of(US), Duration::ZERO));
            assert!(!replaces(&low, &high, of(US), of(THEM), Duration::ZERO));
            assert!(replaces(&high, &low, of(US), of(THEM), Duration::ZERO));
            assert!(!replaces(&high, &low, of(THEM), of(US), Duration::ZERO));
        }
    }

    #[test]
    fn a_peer_that_comes_again_after_it_was_refused_has_restarted_and_is_let_in() {
        let later = INSISTS_AFTER + Duration::from_millis(1);
        assert!(insists(US, THEM, Some(later)));
        assert!(insists(relayed(US), relayed(THEM), Some(later)));
        for (current, new, ago) in
            [(US, THEM, None), (US, THEM, Some(INSISTS_AFTER)), (US, US, Some(later)), (US, relayed(THEM), Some(later))]
        {
            assert!(!insists(current, new, ago));
        }
    }

    #[test]
    fn later_or_in_the_same_direction_the_newer_connection_wins() {
        let (low, high) = ends();
        let later = SIMULTANEOUS_MAX + Duration::from_millis(1);
        for (local, peer) in [(&low, &high), (&high, &low)] {
            for of in [|kind| kind, relayed] {
                assert!(replaces(local, peer, of(US), of(THEM), later));
                assert!(replaces(local, peer, of(THEM), of(US), later));
                assert!(replaces(local, peer, of(THEM), of(THEM), Duration::ZERO));
                assert!(replaces(local, peer, of(US), of(US), Duration::ZERO));
            }
        }
    }

    #[test]
    fn a_direct_connection_takes_the_place_of_a_relayed_one_and_gives_it_back_only_when_it_must_be_dead() {
        let (low, high) = ends();
        let later = RELAYED_AFTER_DIRECT + Duration::from_millis(1);
        for (local, peer) in [(&low, &high), (&high, &low)] {
            for (one, other) in [(US, THEM), (THEM, US), (US, US), (THEM, THEM)] {
                assert!(replaces(local, peer, relayed(one), other, Duration::ZERO));
                assert!(!replaces(local, peer, one, relayed(other), SIMULTANEOUS_MAX));
                assert_eq!(replaces(local, peer, one, relayed(other), later), other == THEM);
            }
        }
    }

    #[test]
    fn both_ends_of_a_punched_hole_agree_on_who_dialled_which_connection() {
        let tcp: Multiaddr = "/ip4/192.0.2.7/tcp/4001".parse().unwrap();
        assert_eq!(Kind::outbound(&tcp, Endpoint::Dialer), US);
        assert_eq!(Kind::outbound(&tcp, Endpoint::Listener), THEM);
        let quic: Multiaddr = "/ip4/192.0.2.7/udp/4001/quic-v1".parse().unwrap();
        assert_eq!(Kind::outbound(&quic, Endpoint::Dialer), US);
        assert_eq!(Kind::outbound(&quic, Endpoint::Listener), US);
    }

    #[test]
    fn whichever_of_the_two_connections_of_one_hole_stays_its_path_is_a_punched_one() {
        let later = SIMULTANEOUS_MAX + Duration::from_millis(1);
        for new in [US, THEM] {
            assert!(is_punched(Path::Relayed, new, later));
            assert!(is_punched(Path::Punched, new, SIMULTANEOUS_MAX));
            // A peer that dials straight later on has found another way.
            assert!(!is_punched(Path::Punched, new, later));
            assert!(!is_punched(Path::Direct, new, Duration::ZERO));
            assert!(!is_punched(Path::Relayed, relayed(new), Duration::ZERO));
        }
    }
}
