//! People who prove who they are elsewhere, with real nodes, the real program and a real issuer.

use serde_json::Value;

use crate::person::Person;
use crate::servers::Servers;

/// Accepts what the issuer says to this program.
fn accepts(person: &Person, servers: &Servers, client: &str, more: &[&str]) {
    let accept = ["identity", "accept", &servers.issuer, "--client-id", client];
    person.says(&[&accept, more].concat());
}

fn standing(said: &[Value]) -> Vec<&str> {
    said.iter().map(|identity| identity["standing"].as_str().unwrap()).collect()
}

#[test]
fn a_proof_reaches_contacts_outlives_the_keys_and_the_issuer_and_can_be_taken_back() {
    let Some(mut servers) = Servers::for_test("proofs between people") else { return };
    let (ada, bob, carol) = (Person::start("Ada"), Person::start("Bob"), Person::start("Carol"));
    accepts(&ada, &servers, "tidings", &["--own"]);
    accepts(&bob, &servers, "tidings", &[]);
    accepts(&carol, &servers, "tidings", &[]);
    ada.meets(&bob);
    ada.meets(&carol);

    let linked = ada.links(&mut servers, "ada@example.test");
    assert_eq!(linked.code, 0, "{}", linked.sentence);
    let linked = &linked.lines[0];
    assert_eq!((&linked["standing"], &linked["email"]), (&"verified".into(), &"ada@example.test".into()));
    assert_eq!(linked["issuer"], servers.issuer.as_str());

    // Who never asked the issuer has the issuer's key from the proof alone, and says so.
    let offline = ["identity", "verify", "Ada", "--offline"];
    let seen = bob.until_says(&offline, "the proof", |said| standing(said) == ["carried"]);
    assert_eq!((&seen[0]["email"], &seen[0]["identity"]), (&linked["email"], &linked["identity"]));
    // Who asks has seen it.
    assert_eq!(standing(&bob.says(&["identity", "verify", "Ada"])), ["verified"]);

    // The issuer turns its keys over, and then is gone: nothing of this changes for who saw the key, and who never met the
    // issuer still verifies all but whose key it is.
    servers.order("rotate_issuer", &Value::Object(serde_json::Map::new()));
    assert_eq!(standing(&bob.says(&["identity", "verify", "Ada"])), ["verified"]);
    carol.until_says(&offline, "the proof", |said| standing(said) == ["carried"]);
    assert_eq!(standing(&carol.says(&["identity", "verify", "Ada"])), ["carried"], "the key is published no more");
    drop(servers);
    assert_eq!(standing(&bob.says(&offline)), ["verified"]);
    assert_eq!(standing(&carol.says(&offline)), ["carried"]);
    let asked = carol.tries(&["identity", "verify", "Ada"]);
    assert_eq!(asked.code, 1);
    assert!(asked.sentence.contains("was not reached"), "{}", asked.sentence);

    // Taken back, it is gone everywhere.
    ada.says(&["identity", "unlink", linked["identity"].as_str().unwrap()]);
    assert!(ada.says(&["identity", "list"]).is_empty());
    bob.until_says(&offline, "the withdrawal", <[Value]>::is_empty);
    carol.until_says(&offline, "the withdrawal", <[Value]>::is_empty);
}

#[test]
fn who_is_no_contact_is_not_given_a_proof() {
    let Some(mut servers) = Servers::for_test("proofs and strangers") else { return };
    let (ada, eve) = (Person::start("Ada"), Person::start("Eve"));
    accepts(&ada, &servers, "tidings", &["--own"]);
    accepts(&eve, &servers, "tidings", &[]);
    assert_eq!(ada.links(&mut servers, "ada@example.test").code, 0);
    eve.adds(&ada);
    let offline = ["identity", "verify", "Ada", "--offline"];
    eve.until_says(&["contacts"], "a connection", |all| all.iter().any(|contact| contact["online"] == true));
    assert_eq!(standing(&eve.says(&offline)), ["missing"], "her card names it, and she does not know Eve");
    assert_eq!(eve.says(&offline)[0].get("email"), None);
    ada.adds(&eve);
    eve.until_says(&offline, "the proof", |said| standing(said) == ["carried"]);
}

#[test]
fn what_proves_nothing_is_refused_with_its_reason_and_says_nothing() {
    let Some(mut servers) = Servers::for_test("proofs that prove nothing") else { return };
    let (ada, bob, carol) = (Person::start("Ada"), Person::start("Bob"), Person::start("Carol"));
    accepts(&ada, &servers, "tidings", &["--own"]);
    let refused = |said: &crate::person::Said, reason: &str| {
        assert_eq!((said.code, said.lines.len()), (1, 0), "{}", said.sentence);
        assert!(said.sentence.contains(reason), "{}", said.sentence);
    };

    // An address that the issuer has not verified, and one whose verification is a text.
    refused(&ada.links(&mut servers, "unverified@example.test"), "the issuer has not verified the e-mail address");
    refused(&ada.links(&mut servers, "texty@example.test"), "the issuer has not verified the e-mail address");
    // A browser that comes back with the answer to another sign-in, or that was refused there.
    let elsewhere = ada.links_with(|url| {
        let back = url.query_pairs().find(|(key, _)| key == "redirect_uri").unwrap().1.into_owned();
        format!("{back}?code=stolen&state=of-another").parse().unwrap()
    });
    refused(&elsewhere, "this sign-in is over or too old");
    let denied = ada.links_with(|url| {
        let back = url.query_pairs().find(|(key, _)| key == "redirect_uri").unwrap().1.into_owned();
        format!("{back}?error=access_denied").parse().unwrap()
    });
    refused(&denied, "the sign-in was refused there: access_denied");
    assert!(ada.says(&["identity", "list"]).is_empty());
    let unknown = ada.tries(&["identity", "link", "https://accounts.example"]);
    refused(&unknown, "this node knows no program of yours at that issuer");

    // A proof that holds for her proves nothing to who accepts another program, or not this issuer.
    assert_eq!(ada.links(&mut servers, "ada@example.test").code, 0);
    accepts(&bob, &servers, "another-program", &[]);
    ada.meets(&bob);
    ada.meets(&carol);
    let offline = ["identity", "verify", "Ada", "--offline"];
    let of_another = bob.until_says(&offline, "the proof", |said| standing(said) == ["refused"]);
    assert_eq!(of_another[0]["reason"], "the proof was issued to another program");
    assert_eq!(of_another[0].get("email"), None, "what is not proved is not told");
    let unaccepted = carol.until_says(&offline, "the proof", |said| standing(said) == ["refused"]);
    assert_eq!(unaccepted[0]["reason"], "the issuer is not one that this node accepts");
    // Accepted, it counts.
    accepts(&carol, &servers, "tidings", &[]);
    assert_eq!(standing(&carol.says(&["identity", "verify", "Ada"])), ["verified"]);
    carol.says(&["identity", "reject", &servers.issuer, "--client-id", "tidings"]);
    assert_eq!(standing(&carol.says(&offline)), ["refused"]);
}
