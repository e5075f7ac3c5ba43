//! A real `tidings` on this machine, which listens over TCP and over WebSocket.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A running node. It is killed when this goes.
pub(crate) struct Node {
    name: String,
    home: TempDir,
    process: Child,
    ready: Value,
}

impl Node {
    pub(crate) fn start(name: &str) -> Self {
        let home = tempfile::Builder::new().prefix("tidings-").tempdir().unwrap();
        let mut process = Command::new(tidings_tests::binary::tidings().unwrap())
            .arg("--home")
            .arg(home.path())
            .args(["--json", "up", "--name", name, "--http", "127.0.0.1:0", "--no-mdns", "--no-upnp"])
            .args(["--listen", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self { name: name.to_owned(), home, process, ready }
    }

    /// Where it listens: in a WebSocket, or without.
    pub(crate) fn address(&self, websocket: bool) -> String {
        let addresses = self.ready["addresses"].as_array().unwrap();
        let mut texts = addresses.iter().map(|address| address.as_str().unwrap());
        texts.find(|address| address.contains("/ws/") == websocket).unwrap().to_owned()
    }

    /// The direct conversation with another, after a text went through.
    pub(crate) fn talks_with(&self, other: &Self) -> String {
        for (one, other) in [(self, other), (other, self)] {
            one.says(&["add", other.says(&["card"])["link"].as_str().unwrap()]);
        }
        let conversation = self.says(&["new", &other.name])["conversation"].as_str().unwrap().to_owned();
        self.says(&["send", &conversation, "how do you do", "--wait", "delivered", "--timeout", "60"]);
        conversation
    }

    /// The texts of a conversation.
    pub(crate) fn texts(&self, conversation: &str) -> Vec<String> {
        let lines = self.lines(&["read", conversation, "--limit", "1000"]);
        let texts = lines.iter().filter(|line| line["kind"] == "text");
        texts.map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    }

    /// The first line of what a command printed.
    #[track_caller]
    pub(crate) fn says(&self, arguments: &[&str]) -> Value {
        self.lines(arguments).into_iter().next().unwrap_or(Value::Null)
    }

    #[track_caller]
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(tidings_tests::binary::tidings().unwrap());
        let output = command.arg("--home").arg(self.home.path()).arg("--json").args(arguments).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {arguments:?} failed: {printed}", self.name);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
