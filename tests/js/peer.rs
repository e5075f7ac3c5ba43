//! The peer in JavaScript: its card, and what it says.

use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::Value;
use tidings_crypto::card::{Card, CardNode, SignedCard};
use tidings_crypto::identity::LocalNode;
use tidings_tests::javascript::{NodeJs, Program, tests};

/// Nothing that happens takes longer.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// The year 2100.
const LATE_MS: u64 = 4_102_444_800_000;

/// The card of somebody whose node is a peer in JavaScript, and the seed of that node's key.
pub(crate) fn card_of(number: u8) -> (String, [u8; 32]) {
    let me = LocalNode::generate(0, LATE_MS, &mut ChaCha20Rng::from_seed([number; 32]));
    let node = CardNode {
        certificate: me.certificate.clone(),
        addresses: Vec::new(),
        key_package: Vec::new(),
        mailboxes: Vec::new(),
    };
    let card = Card {
        account: me.account.public(),
        name: format!("peer {number}"),
        serial: 1,
        nodes: vec![node],
        proofs: Vec::new(),
    };
    (SignedCard::sign(card, &me.account).unwrap().link(), *me.keys.peer_seed())
}

/// A running peer. It is killed when this goes.
pub(crate) struct Peer {
    pub(crate) name: String,
    /// All that it said and was looked at.
    pub(crate) seen: Vec<Value>,
    program: Program,
}

impl Peer {
    /// Starts a peer with this key, which dials an address.
    pub(crate) fn start(machine: &NodeJs, address: &str, seed: [u8; 32]) -> Self {
        let mut command = Command::new(&machine.node);
        command.arg(tests().join("js/peer.mjs")).arg(address).arg(HEXLOWER.encode(&seed));
        let program = Program::start(&mut command).unwrap();
        Self { name: format!("the peer {}", seed[0]), seen: Vec::new(), program }
    }

    /// Publishes bytes.
    pub(crate) fn publish(&mut self, topic: &str, bytes: &[u8]) {
        self.program.tell(&format_args!("{topic} {}", HEXLOWER.encode(bytes))).unwrap();
    }

    /// Waits for something new that it says.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.program.lines.recv_timeout(WAIT_MAX) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if is_it(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{} does not say {what}, but: {:?}", self.name, self.seen)
                }
            }
        }
    }

    /// Whether it says something new within a second.
    pub(crate) fn sees_within_a_second(&mut self, is_it: impl Fn(&Value) -> bool) -> bool {
        loop {
            match self.program.lines.recv_timeout(Duration::from_secs(1)) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if is_it(&event) {
                        return true;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}
