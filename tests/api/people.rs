//! Status, profile, cards, contacts and conversations.

use serde_json::json;

use crate::home::Home;

#[tokio::test]
async fn status_says_who_i_am_and_where() {
    let ada = Home::start("Ada").await;
    let status = ada.browser().await.get("/api/v1/status").await.ok();
    assert_eq!(status["account"], ada.account.as_str());
    assert_eq!(status["name"], "Ada");
    assert_eq!(status["queued"], 0);
    assert_eq!(status["passphrase"], false);
    assert_eq!(status["peers"], json!([]));
    let peer_id = status["peer_id"].as_str().unwrap();
    assert!(peer_id.starts_with("12D3KooW"), "{peer_id}");
    let addresses = status["addresses"].as_array().unwrap();
    assert!(!addresses.is_empty());
    assert!(addresses.iter().all(|address| address.as_str().unwrap().ends_with(&format!("/p2p/{peer_id}"))));
    ada.stop().await;
}

#[tokio::test]
async fn a_new_name_is_on_the_card_and_in_the_status() {
    let ada = Home::start("Ada").await;
    let mut events = ada.socket().events("/api/v1/events").await;
    let status = ada.browser().await.put("/api/v1/profile", &json!({ "name": "Ada Lovelace" })).await.ok();
    assert_eq!(status["name"], "Ada Lovelace");
    events.wait_for(|frame| frame["type"] == "profile").await;
    for name in ["", "a\nb", &"x".repeat(129)] {
        let reply = ada.browser().await.put("/api/v1/profile", &json!({ "name": name })).await;
        reply.problem(422, "bad_name");
    }
    assert_eq!(ada.socket().get("/api/v1/status").await.ok()["name"], "Ada Lovelace");
    ada.stop().await;
}

#[tokio::test]
async fn my_card_is_two_links_and_a_picture() {
    let ada = Home::start("Ada").await;
    let browser = ada.browser().await;
    let card = browser.get("/api/v1/card").await.ok();
    assert_eq!(card["account"], ada.account.as_str());
    let (link, short) = (card["link"].as_str().unwrap(), card["short_link"].as_str().unwrap());
    assert!(link.starts_with("tidings://") && short.starts_with("tidings://") && short.len() < link.len());
    let picture = browser.get("/api/v1/card/qr.svg").await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.text().contains("<svg"));
    ada.stop().await;
}

#[tokio::test]
async fn a_contact_is_added_by_link_once_however_often() {
    let (ada, bob) = (Home::start("Ada").await, Home::start("Bob").await);
    let first = ada.add(&bob).await;
    assert_eq!(first["contact"], bob.account.as_str());
    assert_eq!((&first["name"], &first["added"], &first["card_complete"]), (&json!("Bob"), &json!(true), &json!(true)));
    let digits: String = first["safety_number"].as_str().unwrap().split_whitespace().collect();
    assert!(digits.len() == 60 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{digits}");
    ada.add(&bob).await;
    let contacts = ada.browser().await.get("/api/v1/contacts").await.ok();
    assert_eq!(contacts.as_array().unwrap().len(), 1);
    let theirs = bob.add(&ada).await;
    assert_eq!(theirs["safety_number"], first["safety_number"], "both people compare the same digits");
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_link_that_is_no_card_is_refused_and_changes_nothing() {
    let ada = Home::start("Ada").await;
    let card = ada.socket().get("/api/v1/card").await.ok();
    let whole = card["link"].as_str().unwrap();
    let cut: String = whole.chars().take(whole.len() / 2).collect();
    for link in ["", "hello", "https://example.org", "tidings://card/", "tidings://card/AAAA", &cut] {
        ada.socket().post("/api/v1/contacts", &json!({ "link": link })).await.problem(422, "bad_link");
    }
    ada.socket().post("/api/v1/contacts", &json!({ "link": whole })).await.problem(422, "own_card");
    assert_eq!(ada.socket().get("/api/v1/contacts").await.ok(), json!([]));
    ada.stop().await;
}

#[tokio::test]
async fn a_conversation_with_one_contact_is_always_the_same() {
    let (ada, bob) = (Home::start("Ada").await, Home::start("Bob").await);
    ada.add(&bob).await;
    let browser = ada.browser().await;
    let body = json!({ "contacts": [bob.account] });
    let first = browser.post("/api/v1/conversations", &body).await.ok();
    assert_eq!((&first["name"], &first["direct"], &first["unread"]), (&json!("Bob"), &json!(true), &json!(0)));
    let members = first["members"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(members.iter().filter(|member| member["me"] == true).count(), 1);
    let second = browser.post("/api/v1/conversations", &body).await.ok();
    assert_eq!(second["conversation"], first["conversation"]);
    let list = browser.get("/api/v1/conversations").await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let path = format!("/api/v1/conversations/{}", first["conversation"].as_str().unwrap());
    assert_eq!(browser.get(&path).await.ok()["conversation"], first["conversation"]);
    let contacts = browser.get("/api/v1/contacts").await.ok();
    assert_eq!(contacts[0]["conversation"], first["conversation"]);
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_conversation_needs_at_least_one_known_contact() {
    let (ada, bob) = (Home::start("Ada").await, Home::start("Bob").await);
    let start =
        async |contacts: Vec<&str>| ada.socket().post("/api/v1/conversations", &json!({ "contacts": contacts })).await;
    start(vec![&bob.account]).await.problem(404, "unknown_contact");
    start(vec![]).await.problem(422, "nobody_named");
    start(vec!["not-an-id"]).await.problem(400, "bad_request");
    ada.stop().await;
    bob.stop().await;
}
