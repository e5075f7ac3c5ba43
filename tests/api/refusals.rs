//! What is wrong with a request gets a problem of one shape, whatever the route.

use serde_json::json;

use crate::client::Client;
use crate::home::Home;

#[tokio::test]
async fn only_json_is_read_where_json_is_expected() {
    let ada = Home::start("Ada").await;
    let browser = ada.browser().await;
    let kinds = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/json", ""];
    for client in [&browser, &ada.socket()] {
        for kind in kinds {
            let client = client.with("content-type", kind);
            for path in ["contacts", "conversations", "sign-in"] {
                let reply = client.send("POST", &format!("/api/v1/{path}"), Some(b"{}".to_vec())).await;
                reply.problem(415, "unsupported_media_type");
            }
        }
        let reply = client.send("PUT", "/api/v1/profile", Some(br#"{"name":"Eve"}"#.to_vec())).await;
        reply.problem(415, "unsupported_media_type");
    }
    assert_eq!(browser.get("/api/v1/status").await.ok()["name"], "Ada");
    ada.stop().await;
}

#[tokio::test]
async fn what_is_not_the_expected_json_is_refused() {
    let ada = Home::start("Ada").await;
    let client = ada.socket().with("content-type", "application/json");
    for body in ["", "{", "[]", "null", "{}", r#"{"name":1}"#, r#"{"name":"Eve","more":1}"#, "\u{0}"] {
        let reply = client.send("PUT", "/api/v1/profile", Some(body.into())).await;
        reply.problem(400, "bad_request");
    }
    assert_eq!(ada.socket().get("/api/v1/status").await.ok()["name"], "Ada");
    ada.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let ada = Home::start("Ada").await;
    let long = json!({ "link": "x".repeat(256 * 1024) });
    for client in [ada.browser().await, ada.socket()] {
        client.post("/api/v1/contacts", &long).await.problem(413, "payload_too_large");
    }
    ada.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_in_the_api_and_the_page_elsewhere() {
    let ada = Home::start("Ada").await;
    for client in [ada.browser().await, ada.socket(), ada.page()] {
        for path in ["/api", "/api/v1", "/api/v1/nothing", "/api/v2/status"] {
            client.get(path).await.problem(404, "not_found");
        }
        assert_eq!(client.get("/c/0123").await.status, 200);
        client.get("/assets/gone.js").await.problem(404, "not_found");
    }
    ada.socket().delete("/api/v1/status").await.problem(405, "method_not_allowed");
    ada.socket().post("/", &json!({})).await.problem(405, "method_not_allowed");
    ada.stop().await;
}

#[tokio::test]
async fn what_is_no_id_is_refused_and_what_is_unknown_is_not_found() {
    let ada = Home::start("Ada").await;
    let client = ada.browser().await;
    for id in ["x", "0", &"0".repeat(31), &"0".repeat(33), &"A".repeat(32), &"g".repeat(32), "%00", "%ff", ".."] {
        for path in [format!("conversations/{id}"), format!("conversations/{id}/messages"), format!("messages/{id}")] {
            // A message is named by the beginning of its id too, in either case.
            if path.starts_with("messages/") && ["0", "A"].iter().any(|start| id.starts_with(start)) {
                continue;
            }
            client.get(&format!("/api/v1/{path}")).await.problem(400, "bad_request");
        }
    }
    client.delete("/api/v1/sessions/x").await.problem(400, "bad_request");
    let unknown = "0123456789abcdef0123456789abcdef";
    is_unknown_conversation(&client, unknown).await;
    client.get(&format!("/api/v1/messages/{unknown}")).await.problem(404, "unknown_message");
    client.get("/api/v1/messages/012345").await.problem(404, "unknown_message");
    client.get("/api/v1/messages/01234").await.problem(400, "bad_request");
    ada.stop().await;
}

async fn is_unknown_conversation(client: &Client, id: &str) {
    let path = format!("/api/v1/conversations/{id}");
    client.get(&path).await.problem(404, "unknown_conversation");
    client.get(&format!("{path}/messages")).await.problem(404, "unknown_conversation");
    let text = json!({ "text": "hello" });
    client.post(&format!("{path}/messages"), &text).await.problem(404, "unknown_conversation");
    let seen = json!({ "message": id });
    client.post(&format!("{path}/seen"), &seen).await.problem(404, "unknown_conversation");
}

#[tokio::test]
async fn a_page_of_history_says_which_and_how_many() {
    let ada = Home::start("Ada").await;
    let path = format!("/api/v1/conversations/{}/messages", "0".repeat(32));
    let id = "0".repeat(32);
    let bad = ["limit=0", "limit=501", "limit=-1", "limit=x", "before=x", "after=", "other=1"];
    for query in bad.into_iter().chain([format!("before={id}&after={id}").as_str()]) {
        ada.socket().get(&format!("{path}?{query}")).await.problem(400, "bad_request");
    }
    ada.stop().await;
}

#[tokio::test]
async fn the_document_that_describes_the_api_is_there_for_everybody_at_the_door() {
    let ada = Home::start("Ada").await;
    let document = ada.stranger().get("/api/v1/openapi.json").await.ok();
    assert_eq!(document["info"]["title"], "Tidings");
    assert!(document["paths"].get("/api/v1/conversations/{conversation}/messages").is_some());
    ada.stop().await;
}
