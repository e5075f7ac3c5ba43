//! One-time links, sessions, and what ends with them.

use serde_json::json;

use crate::home::Home;

#[tokio::test]
async fn a_link_signs_one_browser_in_once() {
    let ada = Home::start("Ada").await;
    let token = ada.token().await;
    let reply = ada.page().post("/api/v1/sign-in", &json!({ "token": token })).await;
    assert_eq!(reply.status, 204);
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("tidings_session="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let again = ada.page().post("/api/v1/sign-in", &json!({ "token": token })).await;
    assert_eq!(again.header("set-cookie"), "");
    again.problem(401, "not_signed_in");
    ada.stop().await;
}

#[tokio::test]
async fn a_program_at_the_address_may_sign_in_and_then_says_where_it_comes_from() {
    let ada = Home::start("Ada").await;
    let program = ada.stranger().without("host").with("host", &ada.address);
    let reply = program.post("/api/v1/sign-in", &json!({ "token": ada.token().await })).await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    let program = program.with("cookie", reply.header("set-cookie").split(';').next().unwrap());
    assert_eq!(program.get("/api/v1/status").await.status, 200);
    program.post("/api/v1/sign-out", &json!({})).await.problem(403, "forbidden_origin");
    let program = program.with("origin", &format!("http://{}", ada.address));
    assert_eq!(program.post("/api/v1/sign-out", &json!({})).await.status, 204);
    ada.stop().await;
}

#[tokio::test]
async fn sign_ins_that_fail_are_slowed_down() {
    let ada = Home::start("Ada").await;
    for _ in 0..10 {
        ada.page().post("/api/v1/sign-in", &json!({ "token": "guess" })).await.problem(401, "not_signed_in");
    }
    let refused = ada.page().post("/api/v1/sign-in", &json!({ "token": "guess" })).await;
    assert_eq!(refused.header("retry-after"), "60");
    refused.problem(429, "too_many_sign_ins");
    ada.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let ada = Home::start("Ada").await;
    let phone = ada.browser().await;
    let laptop = ada.browser().await.with("user-agent", "Laptop");
    let sessions = laptop.get("/api/v1/sessions").await.ok();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    assert!(sessions.iter().all(|session| session["created_at_ms"].as_u64().unwrap() > 0));
    let other = sessions.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/api/v1/sessions/{}", other["session"].as_str().unwrap());
    assert_eq!(laptop.delete(&path).await.status, 204);
    phone.get("/api/v1/status").await.problem(401, "not_signed_in");
    assert_eq!(laptop.get("/api/v1/status").await.status, 200);
    let from_the_socket = ada.socket().get("/api/v1/sessions").await.ok();
    assert_eq!(from_the_socket.as_array().unwrap().len(), 1);
    assert_eq!(from_the_socket[0]["current"], false);
    ada.stop().await;
}

#[tokio::test]
async fn a_session_that_ends_takes_its_live_stream_along_and_no_other() {
    let ada = Home::start("Ada").await;
    let (phone, laptop) = (ada.browser().await, ada.browser().await);
    let mut ended = phone.live("/api/v1/live").await.unwrap();
    let mut stays = laptop.live("/api/v1/live").await.unwrap();
    let mut events = phone.events("/api/v1/events").await;
    assert_eq!(ended.next().await.unwrap()["type"], "hello");
    assert_eq!(stays.next().await.unwrap()["type"], "hello");
    assert_eq!(events.next().await.unwrap().event, "hello");

    let reply = phone.post("/api/v1/sign-out", &json!({})).await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    while let Ok(frame) = ended.next().await {
        assert_ne!(frame["type"], "message");
    }
    while events.next().await.is_some() {}
    phone.get("/api/v1/status").await.problem(401, "not_signed_in");

    assert_eq!(laptop.put("/api/v1/profile", &json!({ "name": "Ada L." })).await.status, 200);
    stays.wait_for(|frame| frame["type"] == "profile").await;
    ada.stop().await;
}

#[tokio::test]
async fn a_session_outlives_the_node() {
    let ada = Home::start("Ada").await;
    let browser = ada.browser().await;
    let cookie = browser.headers.iter().find(|(name, _)| name == "cookie").unwrap().1.clone();
    let ada = ada.restart("Ada").await;
    assert_eq!(ada.page().with("cookie", &cookie).get("/api/v1/status").await.status, 200);
    ada.stop().await;
}
