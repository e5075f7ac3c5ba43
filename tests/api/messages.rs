//! Sending, history, what is proved of a message, and naming one by the beginning of its id.

use serde_json::{Value, json};

use crate::home::{Home, ada_and_bob};

async fn history(home: &Home, conversation: &str, query: &str) -> Value {
    home.socket().get(&format!("/api/v1/conversations/{conversation}/messages{query}")).await.ok()
}

fn texts(page: &Value) -> Vec<&str> {
    page["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_queued_at_once_delivered_when_it_arrived_and_seen_when_they_looked() {
    let (ada, bob, conversation) = ada_and_bob().await;
    let browser = ada.browser().await;
    let mut live = browser.live("/api/v1/live").await.unwrap();
    let mut at_bob = bob.socket().events("/api/v1/events").await;

    let path = format!("/api/v1/conversations/{conversation}/messages");
    let reply = browser.post(&path, &json!({ "text": "Hello, Bob" })).await;
    assert_eq!(reply.status, 201);
    let sent = reply.json();
    assert_eq!((&sent["text"], &sent["state"]), (&json!("Hello, Bob"), &json!("queued")));
    assert_eq!((&sent["mine"], &sent["kind"]), (&json!(true), &json!("text")));
    assert_eq!(sent["sender"], ada.account.as_str());
    assert_eq!(sent["conversation"], conversation.as_str());
    let id = sent["message"].as_str().unwrap().to_owned();

    let arrived = at_bob.wait_for(|frame| frame["type"] == "message" && frame["message"]["message"] == id).await;
    assert_eq!(arrived.data["message"]["state"], "received");
    assert_eq!(arrived.data["message"]["sender_name"], "Ada");
    assert_eq!(arrived.data["id"], arrived.id.as_str());
    let reached = |frame: &Value, state: &str| {
        frame["type"] == "states"
            && frame["states"].as_array().unwrap().iter().any(|row| row["message"] == id && row["state"] == state)
    };
    live.wait_for(|frame| reached(frame, "delivered")).await;
    assert_eq!(bob.socket().get("/api/v1/conversations").await.ok()[0]["unread"], 1);

    let seen = format!("/api/v1/conversations/{conversation}/seen");
    assert_eq!(bob.browser().await.post(&seen, &json!({ "message": id })).await.status, 204);
    live.wait_for(|frame| reached(frame, "seen")).await;
    let theirs = bob.socket().get(&format!("/api/v1/conversations/{conversation}")).await.ok();
    assert_eq!((&theirs["unread"], &theirs["seen_up_to"]), (&json!(0), &json!(id)));
    assert_eq!(theirs["last_message"]["message"], id.as_str());

    let detail = browser.get(&format!("/api/v1/messages/{id}")).await.ok();
    assert_eq!(detail["state"], "seen");
    assert_eq!(detail["recipients"][0]["account"], bob.account.as_str());
    assert_eq!((&detail["recipients"][0]["name"], &detail["recipients"][0]["state"]), (&json!("Bob"), &json!("seen")));
    assert!(detail["recipients"][0]["at_ms"].as_u64().unwrap() > 0);
    assert_eq!(browser.get("/api/v1/status").await.ok()["queued"], 0);
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn the_same_idempotency_key_twice_is_one_message() {
    let (ada, bob, conversation) = ada_and_bob().await;
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let client = ada.browser().await.with("idempotency-key", "key-1");
    let first = client.post(&path, &json!({ "text": "once" })).await;
    let again = client.post(&path, &json!({ "text": "once" })).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json()["message"], again.json()["message"]);
    assert_eq!(texts(&history(&ada, &conversation, "").await), ["once"]);
    let long = ada.socket().with("idempotency-key", &"k".repeat(65));
    long.post(&path, &json!({ "text": "no" })).await.problem(400, "bad_request");
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn history_comes_in_pages_from_either_end() {
    let (ada, bob, conversation) = ada_and_bob().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let sent = ada.send(&conversation, &number.to_string()).await;
        ids.push(sent["message"].as_str().unwrap().to_owned());
    }
    let newest = history(&ada, &conversation, "?limit=3").await;
    assert_eq!(texts(&newest), ["4", "5", "6"]);
    assert_eq!((&newest["more_before"], &newest["more_after"]), (&json!(true), &json!(false)));
    let before = history(&ada, &conversation, &format!("?limit=3&before={}", ids[4])).await;
    assert_eq!(texts(&before), ["1", "2", "3"]);
    assert_eq!((&before["more_before"], &before["more_after"]), (&json!(true), &json!(true)));
    let first = history(&ada, &conversation, &format!("?before={}", ids[1])).await;
    assert_eq!(texts(&first), ["0"]);
    assert_eq!(first["more_before"], false);
    let after = history(&ada, &conversation, &format!("?limit=2&after={}", ids[4])).await;
    assert_eq!(texts(&after), ["5", "6"]);
    assert_eq!(after["more_after"], false);
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_message_answers_another_and_is_named_by_the_beginning_of_its_id() {
    let (ada, bob, conversation) = ada_and_bob().await;
    let question = ada.send(&conversation, "Tea?").await;
    let id = question["message"].as_str().unwrap();
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let answer = ada.socket().post(&path, &json!({ "text": "Yes", "reply_to": id })).await.json();
    assert_eq!(answer["reply_to"], id);
    assert!(question.get("reply_to").is_none(), "what is absent is left out");
    let beginning = |chars: usize| id.chars().take(chars).collect::<String>();
    for prefix in [beginning(6), beginning(20), beginning(32), beginning(8).to_uppercase()] {
        let found = ada.socket().get(&format!("/api/v1/messages/{prefix}")).await.ok();
        assert_eq!(found["message"], id, "{prefix}");
    }
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_nothing_is_kept() {
    let (ada, bob, conversation) = ada_and_bob().await;
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let send = async |body: Value| ada.socket().post(&path, &body).await;
    send(json!({ "text": "" })).await.problem(422, "empty_text");
    send(json!({ "text": "x".repeat(64 * 1024 + 1) })).await.problem(422, "text_too_long");
    send(json!({ "text": "x".repeat(256 * 1024) })).await.problem(413, "payload_too_large");
    send(json!({ "text": "x", "reply_to": "nonsense" })).await.problem(400, "bad_request");
    assert_eq!(texts(&history(&ada, &conversation, "").await), [""; 0]);
    assert_eq!(send(json!({ "text": "x".repeat(64 * 1024) })).await.status, 201);
    ada.stop().await;
    bob.stop().await;
}
