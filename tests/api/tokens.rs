//! API tokens: what each may do, what it may not, and that it ends when it should.

use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::home::{Home, ada_and_bob};

const TOKENS: &str = "/api/v1/tokens";

/// The second digit of a hexadecimal digit's own number in ASCII: `0` is 30, `a` is 61.
fn low_digit(digit: char) -> char {
    let number = digit.to_digit(16).unwrap();
    char::from_digit(if number < 10 { number } else { number - 9 }, 16).unwrap()
}

/// A program with a fresh token; its id, too.
pub(crate) async fn program(home: &Home, wanted: Value) -> (Client, String) {
    let mut body = json!({ "name": "a program" });
    body.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    let reply = home.browser().await.post(TOKENS, &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let made = reply.json();
    let text = made["text"].as_str().unwrap();
    let bringing = home.stranger().with("authorization", &format!("Bearer {text}"));
    (bringing, made["token"].as_str().unwrap().to_owned())
}

async fn group(home: &Home, name: &str) -> String {
    let contact = home.socket().get("/api/v1/contacts").await.ok()[0]["contact"].clone();
    let made = home.socket().post("/api/v1/conversations", &json!({ "contacts": [contact], "name": name })).await.ok();
    made["conversation"].as_str().unwrap().to_owned()
}

fn at(conversation: &str, what: &str) -> String {
    format!("/api/v1/conversations/{conversation}{what}")
}

/// Two answers that must not differ, so that nobody learns which of the two is there.
fn assert_alike(one: &Reply, other: &Reply) {
    assert_eq!((one.status, &one.body), (other.status, &other.body), "{} {}", one.text(), other.text());
}

#[tokio::test]
async fn a_tokens_text_is_told_once_and_is_kept_nowhere() {
    let ada = Home::start("Ada").await;
    let owner = ada.browser().await;
    let body = json!({ "name": "Backup script", "read": true, "expires_in_ms": 3_600_000 });
    let made = owner.post(TOKENS, &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let text = made["text"].as_str().unwrap().to_owned();
    assert_eq!(text.len(), "tidings_".len() + 43);
    assert!(text.starts_with("tidings_"));
    let listed = owner.get(TOKENS).await;
    assert!(!listed.text().contains(text.strip_prefix("tidings_").unwrap()));
    let token = &listed.json()[0];
    assert_eq!(
        (&token["name"], &token["read"], &token["write"]),
        (&json!("Backup script"), &json!(true), &json!(false))
    );
    assert!(token.get("conversations").is_none() && token.get("last_used_at_ms").is_none(), "{token}");
    let ends = token["expires_at_ms"].as_u64().unwrap() - token["created_at_ms"].as_u64().unwrap();
    assert_eq!(ends, 3_600_000);

    let bringing = ada.stranger().with("authorization", &format!("Bearer {text}"));
    assert_eq!(bringing.get("/api/v1/conversations").await.ok(), json!([]));
    assert!(owner.get(TOKENS).await.ok()[0]["last_used_at_ms"].as_u64().unwrap() > 0);

    let dir = ada.stop().await;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let is_there = bytes.windows(43).any(|window| window == &text.as_bytes()[8..]);
            assert!(!is_there, "the text lies in {}", path.display());
        }
    }
}

#[tokio::test]
async fn what_makes_no_sense_for_a_token_is_refused_and_there_are_sixty_four_at_most() {
    let ada = Home::start("Ada").await;
    let owner = ada.socket();
    let nothing = "0".repeat(32);
    let bad = [
        (json!({ "name": "", "read": true }), 422, "bad_setting"),
        (json!({ "name": "x".repeat(65), "read": true }), 422, "bad_setting"),
        (json!({ "name": "x" }), 422, "bad_setting"),
        (json!({ "name": "x", "read": true, "conversations": [] }), 422, "bad_setting"),
        (json!({ "name": "x", "read": true, "expires_in_ms": 0 }), 422, "bad_setting"),
        (json!({ "name": "x", "read": true, "expires_in_ms": 10_u64 * 366 * 86_400_000 }), 422, "bad_setting"),
        (json!({ "name": "x", "read": true, "conversations": [nothing] }), 404, "unknown_conversation"),
        (json!({ "name": "x", "read": true, "conversations": ["x"] }), 400, "bad_request"),
        (json!({ "name": "x", "read": true, "owner": true }), 400, "bad_request"),
    ];
    for (body, status, code) in bad {
        owner.post(TOKENS, &body).await.problem(status, code);
    }
    owner.delete(&format!("{TOKENS}/{nothing}")).await.problem(404, "unknown_token");
    assert_eq!(owner.get(TOKENS).await.ok(), json!([]));
    for _ in 0..64 {
        assert_eq!(owner.post(TOKENS, &json!({ "name": "x", "write": true })).await.status, 201);
    }
    owner.post(TOKENS, &json!({ "name": "x", "write": true })).await.problem(429, "limit_reached");
    ada.stop().await;
}

/// What tokens may do: everything else is closed to all of them.
const READ: [&str; 8] = [
    "GET /api/v1/conversations",
    "GET /api/v1/conversations/{conversation}",
    "GET /api/v1/conversations/{conversation}/group",
    "GET /api/v1/conversations/{conversation}/messages",
    "GET /api/v1/conversations/{conversation}/picture",
    "GET /api/v1/events",
    "GET /api/v1/live",
    "GET /api/v1/messages/{message}",
];
const WRITE: [&str; 2] =
    ["POST /api/v1/conversations/{conversation}/messages", "POST /api/v1/conversations/{conversation}/seen"];
/// Open to whoever gets as far as the door.
const OPEN: [&str; 1] = ["GET /api/v1/openapi.json"];

/// Every path and method of the API's own document.
async fn operations(home: &Home) -> Vec<(String, String)> {
    let document = home.socket().get("/api/v1/openapi.json").await.ok();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(all.len() > 40, "{all:?}");
    all
}

async fn ask(client: &Client, method: &str, path: &str) -> Reply {
    match method {
        "GET" => client.get(path).await,
        _ => client.with("content-type", "application/json").send(method, path, Some(b"{}".to_vec())).await,
    }
}

#[tokio::test]
async fn a_token_of_any_scope_reaches_nothing_but_what_is_listed() {
    let (ada, bob, inside) = ada_and_bob().await;
    let outside = group(&ada, "Outside").await;
    let message = ada.send(&inside, "inside").await["message"].as_str().unwrap().to_owned();
    let hidden = ada.send(&outside, "outside").await["message"].as_str().unwrap().to_owned();
    let (_, other_token) = program(&ada, json!({ "read": true })).await;
    let session = ada.socket().get("/api/v1/sessions").await.ok()[0]["session"].as_str().unwrap().to_owned();
    let nowhere = "0".repeat(32);
    // How far the last message got moves on by itself.
    let as_agreed = |mut group: Value| {
        group["conversation"]["last_message"]["state"].take();
        group
    };
    let before = as_agreed(ada.socket().get(&at(&outside, "/group")).await.ok());

    let operations = operations(&ada).await;
    for (read, write) in [(true, false), (false, true), (true, true)] {
        for scoped in [false, true] {
            let mut wanted = json!({ "read": read, "write": write });
            if scoped {
                wanted["conversations"] = json!([inside]);
            }
            let (program, _) = program(&ada, wanted).await;
            let mut walked = 0;
            for (method, template) in &operations {
                let operation = format!("{method} {template}");
                let fill = |conversation: &str, message: &str| {
                    template
                        .replace("{conversation}", conversation)
                        .replace("{message}", message)
                        .replace("{account}", &bob.account)
                        .replace("{contact}", &bob.account)
                        .replace("{identity}", &nowhere)
                        .replace("{session}", &session)
                        .replace("{token}", &other_token)
                        .replace("{invite}", &nowhere)
                        .replace("{peer}", &nowhere)
                };
                let path = fill(&inside, &message);
                assert!(!path.contains('{'), "{path}");
                walked += 1;
                let listed = OPEN.contains(&operation.as_str())
                    || (read && READ.contains(&operation.as_str()))
                    || (write && WRITE.contains(&operation.as_str()));
                if !listed {
                    ask(&program, method, &path).await.problem(403, "forbidden_to_token");
                    continue;
                }
                if template == "/api/v1/events" {
                    assert_eq!(program.events(&path).await.next().await.unwrap().event, "hello");
                    continue;
                }
                let status = ask(&program, method, &path).await.status;
                assert!(![401, 403].contains(&status), "{operation}: {status}");
                if !scoped || template == &fill("", "") {
                    continue;
                }
                // Beyond the scope everything is as if it were not there.
                let beyond = ask(&program, method, &fill(&outside, &hidden)).await;
                assert_eq!(beyond.status, 404, "{operation}: {}", beyond.text());
                assert_alike(&beyond, &ask(&program, method, &fill(&nowhere, &nowhere)).await);
            }
            assert_eq!(walked, operations.len());
        }
    }
    assert_eq!(as_agreed(ada.socket().get(&at(&outside, "/group")).await.ok()), before);
    assert_eq!(ada.socket().get("/api/v1/status").await.ok()["name"], "Ada");
    assert_eq!(ada.socket().get(TOKENS).await.ok().as_array().unwrap().len(), 7);
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_scoped_token_sees_its_conversation_and_no_other() {
    let (ada, bob, inside) = ada_and_bob().await;
    let outside = group(&ada, "Outside").await;
    let (program, _) = program(&ada, json!({ "read": true, "write": true, "conversations": [inside] })).await;
    let hidden = ada.send(&outside, "outside").await["message"].as_str().unwrap().to_owned();

    let list = program.get("/api/v1/conversations").await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["conversation"], inside.as_str());
    let sent = program.post(&at(&inside, "/messages"), &json!({ "text": "by a program" })).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let sent = sent.json()["message"].as_str().unwrap().to_owned();
    let history = program.get(&at(&inside, "/messages")).await.ok();
    assert_eq!(history["messages"].as_array().unwrap().last().unwrap()["text"], "by a program");

    // A beginning of an id finds what is inside, and nothing else: not even that there is something.
    assert_eq!(
        program.get(&format!("/api/v1/messages/{}", sent.get(..6).unwrap())).await.ok()["message"],
        sent.as_str()
    );
    for length in [6, 32] {
        let beyond = program.get(&format!("/api/v1/messages/{}", hidden.get(..length).unwrap())).await;
        assert_alike(&beyond, &program.get(&format!("/api/v1/messages/{}", "0".repeat(length))).await);
        beyond.problem(404, "unknown_message");
    }
    // Nor does it help to name what is outside from within.
    for query in ["before", "after"] {
        program.get(&at(&inside, &format!("/messages?{query}={hidden}"))).await.problem(404, "unknown_message");
    }
    let answer = json!({ "text": "?", "reply_to": hidden });
    program.post(&at(&inside, "/messages"), &answer).await.problem(404, "unknown_message");
    program.post(&at(&inside, "/seen"), &json!({ "message": hidden })).await.problem(404, "unknown_message");
    let upper = program.get(&at(&outside.to_uppercase(), "/messages")).await;
    assert_alike(&upper, &program.get(&at(&"F".repeat(32), "/messages")).await);
    assert_eq!(program.get(&at(&outside, "/messages").replace("/conv", "/%63onv")).await.status, 404);
    let percent: String = outside
        .chars()
        .flat_map(|char| ['%', if char.is_ascii_digit() { '3' } else { '6' }, low_digit(char)])
        .collect();
    program.get(&at(&percent, "/messages")).await.problem(404, "unknown_conversation");
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_token_learns_neither_invites_nor_which_idempotency_keys_were_used() {
    let (ada, bob, direct) = ada_and_bob().await;
    let group = group(&ada, "Walking").await;
    assert_eq!(ada.socket().post(&at(&group, "/invites"), &json!({})).await.status, 200);
    let (program, _) = program(&ada, json!({ "read": true, "write": true, "conversations": [group] })).await;
    assert_eq!(ada.browser().await.get(&at(&group, "/group")).await.ok()["invites"].as_array().unwrap().len(), 1);
    assert_eq!(program.get(&at(&group, "/group")).await.ok()["invites"], json!([]));

    let owner = ada.socket().with("idempotency-key", "key-1");
    assert_eq!(owner.post(&at(&direct, "/messages"), &json!({ "text": "mine" })).await.status, 201);
    let keyed = program.with("idempotency-key", "key-1");
    let first = keyed.post(&at(&group, "/messages"), &json!({ "text": "its" })).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = keyed.post(&at(&group, "/messages"), &json!({ "text": "its" })).await;
    assert_eq!(first.json()["message"], again.json()["message"]);
    keyed.post(&at(&group, "/messages"), &json!({ "text": "another" })).await.problem(409, "key_used");
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_tokens_stream_tells_of_its_conversations_and_of_nothing_else() {
    let (ada, bob, inside) = ada_and_bob().await;
    let outside = group(&ada, "Outside").await;
    let (scoped, _) = program(&ada, json!({ "read": true, "conversations": [inside] })).await;
    let (everywhere, _) = program(&ada, json!({ "read": true })).await;
    let mut narrow = scoped.events("/api/v1/events").await;
    let mut live = scoped.live("/api/v1/live").await.unwrap();
    let mut wide = everywhere.events("/api/v1/events").await;
    ada.socket().put("/api/v1/profile", &json!({ "name": "Ada L." })).await.ok();
    ada.send(&outside, "outside").await;
    ada.send(&inside, "inside").await;

    let is_text = |text: &'static str| move |frame: &Value| frame["message"]["text"] == text;
    let mut seen = Vec::new();
    loop {
        let frame = narrow.next().await.unwrap();
        seen.push(frame.event.clone());
        assert!(!frame.data.to_string().contains(&outside), "{frame:?}");
        assert!(!["profile", "contact", "peers"].contains(&frame.event.as_str()), "{frame:?}");
        if is_text("inside")(&frame.data) {
            break;
        }
    }
    assert_eq!(seen[0], "hello");
    loop {
        let frame = live.next().await.unwrap();
        assert!(!frame.to_string().contains(&outside), "{frame}");
        if is_text("inside")(&frame) {
            break;
        }
    }
    loop {
        let frame = wide.next().await.unwrap();
        assert!(!["profile", "contact", "peers"].contains(&frame.event.as_str()), "{frame:?}");
        if is_text("outside")(&frame.data) {
            break;
        }
    }
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_revoked_token_ends_at_once_with_all_that_it_opened_and_no_other_does() {
    let (ada, bob, inside) = ada_and_bob().await;
    let (ended, id) = program(&ada, json!({ "read": true, "write": true })).await;
    let (stays, _) = program(&ada, json!({ "read": true })).await;
    let mut live = ended.live("/api/v1/live").await.unwrap();
    let mut events = ended.events("/api/v1/events").await;
    let mut other = stays.live("/api/v1/live").await.unwrap();
    assert_eq!(live.next().await.unwrap()["type"], "hello");
    assert_eq!(events.next().await.unwrap().event, "hello");
    assert_eq!(other.next().await.unwrap()["type"], "hello");

    assert_eq!(ada.browser().await.delete(&format!("{TOKENS}/{id}")).await.status, 204);
    ada.send(&inside, "after the end").await;
    let code = loop {
        match live.next().await {
            Ok(frame) => assert_ne!(frame["message"]["text"], "after the end"),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 4401);
    while let Some(frame) = events.next().await {
        assert_ne!(frame.data["message"]["text"], "after the end");
    }
    ended.get("/api/v1/conversations").await.problem(401, "wrong_token");
    ended.post(&at(&inside, "/messages"), &json!({ "text": "?" })).await.problem(401, "wrong_token");
    assert_eq!(ended.live("/api/v1/live").await.err(), Some(401));
    other.wait_for(|frame| frame["message"]["text"] == "after the end").await;
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_token_that_expires_ends_at_once_with_all_that_it_opened() {
    let ada = Home::start("Ada").await;
    let (program, id) = program(&ada, json!({ "read": true, "expires_in_ms": 3_000 })).await;
    let mut live = program.live("/api/v1/live").await.unwrap();
    let mut events = program.events("/api/v1/events").await;
    assert_eq!(live.next().await.unwrap()["type"], "hello");
    assert_eq!(events.next().await.unwrap().event, "hello");
    assert_eq!(live.next().await, Err(4401));
    assert_eq!(events.next().await, None);
    program.get("/api/v1/conversations").await.problem(401, "wrong_token");
    // It stays in the list, to be seen, until another is made.
    assert_eq!(ada.socket().get(TOKENS).await.ok()[0]["token"], id.as_str());
    assert_eq!(ada.socket().post(TOKENS, &json!({ "name": "next", "read": true })).await.status, 201);
    assert_eq!(ada.socket().get(TOKENS).await.ok().as_array().unwrap().len(), 1);
    ada.stop().await;
}

#[tokio::test]
async fn programs_leave_room_for_the_page_among_the_streams() {
    let ada = Home::start("Ada").await;
    let (program, _) = program(&ada, json!({ "read": true })).await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut events = program.events("/api/v1/events").await;
        assert_eq!(events.next().await.unwrap().event, "hello");
        open.push(events);
    }
    program.get("/api/v1/events").await.problem(429, "limit_reached");
    assert_eq!(ada.browser().await.live("/api/v1/live").await.unwrap().next().await.unwrap()["type"], "hello");
    ada.stop().await;
}

#[tokio::test]
async fn who_brings_a_token_is_judged_by_it_whatever_else_comes_along() {
    let ada = Home::start("Ada").await;
    let (program, _) = program(&ada, json!({ "read": true, "write": true })).await;
    let cookie = ada.browser().await.headers.iter().find(|(name, _)| name == "cookie").unwrap().1.clone();
    let both = program.with("cookie", &cookie);
    both.get("/api/v1/status").await.problem(403, "forbidden_to_token");
    both.post(TOKENS, &json!({ "name": "x", "read": true })).await.problem(403, "forbidden_to_token");
    both.post("/api/v1/sign-in", &json!({ "token": ada.token().await })).await.problem(403, "forbidden_to_token");
    assert_eq!(both.get("/api/v1/conversations").await.status, 200);
    let wrong = ada.browser().await.with("authorization", "Bearer tidings_nonsense");
    wrong.get("/api/v1/status").await.problem(401, "wrong_token");
    wrong.post("/api/v1/sign-in", &json!({ "token": ada.token().await })).await.problem(403, "forbidden_to_token");
    // Of another scheme is none of ours: a proxy in front may have its own.
    assert_eq!(ada.browser().await.with("authorization", "Basic eDp5").get("/api/v1/status").await.status, 200);

    // A program says no more than the host; another site's page is sent away as ever.
    let unknown = "0".repeat(32);
    program.post(&at(&unknown, "/messages"), &json!({ "text": "x" })).await.problem(404, "unknown_conversation");
    program.with("sec-fetch-site", "cross-site").get("/api/v1/conversations").await.problem(403, "forbidden_origin");
    program.with("origin", "http://evil.example").get("/api/v1/conversations").await.problem(403, "forbidden_origin");
    program.without("host").with("host", "evil.example").get("/api/v1/conversations").await.problem(421, "wrong_host");
    let at_the_address = program.without("host").with("host", &ada.address);
    assert_eq!(at_the_address.get("/api/v1/conversations").await.status, 200);
    for query in ["token", "access_token"] {
        let text = program.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.clone();
        let path = format!("/api/v1/conversations?{query}={}", text.strip_prefix("Bearer ").unwrap());
        ada.stranger().get(&path).await.problem(401, "not_signed_in");
    }
    // The unix socket is the owner's, whatever the header says.
    let owner = ada.socket().with("authorization", "Bearer tidings_nonsense");
    assert_eq!(owner.get("/api/v1/status").await.status, 200);
    ada.stop().await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is looked at")]
async fn wrong_tokens_are_slowed_down_and_lock_nobody_out() {
    let ada = Home::start("Ada").await;
    let (program, _) = program(&ada, json!({ "read": true })).await;
    let owner = ada.browser().await;
    let wrong = ada.stranger().with("authorization", &format!("Bearer tidings_{}", "A".repeat(43)));
    for _ in 0..10 {
        let begun = std::time::Instant::now();
        let reply = wrong.get("/api/v1/conversations").await;
        assert!(begun.elapsed().as_millis() >= 200);
        assert!(reply.header("www-authenticate").starts_with("Bearer"), "{:?}", reply.headers);
        reply.problem(401, "wrong_token");
    }
    let refused = wrong.get("/api/v1/conversations").await;
    assert_eq!(refused.header("retry-after"), "60");
    refused.problem(429, "too_many_tokens");
    assert_eq!(program.get("/api/v1/conversations").await.status, 200);
    assert_eq!(owner.get("/api/v1/status").await.status, 200);
    ada.browser().await.get("/api/v1/status").await.ok();
    ada.stop().await;
}
