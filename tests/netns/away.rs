//! People who are never on together, and the mailbox between them.

use std::path::Path;
use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::lab::{Lab, pass};
use crate::person::{Person, prekeys_kept};
use crate::talk::{Talk, befriend, meet};

const WAIT_MAX: Duration = Duration::from_secs(90);

pub(crate) fn what_is_left_at_a_mailbox_arrives_and_the_mailbox_can_read_none_of_it() {
    let Some(mut lab) = Lab::for_test("a mailbox between two who are never on together") else { return };
    for name in ["alice-liddell", "bob-dodgson", "mailbox"] {
        lab.switched_host(name);
    }
    let mut mailbox = Person::start(&lab, "mailbox", &["--mailbox"]);
    let [mut alice, mut bob] = ["alice-liddell", "bob-dodgson"].map(|name| Person::start(&lab, name, &[]));
    let link = mailbox.text_of(&["mailbox", "link"], "link");
    for person in [&alice, &bob] {
        person.says(&["mailbox", "use", &link]);
        person.until("the mailbox", |_| person.says(&["mailbox", "list"])["opened_at_ms"].is_u64());
    }
    befriend(&[&alice, &bob]);
    meet(&[&alice, &bob]);
    let mut talk = Talk::begin(&[&alice, &bob]);
    let mut secrets: Vec<Vec<u8>> = [&alice, &bob].into_iter().flat_map(names_and_keys).collect();
    bob.exit();

    let mut ids = Vec::new();
    for number in 0..5 {
        let text = format!("curiouser and curiouser {number}");
        let sent = alice.says(&["send", &talk.id, &text, "--wait", "stored", "--timeout", "60"]);
        let id = sent["message"].as_str().unwrap().to_owned();
        assert_eq!(alice.text_of(&["show", &id], "state"), "stored");
        ids.push(id);
        secrets.push(text.clone().into_bytes());
        talk.was_said(&text);
    }
    alice.exit();
    let conversation = HEXLOWER.decode(talk.id.as_bytes()).unwrap();
    secrets.extend([talk.id.clone().into_bytes(), conversation, b"curiouser".to_vec()]);
    // What lies there now: the database and its log, beside whatever else.
    assert_eq!(traces(mailbox.home(), &secrets), 0, "the mailbox holds what can be read");
    assert!(traces(alice.home(), &secrets) > 0, "nothing is found where it must be: the search is wrong");

    bob.start_again(&lab);
    let came = |who: &Person, text: &str| talk.read_by(who).iter().any(|line| line["text"] == text);
    until("bob has the last one", || came(&bob, "curiouser and curiouser 4"));
    bob.says(&["send", &talk.id, "off with her head", "--wait", "stored", "--timeout", "60"]);
    talk.was_said("off with her head");
    bob.exit();
    alice.start_again(&lab);
    until("alice has the answer", || talk.read_by(&alice).iter().any(|line| line["text"] == "off with her head"));
    for id in &ids {
        until("alice knows that bob has it", || alice.text_of(&["show", id], "state") == "delivered");
    }
    bob.start_again(&lab);
    talk.settles(&[&alice, &bob], WAIT_MAX);
    secrets.push(b"off with her head".to_vec());
    assert_eq!(traces(mailbox.home(), &secrets), 0, "the mailbox holds what can be read");
    mailbox.exit();
    assert_eq!(traces(mailbox.home(), &secrets), 0, "the mailbox holds what can be read");
}

/// Alice has a group with Carol, and Bob's link; Bob has hers. The two are never on together, not once: he is added, written
/// to, and in, by what he left at his mailbox, and she leaves there for him.
pub(crate) fn who_is_never_on_together_with_the_others_is_added_and_reads_what_was_written_to_him() {
    let Some(mut lab) = Lab::for_test("adding somebody who is away and was never met") else { return };
    for name in ["alice-liddell", "bob-dodgson", "carol-lewis", "mailbox"] {
        lab.switched_host(name);
    }
    let mut mailbox = Person::start(&lab, "mailbox", &["--mailbox"]);
    let [mut alice, mut carol] = ["alice-liddell", "carol-lewis"].map(|name| Person::start(&lab, name, &[]));
    befriend(&[&alice, &carol]);
    meet(&[&alice, &carol]);
    // They have met and have each other's key packages: the group is hybrid.
    let direct = alice.text_of(&["new", &carol.name], "conversation");
    alice.says(&["send", &direct, "are you there?", "--wait", "delivered", "--timeout", "120"]);
    let club = alice.text_of(&["new", &carol.name, "--name", "Club"], "conversation");
    alice.says(&["send", &club, "the first", "--wait", "delivered", "--timeout", "120"]);
    let hers = alice.text_of(&["card"], "link");
    let mut secrets: Vec<Vec<u8>> = [&alice, &carol].into_iter().flat_map(names_and_keys).collect();
    let link = mailbox.text_of(&["mailbox", "link"], "link");
    alice.exit();

    let mut bob = Person::start(&lab, "bob-dodgson", &[]);
    bob.says(&["mailbox", "use", &link]);
    bob.until("the mailbox", |_| bob.says(&["mailbox", "list"])["opened_at_ms"].is_u64());
    bob.says(&["add", &hers]);
    until("he left what others need to add him", || prekeys_kept(mailbox.home()) == 1);
    let his = bob.text_of(&["card"], "link");
    secrets.extend(names_and_keys(&bob));
    bob.exit();

    alice.start_again(&lab);
    alice.says(&["add", &his]);
    let members = alice.lines(&["members", &club, "--add", &bob.name]);
    assert!(members.iter().any(|member| member["name"] == bob.name.as_str()), "{members:?}");
    alice.says(&["send", &club, "curiouser and curiouser"]);
    let both = alice.text_of(&["new", &bob.name], "conversation");
    alice.says(&["send", &both, "off with her head", "--wait", "stored", "--timeout", "60"]);
    // What was sent before that lies there too: it goes in order.
    for person in [&mut alice, &mut carol] {
        person.exit();
    }
    secrets.extend([b"curiouser and curiouser".to_vec(), b"off with her head".to_vec()]);
    assert_eq!(traces(mailbox.home(), &secrets), 0, "the mailbox holds what can be read");
    assert!(traces(alice.home(), &secrets) > 0, "nothing is found where it must be: the search is wrong");

    bob.start_again(&lab);
    let came =
        |conversation: &str, text: &str| bob.lines(&["read", conversation]).iter().any(|line| line["text"] == text);
    until("bob is in the group", || bob.lines(&["list"]).iter().any(|line| line["conversation"] == club.as_str()));
    until("bob reads what was said there", || came(&club, "curiouser and curiouser"));
    until("bob reads what was said to him", || came(&both, "off with her head"));
    mailbox.exit();
    assert_eq!(traces(mailbox.home(), &secrets), 0, "the mailbox holds what can be read");
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..WAIT_MAX.as_secs() * 5 {
        if is_so() {
            return;
        }
        pass(Duration::from_millis(200));
    }
    panic!("waited too long until {what}");
}

/// The name and the keys of a person, as they may lie in a file. The keys stand in the certificate, which follows the name
/// on the card (PROTOCOL §1.4, §1.5).
fn names_and_keys(person: &Person) -> Vec<Vec<u8>> {
    let account = person.text_of(&["status"], "account");
    let link = person.text_of(&["card"], "link");
    let card = BASE64URL_NOPAD.decode(link.rsplit('/').next().unwrap().as_bytes()).unwrap();
    let certificate = 1 + 32 + 8 + 4 + person.name.len() + 2;
    let keys: Vec<Vec<u8>> =
        (0..4).map(|key| card[certificate + 1 + 32 * key..certificate + 33 + 32 * key].to_vec()).collect();
    assert_eq!(keys[0], card[1..33], "a certificate begins with the account's key");
    let mut found = vec![person.name.clone().into_bytes(), HEXLOWER.decode(account.as_bytes()).unwrap()];
    found.push(account.into_bytes());
    found.extend(keys);
    found
}

/// How often any of these stands in a file of a home, its database decrypted.
fn traces(home: &Path, secrets: &[Vec<u8>]) -> usize {
    let files = home.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut contents: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).unwrap()).collect();
    let key = tidings_tests::home::key(home).unwrap();
    contents.push(tidings_tests::home::pages(&home.join("tidings.db"), &key).unwrap());
    let found = |secret: &Vec<u8>| contents.iter().filter(|content| holds(content, secret)).count();
    secrets.iter().map(found).sum()
}

fn holds(content: &[u8], wanted: &[u8]) -> bool {
    assert!(wanted.len() >= 8, "too short to look for");
    content.windows(wanted.len()).any(|window| window == wanted)
}
