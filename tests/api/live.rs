//! The live stream, over both transports: greeting, resuming, falling behind, ending.

use serde_json::{Value, json};

use crate::home::Home;

/// Changes the name, which is an event, and gives the name.
async fn rename(home: &Home, name: &str) {
    home.socket().put("/api/v1/profile", &json!({ "name": name })).await.ok();
}

fn is_profile(frame: &Value) -> bool {
    frame["type"] == "profile"
}

#[tokio::test]
async fn a_stream_begins_with_a_greeting_that_says_where_it_is() {
    let ada = Home::start("Ada").await;
    let mut events = ada.socket().events("/api/v1/events").await;
    let mut live = ada.browser().await.live("/api/v1/live").await.unwrap();
    let hello = events.next().await.unwrap();
    assert_eq!(hello.event, "hello");
    assert_eq!(hello.data["account"], ada.account.as_str());
    assert_eq!(hello.data["id"], hello.id.as_str());
    let (run, number) = hello.id.split_once('-').unwrap();
    assert!(u64::from_str_radix(run, 16).is_ok() && number.parse::<u64>().is_ok(), "{}", hello.id);
    let greeted = live.next().await.unwrap();
    assert_eq!(greeted["type"], "hello");
    assert!(greeted["id"].as_str().unwrap().starts_with(run), "one run, whatever the transport");
    ada.stop().await;
}

#[tokio::test]
async fn a_stream_that_broke_goes_on_after_what_was_seen() {
    let ada = Home::start("Ada").await;
    let mut events = ada.socket().events("/api/v1/events").await;
    let hello = events.next().await.unwrap();
    drop(events);
    rename(&ada, "One").await;
    rename(&ada, "Two").await;

    let mut events = ada.socket().with("last-event-id", &hello.id).events("/api/v1/events").await;
    assert_eq!(events.next().await.unwrap().event, "hello");
    let first = events.wait_for(is_profile).await;
    let second = events.wait_for(is_profile).await;
    assert_ne!(first.id, second.id);
    drop(events);

    let mut events = ada.socket().events(&format!("/api/v1/events?after={}", first.id)).await;
    assert_eq!(events.next().await.unwrap().event, "hello");
    assert_eq!(events.wait_for(is_profile).await.id, second.id);

    let mut live = ada.browser().await.live(&format!("/api/v1/live?after={}", first.id)).await.unwrap();
    assert_eq!(live.next().await.unwrap()["type"], "hello");
    assert_eq!(live.wait_for(is_profile).await["id"], second.id.as_str());
    ada.stop().await;
}

#[tokio::test]
async fn a_stream_of_another_run_is_told_to_read_everything_again() {
    let ada = Home::start("Ada").await;
    let mut events = ada.socket().events("/api/v1/events").await;
    let old = events.next().await.unwrap().id;
    drop(events);
    let ada = ada.restart("Ada").await;
    let path = format!("/api/v1/events?after={old}");
    let mut events = ada.socket().events(&path).await;
    assert_eq!(events.next().await.unwrap().event, "hello");
    let lagged = events.next().await.unwrap();
    assert_eq!(lagged.event, "lagged");
    assert_ne!(lagged.id.split('-').next(), old.split('-').next());
    rename(&ada, "Later").await;
    events.wait_for(is_profile).await;

    let mut live = ada.browser().await.live(&format!("/api/v1/live?after={old}")).await.unwrap();
    assert_eq!(live.next().await.unwrap()["type"], "hello");
    assert_eq!(live.next().await.unwrap()["type"], "lagged");
    ada.stop().await;
}

#[tokio::test]
async fn a_place_that_never_was_is_refused() {
    let ada = Home::start("Ada").await;
    for after in ["x", "1", "1-", "-1", "1-x", "zz-1"] {
        ada.socket().get(&format!("/api/v1/events?after={after}")).await.problem(400, "bad_request");
        assert_eq!(ada.socket().live(&format!("/api/v1/live?after={after}")).await.err(), Some(400));
    }
    let bad = ada.socket().with("last-event-id", "nonsense");
    bad.get("/api/v1/events").await.problem(400, "bad_request");
    ada.socket().get("/api/v1/live").await.problem(400, "bad_request");
    ada.stop().await;
}

#[tokio::test]
async fn sixty_four_streams_are_open_at_most_and_one_that_ends_makes_room() {
    let ada = Home::start("Ada").await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut events = ada.socket().events("/api/v1/events").await;
        assert_eq!(events.next().await.unwrap().event, "hello");
        open.push(events);
    }
    ada.socket().get("/api/v1/events").await.problem(429, "limit_reached");
    assert_eq!(ada.socket().live("/api/v1/live").await.err(), Some(429));
    open.pop();
    // The node notices that the connection is gone in its own time: ask until there is room.
    let room = async { while ada.socket().live("/api/v1/live").await.is_err() {} };
    crate::client::within(room).await;
    ada.stop().await;
}

#[tokio::test]
async fn a_node_that_stops_says_goodbye() {
    let ada = Home::start("Ada").await;
    let mut live = ada.browser().await.live("/api/v1/live").await.unwrap();
    let mut events = ada.socket().events("/api/v1/events").await;
    assert_eq!(live.next().await.unwrap()["type"], "hello");
    assert_eq!(events.next().await.unwrap().event, "hello");
    ada.stop().await;
    let mut last = live.next().await;
    while last.is_ok() {
        last = live.next().await;
    }
    assert_eq!(last.err(), Some(1001));
    while events.next().await.is_some() {}
}
