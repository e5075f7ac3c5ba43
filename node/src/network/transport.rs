//! How bytes are carried: QUIC, TCP with Noise and Yamux and a deadline of our own, the same in a WebSocket, and circuits
//! through relays, which are like TCP (PROTOCOL §5.1).

use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, OrTransport, Transport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, dns, noise, quic, relay, tcp, websocket, yamux};

use super::deadline::Deadline;

/// A TCP connection on which nothing arrives for this long is dead: two pings and some room.
pub(super) const TCP_SILENCE_MAX: Duration = Duration::from_secs(12);
/// A connection is encrypted and multiplexed within this time, or dropped. As long as a slow mobile link may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Through a relay, which may have to be dialled first.
const CIRCUIT_TIMEOUT: Duration = Duration::from_secs(20);
/// A peer may have this many streams open on one connection: gossip, identify, ping and requests need about forty.
const STREAMS_MAX: usize = 128;
/// QUIC notices a dead path after this long (libp2p's default).
const QUIC_IDLE_MS_MAX: u32 = 10_000;
/// It asks for a sign of life itself where pings bring none: later than the next ping, to cost nothing beside it.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(7);
/// A message of WebSocket holds one write of Noise: 64 KiB. The library would take 256 MiB from whoever connects.
const WEBSOCKET_BYTES_MAX: usize = 256 * 1024;

/// The whole stack for a key, or why the system does not let us have it.
pub(super) fn transport(
    keypair: &Keypair,
    circuits: relay::client::Transport,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, String> {
    let noise = noise::Config::new(keypair).map_err(|error| error.to_string())?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(STREAMS_MAX);
    let tcp = tcp::tokio::Transport::new(tcp::Config::new())
        .map(|stream, _| Deadline::new(stream, TCP_SILENCE_MAX))
        .upgrade(Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(yamux.clone())
        .timeout(HANDSHAKE_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let inner = tcp::tokio::Transport::new(tcp::Config::new()).map(|stream, _| Deadline::new(stream, TCP_SILENCE_MAX));
    let mut framed = websocket::Config::new(inner);
    framed.set_max_data_size(WEBSOCKET_BYTES_MAX);
    let websocket = framed
        .upgrade(Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(yamux.clone())
        .timeout(HANDSHAKE_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let tcp = OrTransport::new(websocket, tcp).map(|either, _| either.into_inner());

    let mut quic = quic::Config::new(keypair);
    quic.max_idle_timeout = QUIC_IDLE_MS_MAX;
    quic.keep_alive_interval = QUIC_KEEP_ALIVE;
    quic.max_concurrent_stream_limit = u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX);
    let quic = quic::tokio::Transport::new(quic).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));

    let direct = OrTransport::new(quic, tcp).map(|either, _| either.into_inner()).boxed();
    let named = dns::tokio::Transport::system(direct).map_err(|error| format!("names cannot be looked up: {error}"))?;
    let circuits = circuits
        .map(|stream, _| Deadline::new(stream, TCP_SILENCE_MAX))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(CIRCUIT_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    // Circuits first: TCP and QUIC would dial the relay itself.
    Ok(OrTransport::new(circuits, named).map(|either, _| either.into_inner()).boxed())
}
