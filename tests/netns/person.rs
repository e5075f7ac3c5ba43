//! A real `tidings` in a namespace, and its owner at the command line.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{Lab, succeed};

/// Nothing that happens takes longer than so many times [`PAUSE`].
const TRIES_MAX: u32 = 900;
const PAUSE: Duration = Duration::from_millis(200);

/// A running node. It is killed when this goes.
pub(crate) struct Person {
    program: PathBuf,
    home: TempDir,
    node: Child,
}

impl Person {
    /// Starts a node in the namespace of that name.
    pub(crate) fn start(lab: &Lab, name: &str, more: &[&str]) -> Self {
        let program = tidings_tests::binary::tidings().unwrap();
        let home = tempfile::Builder::new().prefix("tidings-").tempdir().unwrap();
        let listen = ["--listen", "/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"];
        let mut node = lab
            .inside(name, &program)
            .arg("--home")
            .arg(home.path())
            .args(["--json", "up", "--name", name, "--http", "127.0.0.1:0", "--no-mdns", "--no-upnp"])
            .args(more)
            .args(listen)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.contains("\"ready\""), "{name}: {ready}");
        Self { program, home, node }
    }

    /// What a command printed. The program finds the node by a socket in its home, from any namespace.
    pub(crate) fn says(&self, arguments: &[&str]) -> Value {
        let output =
            succeed(Command::new(&self.program).arg("--home").arg(self.home.path()).arg("--json").args(arguments));
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.lines().next().unwrap_or("null")).unwrap()
    }

    pub(crate) fn text_of(&self, arguments: &[&str], field: &str) -> String {
        self.says(arguments)[field].as_str().unwrap().to_owned()
    }

    /// Waits until the status is so.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "a node in another process is asked again after a while")]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        for _ in 0..TRIES_MAX {
            if is_so(&self.says(&["status"])) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("waited too long for {what}: {}", self.says(&["status"]));
    }

    /// The path to a peer, where it is connected.
    pub(crate) fn path_to(&self, peer: &str) -> Option<String> {
        path_in(&self.says(&["status"]), peer)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        drop(self.node.kill());
        drop(self.node.wait());
    }
}

/// The path to a peer in a status.
pub(crate) fn path_in(status: &Value, peer: &str) -> Option<String> {
    let peers = status["peers"].as_array()?;
    let found = peers.iter().find(|other| other["peer_id"] == peer)?;
    found["path"].as_str().map(str::to_owned)
}

/// Whether a status names an address through a relay.
pub(crate) fn has_circuit(status: &Value) -> bool {
    let addresses = status["addresses"].as_array().unwrap();
    addresses.iter().any(|address| address.as_str().unwrap().contains("/p2p-circuit/"))
}
