//! Groups: made, changed, joined by a link, left; and what is refused.

use serde_json::{Value, json};

use crate::client::Client;
use crate::home::{Home, ada_and_bob};

/// The beginning of a picture, which is all that a node looks at.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and what else a picture has";

/// Ada with some others who know her, in a group that she made; its id.
async fn group_of(ada: &Home, others: &[&Home], name: &str) -> String {
    let mut contacts = Vec::new();
    for other in others {
        ada.add(other).await;
        other.add(ada).await;
        contacts.push(other.account.clone());
    }
    let body = json!({ "contacts": contacts, "name": name });
    let made = ada.browser().await.post("/api/v1/conversations", &body).await.ok();
    assert_eq!((&made["name"], &made["direct"], &made["standing"]), (&json!(name), &json!(false), &json!("member")));
    assert_eq!((&made["my_role"], &made["can_write"], &made["topic"]), (&json!("owner"), &json!(true), &json!("")));
    made["conversation"].as_str().unwrap().to_owned()
}

fn at(conversation: &str, rest: &str) -> String {
    format!("/api/v1/conversations/{conversation}/{rest}")
}

/// Waits until a home's own view of a conversation is as wanted.
async fn becomes(home: &Home, conversation: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut events = home.socket().events("/api/v1/events").await;
    let reply = home.socket().get(&format!("/api/v1/conversations/{conversation}")).await;
    if reply.status == 200 && wanted(&reply.json()) {
        return reply.json();
    }
    let is_it =
        |frame: &Value| frame["type"] == "conversation" && frame["conversation"]["conversation"] == conversation;
    let frame = events.wait_for(|frame| is_it(frame) && wanted(&frame["conversation"])).await;
    frame.data["conversation"].clone()
}

fn role_of<'a>(conversation: &'a Value, account: &str) -> &'a str {
    let members = conversation["members"].as_array().unwrap();
    let member = members.iter().find(|member| member["account"] == account).expect("a member");
    member["role"].as_str().unwrap()
}

async fn lines(home: &Home, conversation: &str) -> Vec<Value> {
    let page = home.socket().get(&at(conversation, "messages?limit=100")).await.ok();
    page["messages"].as_array().unwrap().iter().filter(|message| message["kind"] == "system").cloned().collect()
}

#[tokio::test]
async fn a_group_of_three_is_made_renamed_and_tells_everybody_so() {
    let (ada, bob, cleo) = (Home::start("Ada").await, Home::start("Bob").await, Home::start("Cleo").await);
    let group = group_of(&ada, &[&bob, &cleo], "Walking").await;
    let whole = |it: &Value| it["standing"] == "member" && it["members"].as_array().unwrap().len() == 3;
    for home in [&bob, &cleo] {
        let seen = becomes(home, &group, whole).await;
        assert_eq!(
            (&seen["name"], &seen["my_role"], &seen["unread"]),
            (&json!("Walking"), &json!("member"), &json!(0))
        );
        assert_eq!(role_of(&seen, &ada.account), "owner");
    }

    let patch = json!({ "name": "Hiking", "topic": "On Sundays", "history": { "kind": "days", "days": 30 } });
    let changed = ada.browser().await.put(&at(&group, "group"), &patch).await.ok();
    assert_eq!(
        (&changed["conversation"]["name"], &changed["conversation"]["topic"]),
        (&json!("Hiking"), &json!("On Sundays"))
    );
    assert_eq!(&changed["history"], &json!({ "kind": "days", "days": 30 }));
    // Which it is depends on whose key packages were there when the group was made.
    assert!(["classic", "hybrid"].contains(&changed["suite"].as_str().unwrap()), "{changed}");
    assert_eq!((&changed["may_invite"], &changed["disappearing_s"]), (&json!("everybody"), &json!(0)));
    becomes(&bob, &group, |it| it["name"] == "Hiking" && it["topic"] == "On Sundays").await;
    let told = lines(&bob, &group).await;
    let renamed = json!({ "change": "renamed", "from": "Walking", "to": "Hiking" });
    let line = told.iter().find(|line| line["changes"].as_array().unwrap().contains(&renamed)).expect("a line");
    assert_eq!((&line["sender"], &line["late"]), (&json!(ada.account), &json!(false)));
    assert!(line["text"].as_str().unwrap().starts_with("Ada renamed the group"), "{line}");

    ada.send(&group, "Boots on").await;
    becomes(&cleo, &group, |it| it["last_message"]["text"] == "Boots on").await;
    for home in [ada, bob, cleo] {
        home.stop().await;
    }
}

#[tokio::test]
async fn roles_are_given_and_who_is_removed_or_leaves_cannot_write_any_more() {
    let (ada, bob, cleo) = (Home::start("Ada").await, Home::start("Bob").await, Home::start("Cleo").await);
    let group = group_of(&ada, &[&bob, &cleo], "Walking").await;
    let whole = |it: &Value| it["members"].as_array().unwrap().len() == 3 && it["standing"] == "member";
    becomes(&bob, &group, whole).await;
    becomes(&cleo, &group, whole).await;

    let role = at(&group, &format!("members/{}/role", bob.account));
    let changed = ada.socket().put(&role, &json!({ "role": "admin" })).await.ok();
    assert_eq!(role_of(&changed["conversation"], &bob.account), "admin");
    becomes(&bob, &group, |it| it["my_role"] == "admin").await;

    let removed = ada.browser().await.delete(&at(&group, &format!("members/{}", cleo.account))).await.ok();
    assert_eq!(removed["conversation"]["members"].as_array().unwrap().len(), 2);
    becomes(&cleo, &group, |it| it["standing"] == "removed" && it["can_write"] == false).await;
    let text = json!({ "text": "Am I still here?" });
    cleo.socket().post(&at(&group, "messages"), &text).await.problem(409, "not_a_member");
    let seen = cleo.socket().get(&at(&group, "group")).await.ok();
    assert_eq!((&seen["conversation"]["standing"], &seen["invites"]), (&json!("removed"), &json!([])));

    let left = bob.browser().await.post(&at(&group, "leave"), &json!({})).await.ok();
    assert_eq!((&left["standing"], &left["can_write"]), (&json!("left"), &json!(false)));
    becomes(&ada, &group, |it| it["members"].as_array().unwrap().len() == 1).await;
    for home in [ada, bob, cleo] {
        home.stop().await;
    }
}

#[tokio::test]
async fn a_picture_is_given_shown_to_all_and_taken_away() {
    let (ada, bob) = (Home::start("Ada").await, Home::start("Bob").await);
    let group = group_of(&ada, &[&bob], "Walking").await;
    let path = at(&group, "picture");
    let browser = ada.browser().await;
    browser.get(&path).await.problem(404, "not_found");
    let upload =
        async |kind: &str, bytes: Vec<u8>| browser.with("content-type", kind).send("PUT", &path, Some(bytes)).await;
    upload("application/json", PNG.to_vec()).await.problem(415, "unsupported_media_type");
    upload("image/svg+xml", PNG.to_vec()).await.problem(415, "unsupported_media_type");
    upload("image/png", b"<svg></svg>".to_vec()).await.problem(422, "bad_picture");
    let long: Vec<u8> = PNG.iter().copied().cycle().take(12 * 1024 + 1).collect();
    upload("image/png", long).await.problem(422, "bad_picture");
    upload("image/png", vec![0; 300 * 1024]).await.problem(413, "payload_too_large");

    let changed = upload("image/png", PNG.to_vec()).await.ok();
    let hash = changed["conversation"]["picture"].as_str().unwrap().to_owned();
    let seen = becomes(&bob, &group, |it| it["picture"] == hash.as_str()).await;
    assert_eq!(seen["standing"], "member");
    let shown = bob.browser().await.get(&path).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/png"));
    assert_eq!(shown.body, PNG);
    assert_eq!(shown.header("x-content-type-options"), "nosniff");

    let without = browser.delete(&path).await.ok();
    assert!(without["conversation"].get("picture").is_none());
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn a_stranger_joins_by_a_link_that_is_good_for_one() {
    let (ada, dan) = (Home::start("Ada").await, Home::start("Dan").await);
    let (bob, eve) = (Home::start("Bob").await, Home::start("Eve").await);
    let group = group_of(&ada, &[&bob], "Walking").await;
    becomes(&bob, &group, |it| it["standing"] == "member").await;
    let browser = ada.browser().await;
    let invite = browser.post(&at(&group, "invites"), &json!({})).await.ok();
    assert_eq!((&invite["uses"], &invite["role"], &invite["approval"]), (&json!(1), &json!("member"), &json!(false)));
    assert_eq!((&invite["creator"], &invite["creator_name"]), (&json!(ada.account), &json!("Ada")));
    let link = invite["link"].as_str().unwrap();
    assert!(link.starts_with("tidings://join/"), "{link}");
    let id = invite["invite"].as_str().unwrap();
    let picture = browser.get(&at(&group, &format!("invites/{id}/qr.svg"))).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"));

    let joining = dan.browser().await.post("/api/v1/join", &json!({ "link": link })).await.ok();
    assert_eq!(joining["conversation"], group.as_str());
    let joined = becomes(&dan, &group, |it| it["standing"] == "member").await;
    assert_eq!((joined["members"].as_array().unwrap().len(), &joined["my_role"]), (3, &json!("member")));
    becomes(&ada, &group, |it| it["members"].as_array().unwrap().len() == 3).await;
    assert_eq!(browser.get(&at(&group, "group")).await.ok()["invites"], json!([]), "it is used up");

    let asked = eve.socket().post("/api/v1/join", &json!({ "link": link })).await;
    if asked.status == 200 {
        becomes(&eve, &group, |it| it["standing"] != "member" && it["can_write"] == false).await;
    }
    for home in [ada, bob, dan, eve] {
        home.stop().await;
    }
}

#[tokio::test]
async fn a_link_is_revoked_and_then_nobody_has_its_code() {
    let (ada, bob) = (Home::start("Ada").await, Home::start("Bob").await);
    let group = group_of(&ada, &[&bob], "Walking").await;
    let wanted = json!({ "role": "read_only", "uses": null, "expires_in_ms": 3_600_000, "approval": true });
    let invite = ada.socket().post(&at(&group, "invites"), &wanted).await.ok();
    assert!(invite.get("uses").is_none(), "any number: {invite}");
    assert_eq!((&invite["role"], &invite["approval"]), (&json!("read_only"), &json!(true)));
    let path = at(&group, &format!("invites/{}", invite["invite"].as_str().unwrap()));
    assert_eq!(ada.socket().delete(&path).await.ok()["invites"], json!([]));
    ada.socket().delete(&path).await.problem(404, "unknown_invite");
    ada.socket().get(&format!("{path}/qr.svg")).await.problem(404, "unknown_invite");
    ada.stop().await;
    bob.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_for_a_group_is_refused_and_changes_nothing() {
    let (ada, bob, direct) = ada_and_bob().await;
    let client: Client = ada.browser().await;
    let accounts = json!({ "accounts": [bob.account] });
    client.post(&at(&direct, "members"), &accounts).await.problem(403, "not_allowed");
    let body = json!({ "contacts": [bob.account], "name": "Walking" });
    let made = client.post("/api/v1/conversations", &body).await.ok();
    let group = made["conversation"].as_str().unwrap();
    client.post(&at(group, "members"), &accounts).await.problem(409, "already_member");
    client.post(&at(group, "members"), &json!({ "accounts": [] })).await.problem(422, "nobody_named");
    client.post(&at(group, "members"), &json!({ "accounts": ["x"] })).await.problem(400, "bad_request");
    let stranger = "ab".repeat(32);
    client.delete(&at(group, &format!("members/{stranger}"))).await.problem(404, "no_such_member");
    client.delete(&at(group, "members/x")).await.problem(400, "bad_request");
    client.delete(&at(group, &format!("members/{}", ada.account))).await.problem(422, "own_removal");
    let role = at(group, &format!("members/{}/role", bob.account));
    client.put(&role, &json!({ "role": "king" })).await.problem(400, "bad_request");
    client.put(&at(group, "group"), &json!({ "topic": "a\nb" })).await.problem(422, "bad_topic");
    client.put(&at(group, "group"), &json!({ "name": "x".repeat(129) })).await.problem(422, "bad_name");
    client.put(&at(group, "group"), &json!({ "colour": "red" })).await.problem(400, "bad_request");
    let decision = json!({ "accept": true });
    client.post(&at(group, &format!("requests/{stranger}")), &decision).await.problem(404, "unknown_request");
    for link in ["", "https://example.org", "tidings://join/", "tidings://join/AAAA", "tidings://contact/AAAA"] {
        client.post("/api/v1/join", &json!({ "link": link })).await.problem(422, "bad_link");
    }
    let still = client.get(&format!("/api/v1/conversations/{group}")).await.ok();
    assert_eq!((&still["name"], still["members"].as_array().unwrap().len()), (&json!("Walking"), 2));
    ada.stop().await;
    bob.stop().await;
}
