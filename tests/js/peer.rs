//! The peer in JavaScript: what it needs of this machine, its card, and what it says.

use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::Value;
use tidings_crypto::card::{Card, CardNode, SignedCard};
use tidings_crypto::identity::LocalNode;

const NODE_MAJOR_MIN: u32 = 20;
/// Nothing that happens takes longer.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// So many of its lines wait to be looked at.
const LINES_MAX: usize = 10_000;
/// The year 2100.
const LATE_MS: u64 = 4_102_444_800_000;

/// A machine that has Node.js, with the peer's packages installed.
pub(crate) struct Machine {
    node: PathBuf,
}

impl Machine {
    /// The machine; `None`, said aloud, where it lacks something.
    pub(crate) fn for_test(what: &str) -> Option<Self> {
        match Self::find() {
            Ok((node, npm)) => {
                install_packages(&npm);
                Some(Self { node })
            }
            Err(missing) => {
                let sentence = format!("NOT RUN: {what}, because {missing}.");
                assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{sentence}");
                // Not `eprintln!`: the test harness would keep it to itself.
                writeln!(io::stderr(), "\n{sentence}").unwrap();
                None
            }
        }
    }

    fn find() -> Result<(PathBuf, PathBuf), String> {
        let node = on_path("node").ok_or("Node.js is missing: install it, version 20 or newer")?;
        let version = Command::new(&node).arg("--version").output().map_err(|error| format!("node: {error}"))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let major = version.trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
        if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
            return Err(format!("Node.js {version} is too old: version {NODE_MAJOR_MIN} or newer is needed"));
        }
        Ok((node, on_path("npm").ok_or("npm is missing: it comes with Node.js")?))
    }
}

/// `npm ci`, where the packages are missing or older than what the lock file lists.
fn install_packages(npm: &Path) {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap();
    let changed = |path: &str| folder().join(path).metadata().and_then(|metadata| metadata.modified()).ok();
    if changed("node_modules/.package-lock.json") < changed("package-lock.json") {
        let output = Command::new(npm).args(["ci", "--no-audit", "--no-fund"]).current_dir(folder()).output().unwrap();
        assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("js")
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The card of somebody whose node is a peer in JavaScript, and the seed of that node's key.
pub(crate) fn card_of(number: u8) -> (String, [u8; 32]) {
    let me = LocalNode::generate(0, LATE_MS, &mut ChaCha20Rng::from_seed([number; 32]));
    let node = CardNode {
        certificate: me.certificate.clone(),
        addresses: Vec::new(),
        key_package: Vec::new(),
        mailboxes: Vec::new(),
    };
    let card = Card { account: me.account.public(), name: format!("peer {number}"), serial: 1, nodes: vec![node] };
    (SignedCard::sign(card, &me.account).unwrap().link(), *me.keys.peer_seed())
}

/// A running peer. It is killed when this goes.
pub(crate) struct Peer {
    pub(crate) name: String,
    /// All that it said and was looked at.
    pub(crate) seen: Vec<Value>,
    process: Child,
    commands: ChildStdin,
    events: Receiver<Value>,
}

impl Peer {
    /// Starts a peer with this key, which dials an address.
    pub(crate) fn start(machine: &Machine, address: &str, seed: [u8; 32]) -> Self {
        let mut command = Command::new(&machine.node);
        command.arg(folder().join("peer.mjs")).arg(address).arg(HEXLOWER.encode(&seed));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, events) = sync_channel(LINES_MAX);
        // Ends with the process.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { name: format!("the peer {}", seed[0]), seen: Vec::new(), process, commands, events }
    }

    /// Publishes bytes.
    pub(crate) fn publish(&mut self, topic: &str, bytes: &[u8]) {
        writeln!(self.commands, "{topic} {}", HEXLOWER.encode(bytes)).unwrap();
    }

    /// Waits for something new that it says.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.events.recv_timeout(WAIT_MAX) {
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
            match self.events.recv_timeout(Duration::from_secs(1)) {
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

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
