//! A real `tidings` in a namespace, and its owner at the command line.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::lab::{Lab, pass, succeed};

/// Nothing that happens takes longer than so many times [`PAUSE`].
const TRIES_MAX: u32 = 900;
const PAUSE: Duration = Duration::from_millis(200);

/// A home, and the node that runs on it. It is killed when this goes.
pub(crate) struct Person {
    pub(crate) name: String,
    program: PathBuf,
    home: TempDir,
    more: Vec<String>,
    port: u16,
    node: Option<Child>,
}

impl Person {
    /// Starts a node in the namespace of that name.
    pub(crate) fn start(lab: &Lab, name: &str, more: &[&str]) -> Self {
        Self::start_at(lab, name, more, &std::env::temp_dir())
    }

    /// The same, with its home in a folder of this one.
    pub(crate) fn start_at(lab: &Lab, name: &str, more: &[&str], folder: &Path) -> Self {
        Self::start_with(lab, name, &[&["--no-upnp"], more].concat(), folder)
    }

    /// Starts a node that asks its router for a port.
    pub(crate) fn start_asking_the_router(lab: &Lab, name: &str) -> Self {
        Self::start_with(lab, name, &[], &std::env::temp_dir())
    }

    fn start_with(lab: &Lab, name: &str, more: &[&str], folder: &Path) -> Self {
        let program = tidings_tests::binary::tidings().unwrap();
        let home = tempfile::Builder::new().prefix("tidings-").tempdir_in(folder).unwrap();
        let more = more.iter().map(ToString::to_string).collect();
        let mut person = Self { name: name.to_owned(), program, home, more, port: 4001, node: None };
        person.start_again(lab);
        person
    }

    /// Starts the node again, which was stopped.
    pub(crate) fn start_again(&mut self, lab: &Lab) {
        let port = self.port;
        let listen = [format!("/ip4/0.0.0.0/udp/{port}/quic-v1"), format!("/ip4/0.0.0.0/tcp/{port}")];
        let mut node = lab
            .inside(&self.name, &self.program)
            .arg("--home")
            .arg(self.home.path())
            .args(["--json", "up", "--name", &self.name, "--http", "127.0.0.1:0", "--no-mdns"])
            .args(&self.more)
            .arg("--listen")
            .args(listen)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.contains("\"ready\""), "{}: {ready}", self.name);
        self.node = Some(node);
    }

    /// Starts the node again, without one of the words it was started with.
    pub(crate) fn start_without(&mut self, lab: &Lab, word: &str) {
        self.more.retain(|other| other != word);
        self.start_again(lab);
    }

    /// From its next start on the node listens at this port.
    pub(crate) fn listen_at(&mut self, port: u16) {
        self.port = port;
    }

    /// Ends the node as its owner would.
    pub(crate) fn exit(&mut self) {
        let mut node = self.node.take().unwrap();
        succeed(Command::new("kill").args(["-TERM", &node.id().to_string()]));
        assert!(node.wait().unwrap().success(), "{} did not end well", self.name);
    }

    /// The node dies without a word: no connection is closed, nothing is written any more.
    pub(crate) fn die(&mut self) {
        let mut node = self.node.take().unwrap();
        node.kill().unwrap();
        node.wait().unwrap();
    }

    /// What a command printed, a value a line. The program finds the node by a socket in its home, from any namespace.
    #[track_caller]
    pub(crate) fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = succeed(&mut self.command(arguments));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The first line of what a command printed.
    #[track_caller]
    pub(crate) fn says(&self, arguments: &[&str]) -> Value {
        self.lines(arguments).into_iter().next().unwrap_or(Value::Null)
    }

    #[track_caller]
    pub(crate) fn text_of(&self, arguments: &[&str], field: &str) -> String {
        self.says(arguments)[field].as_str().unwrap().to_owned()
    }

    /// A command of this person's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(self.home.path()).arg("--json").args(arguments);
        command
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Waits until the status is so.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        for _ in 0..TRIES_MAX {
            if is_so(&self.says(&["status"])) {
                return;
            }
            pass(PAUSE);
        }
        panic!("{} waited too long for {what}: {}", self.name, self.says(&["status"]));
    }

    /// Waits until what a command prints is so.
    #[track_caller]
    pub(crate) fn until_says(&self, command: &[&str], what: &str, is_so: impl Fn(&[Value]) -> bool) {
        for _ in 0..TRIES_MAX {
            if is_so(&self.lines(command)) {
                return;
            }
            pass(PAUSE);
        }
        panic!("{} waited too long for {what}: {:?}", self.name, self.lines(command));
    }

    /// The path to a peer, where it is connected.
    pub(crate) fn path_to(&self, peer: &str) -> Option<String> {
        path_in(&self.says(&["status"]), peer)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some(mut node) = self.node.take() {
            drop(node.kill());
            drop(node.wait());
        }
    }
}

/// What SQLite says of the database of a home whose node is not running.
pub(crate) fn integrity(home: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = tidings_tests::home::database(home).unwrap();
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut database).await.unwrap()
    })
}

/// Of how many queues a running mailbox has what others need to add their owners.
pub(crate) fn prekeys_kept(home: &Path) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = tidings_tests::home::database(home).unwrap().read_only(true);
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM mailbox_prekeys").fetch_one(&mut database).await.unwrap()
    })
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
