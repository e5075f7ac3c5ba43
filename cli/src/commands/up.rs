//! `up`: starts the node, serves its page, and stops cleanly when asked to.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tidings_node::node::{Config, Node, StartError};
use tidings_web_ui::{Options, ServeError, Server};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::status::without_peer;
use crate::api::{Api, Status};
use crate::args::Up;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{LEAD, Output, QUIET, STRONG, WAITING, lines, styled, warn};
use crate::settings::{self, Home};

/// A clean stop takes at most this long; what is not done by then is done at the next start. A guess.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
/// The labels take this many columns.
const LABEL: usize = 13;

pub(super) async fn run(home: Home, api: Api, output: &Output, up: Up) -> Result<(), Failure> {
    // First, so that a signal during the start is not lost: it is acted on as soon as the start is over.
    let mut stop = StopSignals::install()?;
    let config = settings::node_config(&home, &up)?;
    check_free(&home, &api, up.http).await?;
    let mut node = Box::pin(start(config, &home)).await?;
    let server = match serve(&node, &home, up.http).await {
        Ok(server) => server,
        Err(failure) => {
            node.shutdown().await;
            return Err(failure);
        }
    };
    let announced = announce(&home, &api, output, &up, &server).await;
    let ended = match announced {
        // Who started us may have read enough; the node is there for others, too.
        Ok(()) | Err(Failure::OutputClosed) => tokio::select! {
            () = stop.next() => Ok(()),
            reason = node.stopped() => Err(Failure::Refused(format!("the node stopped: {reason}"))),
        },
        Err(failure) => Err(failure),
    };
    let stopping = async {
        server.shutdown().await;
        node.shutdown().await;
    };
    tokio::select! {
        stopped = tokio::time::timeout(STOP_TIME_MAX, stopping) => if stopped.is_err() {
            warn("the node took too long to stop; what was not finished goes on at the next start");
        },
        () = stop.next() => {}
    }
    ended
}

/// What would go wrong anyway is found before anything is made or changed.
async fn check_free(home: &Home, api: &Api, http: SocketAddr) -> Result<(), Failure> {
    if !http.ip().is_loopback() {
        return Err(Failure::Usage(ServeError::HttpNotLoopback { address: http }.to_string()));
    }
    if api.status().await.is_ok() {
        return Err(home_in_use(home));
    }
    match TcpListener::bind(http).await {
        Ok(_free) => Ok(()),
        Err(reason) if reason.kind() == io::ErrorKind::AddrInUse => Err(ServeError::HttpInUse { address: http }),
        Err(reason) => Err(ServeError::Http { address: http, reason }),
    }
    .map_err(|error| Failure::Refused(error.to_string()))
}

/// Serves the page at `http` and the API on the home's socket.
async fn serve(node: &Node, home: &Home, http: SocketAddr) -> Result<Server, Failure> {
    let handle = node.handle();
    let status = handle.status().await.map_err(|refused| Failure::Refused(refused.to_string()))?;
    tidings_web_ui::serve(Options { handle, account: status.account, http, socket: home.socket() })
        .await
        .map_err(|error| Failure::Refused(error.to_string()))
}

/// Starts the node; at the first run without `--name`, the person is asked.
async fn start(config: Config, home: &Home) -> Result<Node, Failure> {
    let again = Config {
        home: config.home.clone(),
        name: None,
        listen: config.listen.clone(),
        mdns: config.mdns,
        upnp: config.upnp,
        name_server: config.name_server,
        relay: config.relay,
        mailbox: config.mailbox,
        passphrase: config.passphrase.clone(),
    };
    let started = match Box::pin(Node::start(config)).await {
        Err(StartError::NameMissing) => Box::pin(Node::start(Config { name: Some(ask_for_name()?), ..again })).await,
        Err(StartError::PassphraseMissing) if io::stdin().is_terminal() => {
            let passphrase = settings::passphrase(None, "The passphrase of this home", false)?;
            Box::pin(Node::start(Config { passphrase: Some(passphrase), ..again })).await
        }
        started => started,
    };
    started.map_err(|error| match error {
        StartError::NameMissing | StartError::BadName => Failure::Usage(error.to_string()),
        StartError::HomeInUse { .. } => home_in_use(home),
        other => Failure::Refused(other.to_string()),
    })
}

fn home_in_use(home: &Home) -> Failure {
    Failure::Refused(format!(
        "{}; `{}` tells how it is, Ctrl-C where it runs stops it",
        StartError::HomeInUse { home: home.path.clone() },
        home.command("status")
    ))
}

/// On a terminal the person chooses; without one, or with an empty answer, it is the name of the login.
fn ask_for_name() -> Result<String, Failure> {
    let login = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty());
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        let offered = login.as_deref().map_or_else(String::new, |login| format!(" [{}]", one_line(login)));
        let mut question = anstream::stderr().lock();
        // A question that cannot be shown gets the default answer.
        let _asked = write!(question, "Which name should others see?{} ", styled(QUIET, offered));
        let _asked = question.flush();
        let mut answer = String::new();
        io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| Failure::Refused(format!("standard input cannot be read: {error}")))?;
        let answer = answer.trim();
        if !answer.is_empty() {
            return Ok(answer.to_owned());
        }
    }
    login.ok_or_else(|| Failure::Usage(StartError::NameMissing.to_string()))
}

/// Says where the page is and how to reach this node.
async fn announce(home: &Home, api: &Api, output: &Output, up: &Up, server: &Server) -> Result<(), Failure> {
    let status = api.status().await?;
    // A link is remembered, which a full disk does not allow; those who are signed in can read.
    let sign_in = if status.disk_full { None } else { Some(api.sign_in_link().await?.url) };
    if output.is_json() {
        return output.object(&lines::Ready {
            event: "ready",
            account: &status.account,
            peer_id: &status.peer_id,
            addresses: &status.addresses,
            http: &server.http_url(),
            sign_in: sign_in.as_deref().unwrap_or_default(),
        });
    }
    output.text(welcome(home, &status, sign_in.as_deref()))?;
    if up.name.as_ref().is_some_and(|name| *name != status.name) {
        warn("--name is for the first run; change your name in the page's settings");
    }
    Ok(())
}

fn welcome(home: &Home, status: &Status, sign_in: Option<&str>) -> String {
    let mut shown = format!("Tidings is running, and you are {}.\n\n", styled(STRONG, one_line(&status.name)));
    // Writing to a string cannot fail, here and below. The link is on a line of its own, so that it can be copied whole.
    if let Some(sign_in) = sign_in {
        let _written = writeln!(shown, "This link opens the page and signs one browser in, once, within an hour:");
        let _written = writeln!(shown, "{}\n", styled(LEAD, sign_in));
    } else {
        let full =
            "The disk is full: nothing is sent or taken until there is room. Nothing was lost, and reading works.";
        let _written = writeln!(shown, "{}\n", styled(WAITING, full));
    }
    let mut row = |label: &str, text: &dyn std::fmt::Display| {
        let _written = writeln!(shown, "  {} {text}", styled(QUIET, format_args!("{label:<LABEL$}")));
    };
    row("another link", &styled(LEAD, home.command("link")));
    row("your card", &styled(LEAD, home.command("card")));
    row("add somebody", &styled(LEAD, home.command("add LINK")));
    for (at, address) in status.addresses.iter().enumerate() {
        row(if at == 0 { "listening" } else { "" }, &without_peer(address));
    }
    row("home", &home.path.display());
    let _written = write!(shown, "\n{}\n", styled(QUIET, "Ctrl-C stops it."));
    shown
}

/// What asks a program to stop: Ctrl-C, and the system.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn install() -> Result<Self, Failure> {
        let install =
            |kind| signal(kind).map_err(|error| Failure::Refused(format!("cannot wait for signals: {error}")));
        Ok(Self { interrupt: install(SignalKind::interrupt())?, terminate: install(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
