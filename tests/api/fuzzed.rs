//! Every operation that the API's own document describes, called with what it describes and with what it does not.
//!
//! What is called comes from the document alone, so a new route is called as soon as it is described. The same seed
//! makes the same requests: `TIDINGS_API_SEED` and `TIDINGS_API_ROUNDS` choose others than `.ci/run`'s.

use std::env;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::json;

use crate::client::{Answer, Client, Reply};
use crate::home::{Home, ada_and_bob};
use crate::requests::{Known, Maker, Request};
use crate::schema::Document;

/// So often each operation is called.
const ROUNDS: u64 = 40;
/// One that makes a key of a passphrase or tests the network is called so many times less.
const SLOWER: u64 = 10;
/// What the node reads of a body: it hangs up on a longer one, and a client that still writes may not see the answer.
const BODY_BYTES_MAX: usize = 256 * 1024;
const SLOW: [&str; 2] = ["/api/v1/backup", "/api/v1/doctor"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_api_is_asked_it_answers_as_its_document_says() {
    let (seed, rounds) = (number("TIDINGS_API_SEED", 5), number("TIDINGS_API_ROUNDS", ROUNDS));
    let (ada, bob, conversation) = ada_and_bob().await;
    let document = Document::new(ada.socket().get("/api/v1/openapi.json").await.ok());
    let known = known(&ada, &bob, &conversation).await;
    let mut maker = Maker::new(&document, known, ChaCha20Rng::seed_from_u64(seed));
    let browser = ada.browser().await;
    let (mut done, mut refused) = (0_u64, 0_u64);
    for round in 0..rounds {
        for operation in document.operations() {
            let is_slow = SLOW.contains(&operation.path.as_str());
            if is_slow && !round.is_multiple_of(SLOWER) {
                continue;
            }
            // Signing out at the browser's door would end the test of that door.
            let ends_the_session = operation.path.ends_with("/sign-out");
            let (door, is_socket) = match round % 2 {
                1 if !ends_the_session => (&browser, false),
                _ => (&ada.socket(), true),
            };
            let request = maker.request(operation);
            let what = || format!("seed {seed}, round {round}, socket {is_socket}: {}", request.shown());
            let Some(answer) = asked(door, &request).await else {
                let bytes = request.body.as_ref().map_or(0, Vec::len);
                assert!(bytes > BODY_BYTES_MAX, "no answer to {}", what());
                continue;
            };
            let Answer::Whole(reply) = answer else {
                done += 1;
                continue;
            };
            assert!(reply.status < 500, "{} for {}", reply.status, what());
            if reply.status >= 400 {
                refused += 1;
                is_a_problem(&reply, &what());
                continue;
            }
            done += 1;
            let schema = operation.answer(reply.status);
            let schema = schema.unwrap_or_else(|| panic!("{} is not in the document: {}", reply.status, what()));
            if reply.header("content-type") == "application/json" {
                let body = reply.json();
                assert_eq!(document.differs(schema, &body), None, "{body} for {}", what());
                maker.learn(&body);
            }
        }
    }
    // A fuzzer that is always refused, or never, would prove nothing.
    assert!(done > rounds * 5 && refused > rounds * 5, "{done} done, {refused} refused");
    still_works(&ada, &bob).await;
    ada.stop().await;
    bob.stop().await;
}

/// A node that was asked all this still knows who it is, and its words still come through.
async fn still_works(ada: &Home, bob: &Home) {
    let status = ada.socket().get("/api/v1/status").await.ok();
    assert_eq!(status["account"], ada.account.as_str());
    // It may have been told to want nothing of Bob any more, which is no fault.
    ada.socket().delete(&format!("/api/v1/blocked/{}", bob.account)).await;
    let conversation = ada.conversation_with(bob).await;
    let mut events = bob.socket().events("/api/v1/events").await;
    ada.send(&conversation, "still here").await;
    events.wait_for(|event| event["message"]["text"] == "still here").await;
}

async fn asked(door: &Client, request: &Request) -> Option<Answer> {
    let client = request.headers.iter().fold(door.clone(), |client, (name, value)| client.with(name, value));
    client.asked(request.method, &request.target, request.body.clone()).await
}

#[track_caller]
fn is_a_problem(reply: &Reply, what: &str) {
    let status = reply.status;
    assert_eq!(reply.header("content-type"), "application/problem+json", "{status} for {what}");
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{problem} for {what}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.ends_with('.') && detail.len() > 10, "{problem} for {what}");
    assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{problem} for {what}");
}

/// What is there to be named.
async fn known(ada: &Home, bob: &Home, conversation: &str) -> Known {
    let message = ada.send(conversation, "the first").await;
    let group = json!({ "contacts": [bob.account], "name": "The choir" });
    let group = ada.socket().post("/api/v1/conversations", &group).await.ok();
    let group = group["conversation"].as_str().unwrap();
    let invites = format!("/api/v1/conversations/{group}/invites");
    let invite = ada.socket().post(&invites, &json!({})).await;
    let sung = ada.send(group, "la").await;
    let card = bob.socket().get("/api/v1/card").await.ok();
    let mut known = Known::default();
    for (name, value) in [
        ("conversation", conversation),
        ("conversation", group),
        ("account", &bob.account),
        ("account", &ada.account),
        ("contacts", &bob.account),
        ("message", message["message"].as_str().unwrap()),
        ("message", sung["message"].as_str().unwrap()),
        ("link", card["link"].as_str().unwrap()),
    ] {
        known.add(name, value);
    }
    if invite.status == 200 {
        known.add_all(&invite.json());
    }
    known
}

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
