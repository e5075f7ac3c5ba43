//! Which crate may be named where, and what pure code may not name.

use crate::tree::{Finding, Tree, assert_caught, assert_kept, is_in_module, is_under, line_of, paths};

/// A crate (with every crate whose name starts with its) and the modules that may name it.
struct Owned {
    crate_name: &'static str,
    modules: &'static [&'static str],
}

const OWNED: [Owned; 8] = [
    Owned { crate_name: "sqlx", modules: &["node/src/store"] },
    Owned { crate_name: "libp2p", modules: &["node/src/network", "node/src/ids"] },
    Owned { crate_name: "openmls", modules: &["crypto/src/group"] },
    Owned { crate_name: "axum", modules: &["web-ui/src"] },
    Owned { crate_name: "hyper_rustls", modules: &["node/src/providers"] },
    Owned { crate_name: "oauth2", modules: &["node/src/providers"] },
    Owned { crate_name: "lettre", modules: &["node/src/providers"] },
    Owned { crate_name: "hickory_resolver", modules: &["node/src/providers"] },
];

/// Pure code: values in, decisions out. A folder or a module each.
const PURE: [&str; 10] = [
    "crypto/src",
    "node/src/conversation/ledger",
    "node/src/doctor",
    "node/src/conversation/transcript",
    "node/src/ids",
    "node/src/network/address_book",
    "node/src/network/proofs",
    "node/src/network/relays",
    "node/src/outbox",
    "node/src/wire",
];
/// Pure from the day it is written.
const PURE_WHEN_THERE: [&str; 4] =
    ["node/src/conversation/policy", "node/src/mailbox/quota", "node/src/mailbox/tally", "node/src/sync"];

/// What pure code does not name: input and output, waiting, and the crates that do them.
const IMPURE: [&str; 12] = [
    "async",
    "await",
    "futures",
    "libp2p",
    "sqlx",
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "tokio",
];

fn crates_stay_with_their_owner(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.shipped_rust() {
        for owned in &OWNED {
            let is_home = owned.modules.iter().any(|module| is_in_module(path, module));
            let names_it =
                |named: &String| named.split("::").next().is_some_and(|first| first.starts_with(owned.crate_name));
            if !is_home && let Some(named) = paths(path, text).iter().find(|named| names_it(named)) {
                let homes = owned.modules.join(" and ");
                let sentence = format!("`{named}` is named; `{}` belongs to {homes}", owned.crate_name);
                findings.push(Finding { file: path.to_owned(), line: line_of(text, owned.crate_name), sentence });
            }
        }
    }
    findings
}

fn pure_code_stays_pure(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_pure = |path: &str| PURE.iter().chain(&PURE_WHEN_THERE).any(|module| is_in_module(path, module));
    for (path, text) in tree.shipped_rust().filter(|(path, _)| is_pure(path)) {
        let named = paths(path, text);
        for word in IMPURE {
            if named.iter().any(|named| is_under(named, word)) {
                let sentence = format!("pure code names `{word}`; let the loop do it and pass in what came of it");
                findings.push(Finding { file: path.to_owned(), line: line_of(text, word), sentence });
            }
        }
    }
    findings
}

/// Only what crosses to the browser or comes from it is (de)serialised by derive, and its types are in one place.
/// The engine has its own encodings; `group` keeps what OpenMLS writes; `cli` reads the same API as a client; `providers`
/// reads what the servers of others answer.
fn serde_derives_stay_at_the_edge(tree: &Tree) -> Vec<Finding> {
    const ALLOWED: [&str; 4] = ["web-ui/src/dto", "cli/src", "crypto/src/group", "node/src/providers"];
    let mut findings = Vec::new();
    for (path, text) in tree.shipped_rust().filter(|(path, _)| !ALLOWED.iter().any(|module| is_in_module(path, module)))
    {
        let is_derive = |named: &String| {
            matches!(named.as_str(), "Serialize" | "Deserialize" | "TS" | "ToSchema")
                || is_under(named, "serde::Serialize")
                || is_under(named, "serde::Deserialize")
        };
        let derives = derive_lists(text).iter().any(|list| paths(path, list).iter().any(is_derive));
        if derives {
            let sentence = "derives serialisation; the types of the browser's API are in web-ui/src/dto.rs".to_owned();
            findings.push(Finding { file: path.to_owned(), line: line_of(text, "erialize"), sentence });
        }
    }
    findings
}

/// What stands in the brackets of each `derive(…)`.
fn derive_lists(text: &str) -> Vec<&str> {
    text.split("derive(").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_crate_is_named_only_by_its_owner() {
    assert_kept(&crates_stay_with_their_owner(&Tree::repository()));
}

#[test]
fn a_crate_named_elsewhere_is_caught() {
    let tree = Tree::sample(&[
        ("node/src/engine.rs", "use sqlx::Row;"),
        ("node/src/store/messages.rs", "use sqlx::Row;"),
        ("node/src/store_copy.rs", "fn f(row: &sqlx::sqlite::SqliteRow) {}"),
        ("node/src/wire/request.rs", "use libp2p_identity::PeerId;"),
        ("node/src/ids.rs", "use libp2p::PeerId;"),
        ("crypto/src/card.rs", "fn f() { let x = vec![openmls_traits::types::Ciphersuite::A]; }"),
        ("crypto/src/group/provider.rs", "use openmls::prelude::*; // not sqlx::Row"),
    ]);
    let expected = ["crypto/src/card.rs", "node/src/engine.rs", "node/src/store_copy.rs", "node/src/wire/request.rs"];
    assert_caught(&crates_stay_with_their_owner(&tree), &expected);
}

#[test]
fn pure_files_are_pure() {
    assert_kept(&pure_code_stays_pure(&Tree::repository()));
}

#[test]
fn every_module_that_a_rule_names_is_there() {
    let tree = Tree::repository();
    for module in OWNED.iter().flat_map(|owned| owned.modules).chain(&PURE) {
        assert!(tree.shipped_rust().any(|(path, _)| is_in_module(path, module)), "{module} is not there");
    }
}

#[test]
fn impure_code_in_a_pure_file_is_caught() {
    let tree = Tree::sample(&[
        ("crypto/src/vault.rs", "use std::{fmt, fs};"),
        ("node/src/conversation.rs", "async fn send() {}"),
        ("node/src/conversation/ledger.rs", "pub async fn f() {}"),
        ("node/src/outbox.rs", "fn f() { let t: tokio::time::Instant; }"),
        ("node/src/wire/request.rs", "//! Nothing async, no tokio.\nuse std::fmt;"),
    ]);
    let expected = ["crypto/src/vault.rs", "node/src/conversation/ledger.rs", "node/src/outbox.rs"];
    assert_caught(&pure_code_stays_pure(&tree), &expected);
}

#[test]
fn serialised_types_are_declared_at_the_edge() {
    assert_kept(&serde_derives_stay_at_the_edge(&Tree::repository()));
}

#[test]
fn a_serialised_type_below_the_edge_is_caught() {
    let tree = Tree::sample(&[
        ("node/src/handle.rs", "#[derive(Debug, serde::Serialize)]\npub struct Message;"),
        ("web-ui/src/dto.rs", "#[derive(Serialize, TS)]\nstruct Message;"),
        ("web-ui/src/routes/messages.rs", "#[derive(\n    Debug,\n    Deserialize,\n)]\nstruct Query;"),
        ("web-ui/src/session.rs", "#[derive(Debug)]\nstruct Serialized;"),
    ]);
    assert_caught(&serde_derives_stay_at_the_edge(&tree), &["node/src/handle.rs", "web-ui/src/routes/messages.rs"]);
}
