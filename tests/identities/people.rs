//! People who prove who they are elsewhere, with real nodes, the real program and a real issuer.

use serde_json::{Value, json};

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

/// A mail of Ada's to herself, as her provider signs and delivers it.
fn delivered(servers: &mut Servers, subject: &str, more: &Value) -> String {
    let mut mail = json!({ "from": "ada@example.test", "to": "ada@example.test", "subject": subject });
    mail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    servers.order("signed", &mail).as_str().unwrap().to_owned()
}

/// The header of the signature goes to where the next one begins.
fn without_signature(mail: &str) -> String {
    let mut is_signature = false;
    let stays = |line: &&str| {
        is_signature = line.starts_with("DKIM-Signature") || (is_signature && line.starts_with([' ', '\t']));
        !is_signature
    };
    mail.split("\r\n").filter(stays).collect::<Vec<_>>().join("\r\n")
}

fn subject(person: &Person) -> String {
    person.says(&["identity", "mail"])[0]["subject"].as_str().unwrap().to_owned()
}

#[test]
fn an_address_is_proved_by_a_signed_mail_and_outlives_the_domains_key() {
    let Some(mut servers) = Servers::for_test("addresses proved by mail") else { return };
    let ada = Person::start_asking("Ada", &servers);
    let (bob, carol) = (Person::start_asking("Bob", &servers), Person::start("Carol"));
    ada.meets(&bob);
    ada.meets(&carol);
    let wanted = subject(&ada);
    assert_eq!(subject(&ada), wanted, "the mail may take a day");
    let mail = delivered(&mut servers, &wanted, &json!({}));
    // Mail programs on this machine end lines their own way.
    let linked = ada.brings(&mail.replace("\r\n", "\n"));
    assert_eq!(linked.code, 0, "{}", linked.sentence);
    let linked = &linked.lines[0];
    assert_eq!((&linked["standing"], &linked["kind"]), (&"verified".into(), &"mail".into()));
    assert_eq!((&linked["email"], linked.get("issuer")), (&"ada@example.test".into(), None));
    assert_ne!(subject(&ada), wanted, "the next address has a subject of its own");

    let offline = ["identity", "verify", "Ada", "--offline"];
    bob.until_says(&offline, "the proof", |said| standing(said) == ["carried"]);
    // What is only carried leads nobody to her, and what somebody calls themself leads nobody to them.
    let mallory = Person::start_with("ada@example.test", &[]);
    bob.adds(&mallory);
    let unknown = bob.tries(&["send", "ada@example.test", "hello"]);
    assert!(unknown.sentence.contains("of no contact it is verified here"), "{}", unknown.sentence);
    assert_eq!(standing(&bob.says(&["identity", "verify", "Ada"])), ["verified"]);
    bob.says(&["send", "Ada@Example.test", "hello"]);
    assert_eq!(bob.says(&["read", "Ada"]).last().unwrap()["text"], "hello");
    // The domain goes over to another key, and then is gone: who saw the key still verifies, and who never met the domain has
    // the key that came with the mail.
    servers.order("rotate_mail", &json!({}));
    carol.until_says(&offline, "the proof", |said| standing(said) == ["carried"]);
    drop(servers);
    let seen = bob.says(&offline);
    assert_eq!((standing(&seen), &seen[0]["email"]), (vec!["verified"], &linked["email"]));
    assert_eq!(carol.says(&offline)[0]["email"], "ada@example.test");
    assert_eq!(bob.tries(&["identity", "verify", "Ada"]).code, 1, "nobody answers for the domain");

    ada.says(&["identity", "unlink", linked["identity"].as_str().unwrap()]);
    bob.until_says(&offline, "the withdrawal", <[Value]>::is_empty);
}

#[test]
fn a_mail_that_proves_nothing_is_refused_with_its_reason() {
    let Some(mut servers) = Servers::for_test("mails that prove nothing") else { return };
    let (ada, eve) = (Person::start_asking("Ada", &servers), Person::start_asking("Eve", &servers));
    let (wanted, of_eve) = (subject(&ada), subject(&eve));
    assert_ne!(wanted, of_eve);
    let good = delivered(&mut servers, &wanted, &json!({}));
    let cases = [
        (delivered(&mut servers, &of_eve, &json!({})), "the proof was made for another account key"),
        (delivered(&mut servers, "Lunch?", &json!({})), "the mail's subject is not that of a proof"),
        (
            delivered(&mut servers, &wanted, &json!({ "from": "ada@elsewhere.test" })),
            "is not signed by the domain of its sender",
        ),
        (delivered(&mut servers, &wanted, &json!({ "headers": { "In-Reply-To": "<a@b>" } })), "the mail is an answer"),
        (good.replace("Sent by hand.", "Sent by Eve."), "the text of the mail is not what its domain signed"),
        (good.replace("From: ada@example.test", "From: eve@example.test"), "the domain did not sign the mail"),
        (without_signature(&good), "the mail is not signed by any domain"),
        ("not a mail at all".to_owned(), "that proves nothing"),
        (format!("{good}{}", "x".repeat(70_000)), "at most 64 KiB"),
    ];
    for (mail, reason) in cases {
        let said = ada.brings(&mail);
        assert_eq!((said.code, said.lines.len()), (1, 0), "{reason}: {}", said.sentence);
        assert!(said.sentence.contains(reason), "{reason}: {}", said.sentence);
    }
    // A mail of a year ago, and one whose key the domain does not publish any more.
    let old = delivered(&mut servers, &wanted, &json!({ "date": "2020-01-01T00:00:00Z" }));
    assert_eq!(ada.brings(&old).code, 1);
    servers.order("rotate_mail", &json!({}));
    let gone = ada.brings(&good);
    assert!(gone.code == 1 && gone.sentence.contains("s1._domainkey.example.test has no record"), "{}", gone.sentence);
    assert!(ada.says(&["identity", "list"]).is_empty());
    // Eve's own subject in Ada's mail binds Ada's address to nobody but Eve, and only Ada can send that mail.
    assert_eq!(eve.brings(&good).code, 1);
}
