//! Signing in at GitHub, and what is published there.

use serde_json::json;
use tidings_node::providers::{AskError, GitHub, GitHubUser, Http, Program, SignInError};
use zeroize::Zeroizing;

use crate::servers::{Servers, wanted};

fn program(servers: &Servers) -> Program {
    let (id, secret) = servers.github_client.clone();
    Program { id, secret: Some(Zeroizing::new(secret)) }
}

#[tokio::test]
async fn who_signs_in_at_github_is_known_by_a_number_that_stays() {
    let Some(mut servers) = Servers::for_test("signing in at GitHub") else { return };
    let (http, github) = (Http::new().unwrap(), GitHub::new(&servers.github, &servers.github).unwrap());
    servers.order("user", &json!({ "login": "ada", "id": 1815 }));
    let begun = github.begin(&program(&servers), wanted(1)).unwrap();
    let answered = servers.visit(&begun.url, "ada");
    let user = github.finish(&http, &program(&servers), begun, &answered).await.unwrap();
    assert_eq!(user, GitHubUser { id: 1815, login: "ada".to_owned() });
    servers.order("rename", &json!({ "login": "ada", "name": "countess" }));
    assert_eq!(github.user(&http, 1815).await.unwrap().login, "countess");
    assert!(matches!(github.user(&http, 1816).await, Err(AskError::Refused { status: 404, .. })));
}

#[tokio::test]
async fn what_github_refuses_it_tells_with_status_200_and_it_is_a_refusal_all_the_same() {
    let Some(mut servers) = Servers::for_test("what GitHub refuses") else { return };
    let (http, github) = (Http::new().unwrap(), GitHub::new(&servers.github, &servers.github).unwrap());
    servers.order("user", &json!({ "login": "ada", "id": 1815 }));
    let right = program(&servers);
    let wrong = Program { secret: Some(Zeroizing::new("guessed".to_owned())), ..right.clone() };
    for (program, verifier, reason) in [
        (&wrong, wanted(1).verifier, "incorrect_client_credentials"),
        (&right, wanted(2).verifier, "bad_verification_code"),
    ] {
        let begun = github.begin(&right, wanted(1)).unwrap();
        let answered = servers.visit(&begun.url, "ada");
        let mut other = wanted(1);
        other.verifier = verifier;
        let other = github.begin(program, other).unwrap();
        let error = github.finish(&http, program, other, &answered).await.unwrap_err();
        assert!(matches!(&error, SignInError::Refused { reason: told, .. } if told == reason), "{error:?}");
        assert!(!error.to_string().contains("guessed"));
    }
}

#[tokio::test]
async fn what_somebody_published_is_there_for_everybody() {
    let Some(mut servers) = Servers::for_test("what is published at GitHub") else { return };
    let (http, github) = (Http::new().unwrap(), GitHub::new(&servers.github, &servers.github).unwrap());
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcqdbAnQyX3a1ZO2Fv9A4RQKmMfXj1aRVeYq3G8B9xF";
    servers.order("user", &json!({ "login": "ada", "id": 1815, "keys": [key] }));
    servers.order("gist", &json!({ "id": "beef", "owner": "ada", "files": { "tidings.txt": "a statement\n" } }));
    assert_eq!(github.signing_keys(&http, "ada").await.unwrap(), [key]);
    let (owner, files) = github.gist(&http, "beef").await.unwrap();
    assert_eq!((owner.id, files), (1815, vec!["a statement\n".to_owned()]));
    assert!(matches!(github.signing_keys(&http, "nobody").await, Err(AskError::Refused { status: 404, .. })));
    assert!(matches!(github.gist(&http, "../user/1815").await, Err(AskError::Refused { status: 404, .. })));
}
