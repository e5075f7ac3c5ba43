//! A small internet in network namespaces: a core that routes, hosts on it, and hosts behind routers that translate.

use std::io::{self, Write as _};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// How a router translates addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nat {
    /// One host and port inside keep one port outside, whoever is at the other end; only who was written to may answer.
    Cone,
    /// A port of its own for every other end: no hole can be punched between two of these.
    Symmetric,
}

/// The namespaces of one test, which go with it.
pub(crate) struct Lab {
    prefix: String,
    spaces: Vec<String>,
    networks: u8,
}

impl Lab {
    /// The lab, with its core; `None`, said aloud, where this machine does not allow it. With `CI=true` that is a failure.
    pub(crate) fn for_test(what: &str) -> Option<Self> {
        static MISSING: OnceLock<Option<String>> = OnceLock::new();
        match MISSING.get_or_init(missing) {
            None => Some(Self::new()),
            Some(missing) => {
                let sentence = format!("NOT RUN: {what}, because {missing}.");
                assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{sentence}");
                // Not `eprintln!`: the test harness would keep it to itself.
                writeln!(io::stderr(), "\n{sentence}").unwrap();
                None
            }
        }
    }

    fn new() -> Self {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let mut lab = Self { prefix: format!("td{}x{number}", std::process::id()), spaces: Vec::new(), networks: 0 };
        lab.space("core");
        lab.shell("core", "echo 1 > /proc/sys/net/ipv4/ip_forward");
        lab
    }

    /// A host on the core, with an address that everybody can reach.
    pub(crate) fn public_host(&mut self, name: &str) -> String {
        self.space(name);
        let network = self.joined_to_core(name);
        format!("{network}.2")
    }

    /// A host behind a router of its own.
    pub(crate) fn host_behind(&mut self, name: &str, nat: Nat) {
        let router = format!("{name}nat");
        self.space(&router);
        self.space(name);
        self.joined_to_core(&router);
        self.pair(&router, "lan", name, "eth");
        self.shell(&router, "ip addr add 192.168.1.1/24 dev lan && ip link set lan up");
        self.shell(
            name,
            "ip addr add 192.168.1.2/24 dev eth && ip link set eth up && ip route add default via 192.168.1.1",
        );
        self.shell(&router, "echo 1 > /proc/sys/net/ipv4/ip_forward");
        let how = match nat {
            Nat::Cone => "masquerade",
            Nat::Symmetric => "masquerade random,fully-random",
        };
        // What comes uninvited is dropped in silence, as home routers do: an entry for it would take the port away.
        self.shell(
            &router,
            &format!(
                "nft add table ip nat && \
                 nft 'add chain ip nat out {{ type nat hook postrouting priority 100 ; }}' && \
                 nft add rule ip nat out oifname wan {how} && \
                 nft add table ip guard && \
                 nft 'add chain ip guard in {{ type filter hook input priority 0 ; }}' && \
                 nft add rule ip guard in iifname wan ct state new drop && \
                 nft 'add chain ip guard through {{ type filter hook forward priority 0 ; }}' && \
                 nft add rule ip guard through iifname wan ct state new drop"
            ),
        );
    }

    /// A program inside a namespace.
    pub(crate) fn inside(&self, name: &str, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.named(name)]).arg(program);
        command
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn space(&mut self, name: &str) {
        let space = self.named(name);
        succeed(Command::new("ip").args(["netns", "add", &space]));
        self.spaces.push(space);
        self.shell(name, "ip link set lo up");
    }

    /// Joins a namespace to the core by an interface `wan`, and says which network that is.
    fn joined_to_core(&mut self, name: &str) -> String {
        self.networks += 1;
        let network = format!("11.0.{}", self.networks);
        let port = format!("p{}", self.networks);
        self.pair("core", &port, name, "wan");
        self.shell("core", &format!("ip addr add {network}.1/24 dev {port} && ip link set {port} up"));
        self.shell(
            name,
            &format!(
                "ip addr add {network}.2/24 dev wan && ip link set wan up && ip route add default via {network}.1"
            ),
        );
        network
    }

    fn pair(&self, one: &str, here: &str, other: &str, there: &str) {
        let (one, other) = (self.named(one), self.named(other));
        let command = ["link", "add", here, "netns", &one, "type", "veth", "peer", "name", there, "netns", &other];
        succeed(Command::new("ip").args(command));
    }

    fn shell(&self, name: &str, script: &str) {
        succeed(Command::new("ip").args(["netns", "exec", &self.named(name), "sh", "-c", script]));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in &self.spaces {
            // What is left of a namespace goes when the last process in it does.
            drop(Command::new("ip").args(["netns", "del", space]).output());
        }
    }
}

/// What this machine lacks.
fn missing() -> Option<String> {
    let works = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if !works("ip", &["-V"]) {
        return Some("the program ip is missing: install iproute2".to_owned());
    }
    if !works("nft", &["--version"]) {
        return Some("the program nft is missing: install nftables".to_owned());
    }
    let probe = format!("td{}probe", std::process::id());
    if !works("ip", &["netns", "add", &probe]) {
        return Some("this user may not make network namespaces: run it as root".to_owned());
    }
    let can_translate = works("ip", &["netns", "exec", &probe, "nft", "add", "table", "ip", "nat"]);
    drop(Command::new("ip").args(["netns", "del", &probe]).output());
    (!can_translate).then(|| "this system's kernel does not translate addresses".to_owned())
}

#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?} failed ({}): {printed}", output.status);
    output
}
