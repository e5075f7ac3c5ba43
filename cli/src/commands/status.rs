//! `status`: who I am, who is connected and how, what still waits.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::api::{Api, Contact, Peer, PeerPath, Status};
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{GOOD, Output, PLAIN, QUIET, STRONG, WAITING, lines, styled};

/// The labels take this many columns.
const LABEL: usize = 12;

pub(super) async fn run(api: &Api, output: &Output) -> Result<(), Failure> {
    let status = api.status().await?;
    if output.is_json() {
        return output.object(&lines::Status::from(&status));
    }
    let contacts = api.contacts().await?;
    output.text(shown(&status, &contacts))
}

fn shown(status: &Status, contacts: &[Contact]) -> String {
    let mut shown = String::new();
    let mut row = |label: &str, text: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _written = writeln!(shown, "  {} {text}", styled(QUIET, format_args!("{label:<LABEL$}")));
    };
    row("name", &styled(STRONG, one_line(&status.name)));
    row("account", &status.account);
    row("peer", &status.peer_id);
    let keys = if status.passphrase { "protected by a passphrase" } else { "protected by a key file in the home" };
    row("keys", &keys);
    if status.addresses.is_empty() {
        row("listening", &styled(WAITING, "nowhere yet"));
    }
    for (at, address) in status.addresses.iter().enumerate() {
        row(if at == 0 { "listening" } else { "" }, &without_peer(address));
    }
    let names: HashMap<&str, &str> =
        contacts.iter().map(|contact| (contact.account.as_str(), contact.name.as_str())).collect();
    if status.peers.is_empty() {
        row("connected", &styled(QUIET, "to nobody"));
    }
    for (at, peer) in status.peers.iter().enumerate() {
        row(if at == 0 { "connected" } else { "" }, &connected(peer, &names));
    }
    if status.mailbox {
        row("mailbox", &"keeps envelopes for others");
    }
    if status.disk_full {
        row("disk", &styled(WAITING, "full: nothing is sent or taken until there is room; nothing was lost"));
    }
    match status.queued {
        0 => row("waiting", &"nothing: everything you sent has arrived"),
        1 => row("waiting", &styled(WAITING, "1 message that somebody has not acknowledged yet")),
        n => row("waiting", &styled(WAITING, format_args!("{n} messages that somebody has not acknowledged yet"))),
    }
    shown
}

/// The address without the peer id at its end, which is the same for all and stands above them.
pub(super) fn without_peer(address: &str) -> &str {
    address.rsplit_once("/p2p/").map_or(address, |(address, _)| address)
}

fn connected(peer: &Peer, names: &HashMap<&str, &str>) -> String {
    let of_contact = || peer.account.as_deref().and_then(|account| names.get(account).copied());
    let name = peer.name.as_deref().or_else(of_contact);
    let (style, path) = match peer.path {
        PeerPath::Direct => (GOOD, "direct"),
        PeerPath::Punched => (GOOD, "direct, through both routers"),
        PeerPath::Relayed => (PLAIN, "relayed"),
    };
    let who = name.map_or_else(|| peer.id.clone(), one_line);
    format!("{who} {}", styled(style, path))
}
