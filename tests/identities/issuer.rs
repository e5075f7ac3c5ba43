//! Signing in at an issuer.

use serde_json::{Value, json};
use tidings_node::providers::{Answered, AskError, Http, Issuer, Program, SignInError};
use zeroize::Zeroizing;

use crate::servers::{Servers, claims, wanted};

fn tidings() -> Program {
    Program { id: "tidings".to_owned(), secret: None }
}

#[tokio::test]
async fn who_signs_in_at_an_issuer_gets_an_id_token_with_the_nonce() {
    let Some(mut servers) = Servers::for_test("signing in at an issuer") else { return };
    let http = Http::new().unwrap();
    let issuer = Issuer::discover(&http, &servers.issuer).await.unwrap();
    for (number, client, algorithm) in [(1, "tidings", "RS256"), (2, "tidings-ec", "ES256")] {
        let program = Program { id: client.to_owned(), secret: None };
        let begun = issuer.begin(&program, "the-nonce", wanted(number));
        let answered = servers.visit(&begun.url, "ada@example.test");
        assert_eq!(answered.issuer.as_deref(), Some(servers.issuer.as_str()));
        let tokens = issuer.finish(&http, &program, begun, &answered).await.unwrap();
        let claims = claims(&tokens.id_token);
        assert_eq!(claims["iss"], servers.issuer.as_str());
        assert_eq!((&claims["aud"], &claims["nonce"]), (&json!(client), &json!("the-nonce")));
        assert_eq!((&claims["email"], &claims["email_verified"]), (&json!("ada@example.test"), &json!(true)));
        let keys: Value = serde_json::from_slice(&issuer.keys(&http).await.unwrap().json).unwrap();
        assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["alg"] == algorithm), "{keys}");
    }
}

#[tokio::test]
async fn an_answer_to_another_sign_in_or_of_another_issuer_is_refused_before_anything_is_asked() {
    let Some(mut servers) = Servers::for_test("answers to another sign-in") else { return };
    let http = Http::new().unwrap();
    let issuer = Issuer::discover(&http, &servers.issuer).await.unwrap();
    let answer = |code: &str, state: String, issuer: Option<&str>| Answered {
        code: Zeroizing::new(code.to_owned()),
        state,
        issuer: issuer.map(str::to_owned),
    };
    let asked = servers.order("asked", &json!({}))["issuer"].as_array().unwrap().len();
    let begun = issuer.begin(&tidings(), "n", wanted(1));
    let other = answer("code", wanted(2).state, None);
    assert_eq!(issuer.finish(&http, &tidings(), begun, &other).await.err(), Some(SignInError::AnotherSignIn));
    let begun = issuer.begin(&tidings(), "n", wanted(1));
    let other = answer("code", wanted(1).state, Some("https://accounts.evil.example"));
    assert_eq!(issuer.finish(&http, &tidings(), begun, &other).await.err(), Some(SignInError::AnotherIssuer));
    assert_eq!(servers.order("asked", &json!({}))["issuer"].as_array().unwrap().len(), asked);
}

#[tokio::test]
async fn a_code_is_good_once_and_only_with_its_verifier() {
    let Some(mut servers) = Servers::for_test("codes that are used twice") else { return };
    let http = Http::new().unwrap();
    let issuer = Issuer::discover(&http, &servers.issuer).await.unwrap();
    let refused = |error: Option<SignInError>| {
        assert!(
            matches!(&error, Some(SignInError::Refused { reason, .. }) if reason.contains("invalid_grant")),
            "{error:?}"
        );
    };
    let begun = issuer.begin(&tidings(), "n", wanted(1));
    let answered = servers.visit(&begun.url, "ada@example.test");
    issuer.finish(&http, &tidings(), begun, &answered).await.unwrap();
    let again = issuer.begin(&tidings(), "n", wanted(1));
    refused(issuer.finish(&http, &tidings(), again, &answered).await.err());

    let begun = issuer.begin(&tidings(), "n", wanted(1));
    let answered = servers.visit(&begun.url, "ada@example.test");
    let mut stolen = wanted(1);
    stolen.verifier = wanted(3).verifier;
    let stolen = issuer.begin(&tidings(), "n", stolen);
    refused(issuer.finish(&http, &tidings(), stolen, &answered).await.err());
}

#[tokio::test]
async fn an_issuers_keys_turn_over() {
    let Some(mut servers) = Servers::for_test("an issuer whose keys turn over") else { return };
    let http = Http::new().unwrap();
    let issuer = Issuer::discover(&http, &servers.issuer).await.unwrap();
    let before = issuer.keys(&http).await.unwrap();
    assert_eq!(issuer.keys(&http).await.unwrap(), before);
    servers.order("rotate_issuer", &json!({}));
    let after = issuer.keys(&http).await.unwrap();
    let names = |keys: &[u8]| {
        let keys: Value = serde_json::from_slice(keys).unwrap();
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(names(&after.json).iter().all(|name| !names(&before.json).contains(name)), "an old key is still there");
}

#[tokio::test]
async fn a_server_that_is_no_issuer_or_another_one_is_told_apart() {
    let Some(servers) = Servers::for_test("servers that are no issuers") else { return };
    let http = Http::new().unwrap();
    let discover = async |name: &str| Issuer::discover(&http, name).await.err().unwrap();
    assert!(matches!(discover(&servers.github).await, AskError::Refused { status: 404, .. }));
    // The same server, by a name that it does not give itself.
    let port = servers.issuer.rsplit_once(':').unwrap().1;
    assert!(matches!(discover(&format!("http://localhost:{port}")).await, AskError::Unexpected { .. }));
    assert!(matches!(discover("http://127.0.0.1:1").await, AskError::Unreachable { .. }));
    assert!(matches!(discover("http://accounts.example").await, AskError::NotSecure(_)));
    // A server that speaks no TLS.
    assert!(matches!(discover(&servers.issuer.replace("http:", "https:")).await, AskError::Unreachable { .. }));
}
