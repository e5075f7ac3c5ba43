//! Where this node listens: binding every address before anything else, and keeping the list.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use futures::StreamExt;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, TransportError};

use super::address;
use super::behaviour::Behaviour;
use super::event::NetworkError;
use crate::ids::Address;

/// The addresses listened at now.
#[derive(Debug, Default)]
pub(super) struct Listeners(BTreeSet<(bool, Address)>);

impl Listeners {
    /// All of them, those that lead only to this machine last.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.0.iter().map(|(_, address)| address.clone()).collect()
    }

    /// Adds one; says whether it is new and of any use to others.
    pub(super) fn add(&mut self, multiaddr: &Multiaddr) -> bool {
        let address = address::from_multiaddr(multiaddr);
        address.is_some_and(|address| self.0.insert((address::is_loopback(multiaddr), address)))
    }

    /// Removes one; says whether it was there.
    pub(super) fn remove(&mut self, multiaddr: &Multiaddr) -> bool {
        let address = address::from_multiaddr(multiaddr);
        address.is_some_and(|address| self.0.remove(&(address::is_loopback(multiaddr), address)))
    }
}

/// Listens at every address, or at none.
pub(super) async fn listen(swarm: &mut Swarm<Behaviour>, texts: &[String]) -> Result<Listeners, NetworkError> {
    let failed = |text: &String, reason: String| NetworkError { address: text.clone(), reason };
    let mut multiaddrs = Vec::new();
    // All are tried before the first is taken: to the system, every IPv6 address may include every IPv4 address.
    for text in texts {
        let multiaddr: Multiaddr = text.parse().map_err(|_| failed(text, "it is not a multiaddr".to_owned()))?;
        try_address(&multiaddr).map_err(|error| failed(text, in_words(&error)))?;
        multiaddrs.push((text, multiaddr));
    }
    let mut waiting = HashSet::new();
    let mut names = Vec::new();
    for (text, multiaddr) in multiaddrs {
        let listener = swarm.listen_on(multiaddr).map_err(|error| failed(text, transport_in_words(error)))?;
        waiting.insert(listener);
        names.push((listener, text));
    }
    let name = |listener| names.iter().find(|(id, _)| *id == listener).map(|(_, text)| (*text).clone());
    let mut listeners = Listeners::default();
    while !waiting.is_empty() {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                listeners.add(&address);
                waiting.remove(&listener_id);
            }
            SwarmEvent::ListenerError { listener_id, error } => {
                let address = name(listener_id).unwrap_or_default();
                return Err(NetworkError { address, reason: in_words(&error) });
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                let reason = reason.err().map_or_else(|| "it was closed".to_owned(), |error| in_words(&error));
                return Err(NetworkError { address: name(listener_id).unwrap_or_default(), reason });
            }
            _ => {}
        }
    }
    Ok(listeners)
}

/// Whether the system lets us have an address. libp2p listens at TCP ports in a way that lets a second process of the
/// same person listen at the same one in silence, and then each gets some of the connections; and it wraps the
/// system's reasons so deep that they cannot be told apart.
fn try_address(multiaddr: &Multiaddr) -> io::Result<()> {
    let mut parts = multiaddr.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => TcpListener::bind(SocketAddr::new(host, port)).map(drop),
        Some(Protocol::Udp(port)) => UdpSocket::bind(SocketAddr::new(host, port)).map(drop),
        _ => Ok(()),
    }
}

fn transport_in_words(error: TransportError<io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => {
            "only /ip4/…/tcp/…, /ip4/…/udp/…/quic-v1, /ip4/…/tcp/…/ws and their /ip6 forms can be listened at"
                .to_owned()
        }
        TransportError::Other(error) => in_words(&error),
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is taken by another program: stop that one, or choose another port".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "the system does not allow it: choose a port from 1024 upwards".to_owned(),
        _ => format!("the system refuses it: {error}"),
    }
}
