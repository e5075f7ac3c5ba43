//! A peer that keeps to none of our rules: a bare libp2p swarm with limits of its own.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::request_response::{self, OutboundFailure, ProtocolSupport};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, noise, tcp, yamux};
use tidings_node::wire::request::PROTOCOL_NAME;

/// Longer than anything that a node takes.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(NetworkBehaviour)]
pub(crate) struct Protocols {
    pub(crate) gossip: gossipsub::Behaviour<gossipsub::IdentityTransform, gossipsub::AllowAllSubscriptionFilter>,
    pub(crate) requests: request_response::Behaviour<RawCodec>,
    identify: identify::Behaviour,
}

pub(crate) struct Stranger(pub(crate) Swarm<Protocols>);

impl Stranger {
    pub(crate) fn new() -> Self {
        let swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|keypair| Protocols {
                gossip: gossip(),
                requests: request_response::Behaviour::with_codec(
                    RawCodec,
                    [(StreamProtocol::new(PROTOCOL_NAME), ProtocolSupport::Outbound)],
                    request_response::Config::default(),
                ),
                identify: identify::Behaviour::new(identify::Config::new("stranger".to_owned(), keypair.public())),
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(std::time::Duration::from_mins(10)))
            .build();
        Self(swarm)
    }

    pub(crate) fn key(&self) -> tidings_node::ids::PeerKey {
        tidings_node::ids::PeerKey::from_peer_id(&self.0.local_peer_id().to_base58()).unwrap()
    }

    /// Opens one more connection.
    pub(crate) async fn dial(&mut self, address: &str) -> ConnectionId {
        let address: Multiaddr = address.parse().unwrap();
        let (address, peer) = split(&address);
        let dial = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(vec![address])
            .allocate_new_port()
            .build();
        let connection = dial.connection_id();
        self.0.dial(dial).unwrap();
        loop {
            match self.0.select_next_some().await {
                SwarmEvent::ConnectionEstablished { connection_id, .. } if connection_id == connection => {
                    return connection;
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error:?}"),
                _ => {}
            }
        }
    }

    /// Waits until a connection is closed, and says how many are left.
    pub(crate) async fn closed(&mut self, connection: ConnectionId) -> u32 {
        loop {
            if let SwarmEvent::ConnectionClosed { connection_id, num_established, .. } = self.0.select_next_some().await
                && connection_id == connection
            {
                return num_established;
            }
        }
    }

    /// Sends these bytes as a request, as they are, and gives what comes back.
    pub(crate) async fn ask(&mut self, peer: PeerId, bytes: Vec<u8>) -> Result<Vec<u8>, OutboundFailure> {
        let id = self.0.behaviour_mut().requests.send_request(&peer, bytes);
        loop {
            match self.0.select_next_some().await {
                SwarmEvent::Behaviour(ProtocolsEvent::Requests(request_response::Event::Message {
                    message: request_response::Message::Response { request_id, response },
                    ..
                })) if request_id == id => return Ok(response),
                SwarmEvent::Behaviour(ProtocolsEvent::Requests(request_response::Event::OutboundFailure {
                    request_id,
                    error,
                    ..
                })) if request_id == id => return Err(error),
                _ => {}
            }
        }
    }

    /// Waits until the peer is known to hear a topic.
    pub(crate) async fn subscribed(&mut self, name: &str) {
        let topic = IdentTopic::new(name).hash();
        while !self.0.behaviour().gossip.all_peers().any(|(_, topics)| topics.contains(&&topic)) {
            self.0.select_next_some().await;
        }
    }

    /// Whether it was told a topic of anybody.
    pub(crate) fn knows_topics(&self) -> bool {
        self.0.behaviour().gossip.all_peers().any(|(_, topics)| !topics.is_empty())
    }

    pub(crate) fn publish(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.behaviour_mut().gossip.publish(IdentTopic::new(name), bytes).unwrap();
    }

    /// Does its own work for ever.
    pub(crate) async fn live<T>(&mut self) -> T {
        loop {
            self.0.select_next_some().await;
        }
    }
}

/// An address and the peer id at its end.
pub(crate) fn split(address: &Multiaddr) -> (Multiaddr, PeerId) {
    let mut address = address.clone();
    match address.pop() {
        Some(libp2p::multiaddr::Protocol::P2p(peer)) => (address, peer),
        other => panic!("{other:?}"),
    }
}

fn gossip() -> gossipsub::Behaviour<gossipsub::IdentityTransform, gossipsub::AllowAllSubscriptionFilter> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .max_transmit_size(FRAME_BYTES_MAX)
        .max_control_message_size(FRAME_BYTES_MAX)
        .message_id_fn(|message| gossipsub::MessageId::new(blake3::hash(&message.data).as_bytes()))
        .build()
        .unwrap();
    let filter = gossipsub::AllowAllSubscriptionFilter {};
    gossipsub::Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter).unwrap()
}

/// Writes what it is given, and reads whatever comes.
#[derive(Clone, Copy, Default)]
pub(crate) struct RawCodec;

impl request_response::Codec for RawCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut response = Vec::new();
        stream.take(1 << 20).read_to_end(&mut response).await?;
        if response.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(response) }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, stream: &mut T, request: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        stream.write_all(&request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, _: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}
