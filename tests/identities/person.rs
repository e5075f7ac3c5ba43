//! A real `tidings` on the loopback, and its owner at the command line and in a browser.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::servers::Servers;

/// Nothing that happens takes longer than so many times [`PAUSE`].
const TRIES_MAX: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A home, and the node that runs on it. It is killed when this goes.
pub(crate) struct Person {
    name: &'static str,
    home: TempDir,
    node: Child,
}

/// What a command printed, and how it ended.
pub(crate) struct Said {
    pub(crate) lines: Vec<Value>,
    pub(crate) code: i32,
    /// What stood on the standard error.
    pub(crate) sentence: String,
}

impl Person {
    pub(crate) fn start(name: &'static str) -> Self {
        Self::start_with(name, &[])
    }

    /// Somebody whose node asks the tests' own name server.
    pub(crate) fn start_asking(name: &'static str, servers: &Servers) -> Self {
        Self::start_with(name, &["--name-server", &format!("127.0.0.1:{}", servers.dns)])
    }

    pub(crate) fn start_with(name: &'static str, more: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(tidings_tests::binary::tidings().unwrap());
        command.arg("--home").arg(home.path()).args(["--json", "up", "--name", name, "--http", "127.0.0.1:0"]);
        command.args(["--no-mdns", "--no-upnp", "--listen", "/ip4/127.0.0.1/tcp/0"]);
        let mut node = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.contains("\"ready\""), "{name}: {ready}");
        Self { name, home, node }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tidings_tests::binary::tidings().unwrap());
        command.arg("--home").arg(self.home.path()).arg("--json").args(arguments);
        command
    }

    /// What a command came to.
    pub(crate) fn tries(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let sentence = String::from_utf8(output.stderr).unwrap().trim().to_owned();
        Said { lines, code: output.status.code().unwrap(), sentence }
    }

    /// What a command printed that must succeed.
    #[track_caller]
    pub(crate) fn says(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.tries(arguments);
        assert_eq!(said.code, 0, "{}: {arguments:?}: {}", self.name, said.sentence);
        said.lines
    }

    /// Waits until what a command prints is so.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "it looks at a running program until it is so, with a limit")]
    pub(crate) fn until_says(&self, arguments: &[&str], what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        for _ in 0..TRIES_MAX {
            let said = self.says(arguments);
            if is_so(&said) {
                return said;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("{} waited too long for {what}: {:?}", self.name, self.says(arguments));
    }

    /// The two give each other their cards.
    pub(crate) fn meets(&self, other: &Self) {
        self.adds(other);
        other.adds(self);
        self.until_says(&["contacts"], "a meeting", |all| {
            all.iter().any(|contact| contact["name"] == other.name && contact["online"] == true)
        });
    }

    /// Adds another's card.
    pub(crate) fn adds(&self, other: &Self) {
        let link = other.says(&["card"])[0]["link"].as_str().unwrap().to_owned();
        self.says(&["add", &link]);
    }

    /// Brings a mail, as this person's mail program saved it.
    pub(crate) fn brings(&self, message: &str) -> Said {
        let file = self.home.path().join("saved.eml");
        std::fs::write(&file, message).unwrap();
        self.tries(&["identity", "mail", file.to_str().unwrap()])
    }

    /// Signs in somewhere as `login`, from the terminal and through a browser: what the command came to.
    pub(crate) fn links(&self, servers: &mut Servers, login: &str) -> Said {
        self.links_with(|url| {
            let back = url.query_pairs().find(|(key, _)| key == "redirect_uri").unwrap().1.into_owned();
            let visit = json!({ "url": url.as_str(), "login": login, "back": back });
            servers.order("visit", &visit).as_str().unwrap().parse().unwrap()
        })
    }

    /// The same, with a browser that does this to get back.
    pub(crate) fn links_with(&self, browser: impl FnOnce(Url) -> Url) -> Said {
        self.links_at(&self.issuer(), browser)
    }

    fn issuer(&self) -> String {
        let issuers = self.says(&["identity", "issuers"]);
        let own = issuers.iter().find(|issuer| issuer["own"] == true).unwrap();
        own["issuer"].as_str().unwrap().to_owned()
    }

    fn links_at(&self, issuer: &str, browser: impl FnOnce(Url) -> Url) -> Said {
        let mut command = self.command(&["identity", "link", issuer]);
        let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(running.stdout.take().unwrap());
        let mut first = String::new();
        printed.read_line(&mut first).unwrap();
        if let Ok(open) = serde_json::from_str::<Value>(&first) {
            let back = browser(open["open"].as_str().unwrap().parse().unwrap());
            let shown = get(&back);
            assert!(shown.starts_with("HTTP/1.1 200"), "{shown}");
        }
        let mut rest = String::new();
        printed.read_to_string(&mut rest).unwrap();
        let output = running.wait_with_output().unwrap();
        let lines = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let sentence = String::from_utf8(output.stderr).unwrap().trim().to_owned();
        Said { lines, code: output.status.code().unwrap(), sentence }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        drop(self.node.kill());
        drop(self.node.wait());
    }
}

/// What a browser gets at an address of this machine.
fn get(url: &Url) -> String {
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", url.authority()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
