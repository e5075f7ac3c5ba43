//! Requests of strangers, who is blocked, and who was verified in person.

use serde_json::{Value, json};

use crate::home::{Home, ada_and_bob};

/// Bob has Ada's card and writes; Ada does not know him.
async fn bob_writes_to_ada() -> (Home, Home, String) {
    let (ada, bob) = (Home::start("Ada").await, Home::start("<img src=x>").await);
    bob.add(&ada).await;
    let conversation = bob.conversation_with(&ada).await;
    (ada, bob, conversation)
}

async fn wait_for_request(ada: &Home, messages: u64) -> Value {
    let mut events = ada.socket().events("/api/v1/events").await;
    loop {
        let requests = ada.socket().get("/api/v1/requests").await.ok();
        let came = requests.as_array().unwrap().iter().find(|request| request["messages"] == messages);
        if let Some(request) = came {
            return request.clone();
        }
        events.next().await.unwrap();
    }
}

#[tokio::test]
async fn a_request_shows_who_and_nothing_that_they_wrote_and_no_event_tells_it() {
    let (ada, bob, conversation) = bob_writes_to_ada().await;
    let mut events = ada.socket().events("/api/v1/events").await;
    bob.send(&conversation, "https://example.org <script>").await;
    events
        .wait_for(|frame| {
            let told = frame.to_string();
            assert!(!told.contains("example.org") && frame["type"] != "message", "{told}");
            assert!(frame["type"] != "conversation" && frame["type"] != "contact", "{told}");
            frame["type"] == "requests" && frame["waiting"] == 1
        })
        .await;
    let request = wait_for_request(&ada, 1).await;
    assert_eq!(request["account"], bob.account.as_str());
    assert_eq!((&request["name"], &request["direct"]), (&json!("<img src=x>"), &json!(true)));
    assert_eq!(request["conversation"], conversation.as_str());
    assert!(!request.to_string().contains("example.org"));
    let browser = ada.browser().await;
    assert_eq!(browser.get("/api/v1/conversations").await.ok(), json!([]));
    assert_eq!(browser.get("/api/v1/contacts").await.ok(), json!([]));
    let path = format!("/api/v1/conversations/{conversation}");
    browser.get(&path).await.problem(404, "unknown_conversation");
    browser.get(&format!("{path}/messages")).await.problem(404, "unknown_conversation");
    browser.post(&format!("{path}/messages"), &json!({ "text": "no" })).await.problem(404, "unknown_conversation");

    let accept = format!("/api/v1/requests/{conversation}/accept");
    let opened = browser.post(&accept, &json!({})).await.ok();
    assert_eq!(opened["conversation"], conversation.as_str());
    browser.post(&accept, &json!({})).await.problem(404, "unknown_conversation");
    let page = browser.get(&format!("{path}/messages")).await.ok();
    assert_eq!(page["messages"][0]["text"], "https://example.org <script>");
    assert_eq!(browser.get("/api/v1/contacts").await.ok()[0]["added"], true);
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_request_is_refused_and_who_is_blocked_is_listed_until_they_are_not() {
    let (ada, bob, conversation) = bob_writes_to_ada().await;
    bob.send(&conversation, "hello").await;
    wait_for_request(&ada, 1).await;
    let browser = ada.browser().await;
    let path = format!("/api/v1/requests/{conversation}");
    assert_eq!(browser.delete(&path).await.status, 204);
    browser.delete(&path).await.problem(404, "unknown_conversation");
    assert_eq!(browser.get("/api/v1/requests").await.ok(), json!([]));
    let block = format!("/api/v1/blocked/{}", bob.account);
    assert_eq!(browser.put(&block, &json!({})).await.status, 204);
    let blocked = browser.get("/api/v1/blocked").await.ok();
    assert_eq!(blocked[0]["account"], bob.account.as_str());
    let card = bob.socket().get("/api/v1/card").await.ok();
    browser.post("/api/v1/contacts", &json!({ "link": card["link"] })).await.problem(403, "not_allowed");
    assert_eq!(browser.delete(&block).await.status, 204);
    browser.delete(&block).await.problem(404, "not_blocked");
    browser.put("/api/v1/blocked/nobody", &json!({})).await.problem(400, "bad_request");
    assert_eq!(browser.get("/api/v1/blocked").await.ok(), json!([]));
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_contact_is_verified_by_the_number_that_is_shown_and_by_no_other() {
    let (ada, bob, _) = ada_and_bob().await;
    let browser = ada.browser().await;
    let path = format!("/api/v1/contacts/{}/verification", bob.account);
    let before = browser.get(&path).await.ok();
    assert_eq!(before.get("how"), None);
    let number = before["safety_number"].as_str().unwrap().to_owned();
    let theirs = bob.socket().get(&format!("/api/v1/contacts/{}/verification", ada.account)).await.ok();
    assert_eq!(theirs["safety_number"], number.as_str());
    let other = json!({ "safety_number": "12345".repeat(12) });
    browser.put(&path, &other).await.problem(409, "other_safety_number");
    let marked = browser.put(&path, &json!({ "safety_number": number })).await.ok();
    assert_eq!(marked["how"], "in_person");
    assert!(marked["verified_at_ms"].as_u64().unwrap() > 0);
    let code = browser.get(&format!("{path}/qr.svg")).await;
    assert_eq!((code.status, code.header("content-type")), (200, "image/svg+xml"));
    let ada = ada.restart("Ada").await;
    let contact = ada.socket().get("/api/v1/contacts").await.ok();
    assert_eq!(contact[0]["verified_at_ms"], marked["verified_at_ms"]);
    let undone = ada.socket().delete(&path).await.ok();
    assert_eq!(undone.get("how"), None);
    let nobody = format!("/api/v1/contacts/{}/verification", "ab".repeat(32));
    ada.socket().get(&nobody).await.problem(404, "unknown_contact");
    ada.stop().await;
    bob.stop().await;
}
