//! Who may come in: by which host, from which page, with which session; and what fences every answer.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::client::{Client, Door};
use crate::home::Home;

#[tokio::test]
async fn a_name_that_was_made_to_point_here_is_sent_away_from_everything() {
    let ada = Home::start("Ada").await;
    let browser = ada.browser().await.without("host").without("origin").without("sec-fetch-site");
    for host in ["evil.example", "localhost", "127.0.0.1:1", ada.account.as_str()] {
        let rebound = browser.with("host", host);
        for path in ["/", "/icon.svg", "/assets/index.js", "/api/v1/status", "/api/v1/openapi.json", "/api/v1/nothing"]
        {
            rebound.get(path).await.problem(421, "wrong_host");
        }
        // Both headers are the attacker's, so that they agree says nothing.
        let agreeing = rebound.with("origin", &format!("http://{host}")).with("sec-fetch-site", "same-origin");
        agreeing.post("/api/v1/sign-in-links", &json!({})).await.problem(421, "wrong_host");
        assert_eq!(agreeing.live("/api/v1/live").await.err(), Some(421));
    }
    ada.stop().await;
}

#[tokio::test]
async fn the_page_is_at_its_own_host_and_programs_may_use_the_address() {
    let ada = Home::start("Ada").await;
    let (page, address) = (ada.page_host.clone(), ada.address.clone());
    assert!(page.starts_with(&format!("{:.10}.localhost:", ada.account)), "{page}");
    for host in [&page, &address] {
        let client = Client::new(Door::Tcp(address.clone())).with("host", host);
        let reply = client.get("/").await;
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").starts_with("text/html"));
    }
    let opened = ada.stranger().without("host").with("host", &address).with("sec-fetch-mode", "navigate");
    let moved = opened.get("/c/1").await;
    assert_eq!((moved.status, moved.header("location")), (307, format!("http://{page}/c/1").as_str()));
    ada.stop().await;
}

#[tokio::test]
async fn another_sites_page_can_do_nothing_with_the_cookie() {
    let ada = Home::start("Ada").await;
    let browser = ada.browser().await.without("origin").without("sec-fetch-site");
    let foreign = [
        browser.with("origin", "http://evil.example").with("sec-fetch-site", "cross-site"),
        browser.with("origin", "http://evil.example"),
        browser.with("sec-fetch-site", "cross-site"),
        browser.with("sec-fetch-site", "same-site"),
        browser.with("origin", "null"),
    ];
    for page in foreign {
        page.post("/api/v1/sign-in-links", &json!({})).await.problem(403, "forbidden_origin");
        page.post("/api/v1/sign-in", &json!({ "token": "x" })).await.problem(403, "forbidden_origin");
        page.get("/api/v1/status").await.problem(403, "forbidden_origin");
        page.send("OPTIONS", "/api/v1/contacts", None).await.problem(403, "forbidden_origin");
        assert_eq!(page.live("/api/v1/live").await.err(), Some(403));
    }
    ada.stop().await;
}

#[tokio::test]
async fn a_write_or_an_upgrade_that_does_not_say_where_it_comes_from_is_refused() {
    let ada = Home::start("Ada").await;
    let silent = ada.browser().await.without("origin").without("sec-fetch-site");
    silent.post("/api/v1/sign-in-links", &json!({})).await.problem(403, "forbidden_origin");
    silent.delete(&format!("/api/v1/sessions/{}", "0".repeat(32))).await.problem(403, "forbidden_origin");
    assert_eq!(silent.live("/api/v1/live").await.err(), Some(403));
    assert_eq!(silent.get("/api/v1/status").await.status, 200);
    ada.stop().await;
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_see() {
    let ada = Home::start("Ada").await;
    let page = ada.page();
    let id = "0".repeat(32);
    let reads = [
        "status",
        "card",
        "card/qr.svg",
        "contacts",
        "conversations",
        "events",
        "live",
        "sessions",
        &format!("conversations/{id}"),
        &format!("conversations/{id}/group"),
        &format!("conversations/{id}/messages"),
        &format!("conversations/{id}/picture"),
        &format!("messages/{id}"),
    ]
    .map(|path| format!("/api/v1/{path}"));
    let wrong = page.with("cookie", "tidings_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for client in [&page, &wrong] {
        for path in &reads {
            client.get(path).await.problem(401, "not_signed_in");
        }
        for path in ["contacts", "conversations", "join", "sign-out", "sign-in-links"] {
            client.post(&format!("/api/v1/{path}"), &json!({})).await.problem(401, "not_signed_in");
        }
        client.put("/api/v1/profile", &json!({ "name": "Eve" })).await.problem(401, "not_signed_in");
        client.delete(&format!("/api/v1/sessions/{id}")).await.problem(401, "not_signed_in");
        assert_eq!(client.live("/api/v1/live").await.err(), Some(401));
    }
    ada.stop().await;
}

#[tokio::test]
async fn the_socket_is_for_this_person_alone_and_asks_for_nothing_else() {
    let ada = Home::start("Ada").await;
    let Door::Unix(path) = ada.socket().door else { panic!("the socket is a unix socket") };
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = ada.socket().get("/api/v1/status").await.ok();
    assert_eq!(status["account"], ada.account.as_str());
    let dir = ada.stop().await;
    assert!(!dir.path().join("api.sock").exists(), "a clean stop takes the socket along");
}

#[tokio::test]
async fn every_answer_is_fenced_in() {
    let ada = Home::start("Ada").await;
    let browser = ada.browser().await;
    let stray = browser.without("host").with("host", "evil.example");
    let answers = [
        browser.get("/").await,
        browser.get("/api/v1/status").await,
        browser.get("/api/v1/nothing").await,
        ada.page().get("/api/v1/status").await,
        stray.get("/").await,
    ];
    for reply in answers {
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("require-trusted-types-for 'script'"));
        assert!(policy.contains(&format!("ws://{}", ada.page_host)), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
    ada.stop().await;
}
