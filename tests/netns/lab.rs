//! A small internet in network namespaces: a core that routes, hosts on it, hosts behind routers that translate, and
//! hosts on a switch that delays and loses.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::switch::{Line, Switch, Way};

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
    switch: Option<Switch>,
    /// The ports of the hosts on the switch.
    ports: HashMap<String, usize>,
    /// What runs on routers, and where its settings are.
    daemons: Vec<(Child, tempfile::TempDir)>,
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
        let prefix = format!("td{}x{number}", std::process::id());
        let mut lab =
            Self { prefix, spaces: Vec::new(), networks: 0, switch: None, ports: HashMap::new(), daemons: Vec::new() };
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
                 nft add rule ip guard through iifname wan ct status dnat accept && \
                 nft add rule ip guard through iifname wan ct state new drop"
            ),
        );
    }

    /// The router of this host opens ports when it is asked to (UPnP): with the program that many home routers run.
    pub(crate) fn let_router_open_ports(&mut self, name: &str) {
        let router = format!("{name}nat");
        self.shell(
            &router,
            "nft add table inet upnp && \
             nft 'add chain inet upnp miniupnpd' && \
             nft 'add chain inet upnp prerouting_miniupnpd' && \
             nft 'add chain inet upnp postrouting_miniupnpd' && \
             nft 'add chain inet upnp forward { type filter hook forward priority -1 ; }' && \
             nft add rule inet upnp forward jump miniupnpd && \
             nft 'add chain inet upnp prerouting { type nat hook prerouting priority -100 ; }' && \
             nft add rule inet upnp prerouting jump prerouting_miniupnpd && \
             nft 'add chain inet upnp postrouting { type nat hook postrouting priority 99 ; }' && \
             nft add rule inet upnp postrouting jump postrouting_miniupnpd",
        );
        let folder = tempfile::tempdir().unwrap();
        let (settings, pid) = (folder.path().join("settings"), folder.path().join("pid"));
        let text = "ext_ifname=wan\nlistening_ip=lan\nport=0\nenable_upnp=yes\nenable_natpmp=no\nipv6_disable=yes\n\
                    secure_mode=yes\nupnp_table_name=upnp\nupnp_nat_table_name=upnp\n\
                    uuid=7e5fd1a2-0000-4000-8000-000000000001\n\
                    allow 1024-65535 192.168.1.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n";
        std::fs::write(&settings, text).unwrap();
        let mut daemon = self.inside(&router, std::path::Path::new("miniupnpd"));
        daemon.arg("-d").arg("-f").arg(&settings).arg("-P").arg(&pid).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push((daemon.spawn().unwrap(), folder));
    }

    /// A host on the switch. All of these reach each other, as far as the switch lets them.
    pub(crate) fn switched_host(&mut self, name: &str) {
        const SEED: u64 = 4;
        self.space(name);
        let switch = self.switch.get_or_insert_with(|| Switch::new(SEED));
        // An interface's name is at most 15 bytes; it has its own in the namespace.
        let interface = format!("{}p{}", self.prefix.trim_start_matches("td"), self.ports.len());
        let port = switch.plug(&interface);
        self.ports.insert(name.to_owned(), port);
        let space = self.named(name);
        succeed(Command::new("ip").args(["link", "set", &interface, "netns", &space, "name", "wan"]));
        self.shell(
            name,
            &format!(
                "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; \
                 ip addr add 11.1.0.{}/16 dev wan && ip link set wan up",
                port + 1
            ),
        );
    }

    /// The host is in another network from now on: its old address is gone.
    pub(crate) fn move_host(&self, name: &str, network: u8) {
        let address = format!("11.1.{network}.{}/16", self.ports[name] + 1);
        self.shell(name, &format!("ip addr flush dev wan && ip addr add {address} dev wan"));
    }

    /// Sets one way of a host's cable to the switch.
    pub(crate) fn set(&self, name: &str, way: Way, line: Line) {
        self.switch().set(self.ports[name], way, line);
    }

    /// Sets both ways of all these hosts' cables.
    pub(crate) fn set_both(&self, names: &[&str], line: Line) {
        for (name, way) in names.iter().flat_map(|name| [(name, Way::Up), (name, Way::Down)]) {
            self.set(name, way, line);
        }
    }

    /// Takes these hosts apart from all others, or joins them again (part 0).
    pub(crate) fn put_into_part(&self, names: &[&str], part: u8) {
        for name in names {
            self.switch().put_into_part(self.ports[*name], part);
        }
    }

    /// How many bytes went one way over a host's cable, and how many frames were dropped.
    pub(crate) fn counted(&self, name: &str, way: Way) -> (u64, u64) {
        self.switch().counted(self.ports[name], way)
    }

    fn switch(&self) -> &Switch {
        self.switch.as_ref().unwrap()
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
        for (daemon, _) in &mut self.daemons {
            drop(daemon.kill());
            drop(daemon.wait());
        }
        for space in &self.spaces {
            // What is left of a namespace goes when the last process in it does.
            drop(Command::new("ip").args(["netns", "del", space]).output());
        }
    }
}

/// Lets real time pass: for how long a network is cut, or how often somebody writes.
#[expect(
    clippy::disallowed_methods,
    reason = "real programs live in real time, and some tests are about how much of it"
)]
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// Whether tests that have a shorter form take all the time that they are about: `TIDINGS_NETNS=full`.
pub(crate) fn is_full() -> bool {
    std::env::var_os("TIDINGS_NETNS").is_some_and(|how| how == "full")
}

/// What was measured, for whoever reads the output.
pub(crate) fn report(line: &str) {
    // Not `eprintln!`: the test harness would keep it to itself.
    writeln!(io::stderr(), "{line}").unwrap();
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
    if !works("sh", &["-c", "command -v miniupnpd"]) {
        return Some("the program miniupnpd is missing: install miniupnpd-nftables".to_owned());
    }
    if std::fs::File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        return Some("/dev/net/tun cannot be opened: load the kernel's module tun".to_owned());
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
