//! A node in a process of its own, which can be killed: this test program, started again.

use std::process::Stdio;

use tidings_node::ids::PeerKey;
use tidings_node::network::{Network, NetworkCommand, NetworkEvent, Published, Verdict, parse_address};
use tidings_node::wire::request::{Request, Response};
use tokio::process::{Child, Command};

use crate::world::{PAUSE, config, tag};

/// What the child is told: its seed, where it listens, a word that says which run it is, and whom it knows.
const ROLE: &str = "TIDINGS_SWARM_CHILD";

/// The key of a child with this seed.
pub(crate) fn key(seed: u8) -> PeerKey {
    let pair = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    PeerKey::from_peer_id(&pair.public().to_peer_id().to_base58()).unwrap()
}

/// Starts the child. It is killed when the handle is dropped.
pub(crate) fn start(seed: u8, listen: &str, run: &str, knows: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::the_child", "--nocapture"])
        .env(ROLE, format!("{seed} {listen} {run} {knows}"))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Not a test of its own: what the child does. It answers every "ping …" on the first topic with "pong RUN …", and
/// every request with its run.
#[tokio::test]
async fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut words = role.split(' ');
    let mut word = || words.next().unwrap();
    let (seed, listen, run, knows) = (word().parse().unwrap(), word(), word(), word());
    let mut network = Network::start(config(seed, &[listen])).await.unwrap();
    let peer = PeerKey::from_peer_id(knows.rsplit('/').next().unwrap()).unwrap();
    network.perform(NetworkCommand::Know { peer, addresses: vec![parse_address(knows).unwrap()] });
    network.perform(NetworkCommand::Subscribe(tag(1)));
    let mut answers: Vec<Vec<u8>> = Vec::new();
    loop {
        let event = tokio::select! {
            event = network.next() => event,
            () = tokio::time::sleep(PAUSE) => {
                if let Some(answer) = answers.last() {
                    network.perform(NetworkCommand::Publish { topic: tag(1), publication: 0, bytes: answer.clone() });
                }
                continue;
            }
        };
        match event {
            NetworkEvent::Gossip { message, bytes, .. } => {
                network.perform(NetworkCommand::Verdict { message, verdict: Verdict::Accept });
                if let Some(rest) = bytes.strip_prefix(b"ping ") {
                    answers.push([b"pong ", run.as_bytes(), b" ", rest].concat());
                }
            }
            NetworkEvent::Published { outcome: Published::Sent | Published::Duplicate, .. } => drop(answers.pop()),
            NetworkEvent::Requested { answer, body: Request::Hello { .. }, .. } => {
                let body = Response::Hello { card: run.as_bytes().to_vec() };
                network.perform(NetworkCommand::Answer { answer, body });
            }
            _ => {}
        }
    }
}
