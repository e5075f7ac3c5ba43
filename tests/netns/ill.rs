//! `doctor` on real nodes that something is wrong with: it is named, with what to do.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};

use crate::full::{finding, findings};
use crate::lab::{Lab, Nat, pass};
use crate::person::{Person, has_circuit};

/// Waits until `doctor` says this of that, with what to do wherever something is wrong.
#[track_caller]
pub(crate) fn says(person: &Person, check: &str, verdict: &str, words: &str) {
    const TRIES_MAX: u32 = 40;
    let mut last = Vec::new();
    for _ in 0..TRIES_MAX {
        last = findings(person);
        let holds = |text: &serde_json::Value| text.as_str().is_some_and(|text| text.contains(words));
        let found = last.iter().find(|one| one["check"] == check && one["verdict"] == verdict && holds(&one["says"]));
        if let Some(found) = found {
            let advice = found["advice"].as_str().unwrap_or_default();
            assert!(verdict == "good" || !advice.is_empty(), "nothing is advised: {found}");
            return;
        }
        pass(Duration::from_millis(500));
    }
    panic!("{} is not told of {check}, {verdict}, '{words}': {last:#?}", person.name);
}

pub(crate) fn the_doctor_names_who_is_gone_and_what_a_router_does() {
    let Some(mut lab) = Lab::for_test("the doctor beside real nodes that go away") else { return };
    lab.public_host("carol");
    lab.public_host("dave");
    lab.host_behind("ada", Nat::Symmetric);
    let mut carol = Person::start(&lab, "carol", &["--relay", "--mailbox"]);
    let ada = Person::start(&lab, "ada", &[]);
    let dave = Person::start(&lab, "dave", &[]);

    // Nobody is there at all.
    says(&dave, "clock", "note", "Nobody is connected");
    says(&dave, "mailbox", "note", "Nobody keeps envelopes for you");

    ada.says(&["add", &carol.text_of(&["card"], "link")]);
    carol.says(&["add", &ada.text_of(&["card"], "link")]);
    ada.says(&["mailbox", "use", &carol.text_of(&["mailbox", "link"], "link")]);
    ada.until("a place at the relay", has_circuit);
    says(&ada, "clock", "good", "agrees with");
    says(&ada, "relay", "good", "carol");
    says(&ada, "mailbox", "good", "took a test envelope and gave it back");

    carol.exit();
    ada.until("that she is gone", |status| status["peers"].as_array().is_some_and(Vec::is_empty));
    says(&ada, "mailbox", "bad", "cannot be reached now");
    // One who is alone behind a router cannot know what that does.
    says(&ada, "reachability", "note", "Nobody outside has tried to reach this node");
    says(&ada, "clock", "note", "Nobody is connected");

    // A mailbox that is one no more says so.
    carol.start_without(&lab, "--mailbox");
    says(&ada, "mailbox", "bad", "does not keep envelopes for you");
    says(&ada, "relay", "good", "carol");
}

pub(crate) fn the_doctor_names_a_damaged_database() {
    let Some(mut lab) = Lab::for_test("the doctor on a damaged database") else { return };
    lab.public_host("erin");
    let mut erin = Person::start(&lab, "erin", &[]);
    assert_eq!(finding(&erin, "database")["verdict"], "good");
    erin.exit();
    damage(erin.home());
    erin.start_again(&lab);
    says(&erin, "database", "bad", "damaged");
}

/// Writes nonsense over a page that a node reads late: where the sessions of browsers stand.
fn damage(home: &Path) {
    let file = home.join("tidings.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (page, size): (i64, i64) = runtime.block_on(async {
        let options = tidings_tests::home::database(home).unwrap();
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        let found =
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size()) + 0 FROM sqlite_schema WHERE name = 'session'";
        let found = sqlx::query_as(found).fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        found
    });
    let database = std::fs::File::options().write(true).open(file).unwrap();
    let at = u64::try_from((page - 1) * size).unwrap();
    database.write_all_at(&[0xdb; 64], at + 100).unwrap();
    database.write_all_at(&[0xdb], at).unwrap();
    database.sync_all().unwrap();
}
