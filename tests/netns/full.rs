//! A disk that is full under a real node, and has room again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, pass, report, succeed};
use crate::person::Person;
use crate::talk::{Talk, befriend, meet};

const WAIT_MAX: Duration = Duration::from_secs(90);
/// As much as fits on the disk; a home begins with about one.
const DISK: &str = "size=12m";
const SENTENCE: &str = "the disk is full, so nothing was accepted or changed";

/// A small disk of its own, which goes with the test.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tidings-disk-").tempdir().unwrap();
        succeed(Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tidings-test"]).arg(folder.path()));
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("something-else")
    }

    /// Somebody else takes all that is left.
    fn fill(&self) {
        let mut file = std::fs::File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [64 * 1024, 4096] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.folder.path()).output());
    }
}

pub(crate) fn a_full_disk_refuses_in_words_loses_nothing_and_goes_on_by_itself() {
    let Some(mut lab) = Lab::for_test("a full disk under a real node") else { return };
    for name in ["alice", "bob"] {
        lab.switched_host(name);
    }
    let disk = SmallDisk::new();
    let alice = Person::start_at(&lab, "alice", &[], disk.path());
    let bob = Person::start(&lab, "bob", &[]);
    befriend(&[&alice, &bob]);
    meet(&[&alice, &bob]);
    let mut talk = Talk::begin(&[&alice, &bob]);
    for _ in 0..3 {
        talk.say(&alice);
        talk.say(&bob);
    }
    talk.settles(&[&alice, &bob], WAIT_MAX);

    disk.fill();
    // What has room in the log still is accepted, and kept.
    let mut accepted = 0;
    loop {
        let text = format!("into what is left {accepted} {}", "words ".repeat(1_000)).trim_end().to_owned();
        let sent = alice.command(&["send", &talk.id, &text]).output().unwrap();
        if !sent.status.success() {
            let why = String::from_utf8_lossy(&sent.stderr).into_owned();
            assert!(why.contains(SENTENCE), "{why}");
            break;
        }
        talk.was_said(&text);
        accepted += 1;
        assert!(accepted < 2_000, "the disk is not full");
        disk.fill();
    }
    report(&format!("a full disk: {accepted} messages were accepted before the first was refused"));
    assert_eq!(alice.says(&["status"])["disk_full"], true);
    let acknowledged = talk.read_by(&alice).len();
    assert_eq!(acknowledged, talk.len(), "something that was acknowledged is not there");
    let finding = finding(&alice, "disk");
    assert!(finding["says"].as_str().unwrap().starts_with("Nothing can be written"), "{finding}");
    assert_eq!(finding["verdict"], "bad", "{finding}");
    assert!(finding["advice"].as_str().unwrap().to_lowercase().contains("make room"), "{finding}");

    // What others write waits with them.
    let texts: Vec<String> = (0..3).map(|number| format!("while it is full {number}")).collect();
    for text in &texts {
        bob.says(&["send", &talk.id, text]);
        talk.was_said(text);
    }
    pass(Duration::from_secs(3));
    let came = talk.read_by(&alice);
    let waiting = talk.read_by(&bob).into_iter().filter(|line| line["state"] == "queued").count();
    let missing = texts.iter().filter(|text| !came.iter().any(|line| line["text"] == text.as_str())).count();
    assert_eq!(waiting, missing, "bob knows what did not arrive");

    disk.make_room();
    talk.settles(&[&alice, &bob], WAIT_MAX);
    alice.until("room", |status| status["disk_full"] != true);
    talk.say(&alice);
    talk.settles(&[&alice, &bob], WAIT_MAX);
    // It is small, and named for that; but it can be written.
    let says = self::finding(&alice, "disk")["says"].as_str().unwrap().to_owned();
    assert!(says.starts_with("The disk is full but for"), "{says}");
}

/// What `doctor` says of this.
#[track_caller]
pub(crate) fn finding(person: &Person, check: &str) -> Value {
    let said = findings(person);
    said.iter()
        .find(|finding| finding["check"] == check)
        .unwrap_or_else(|| panic!("nothing of {check}: {said:?}"))
        .clone()
}

/// All that `doctor` says; it ends with an error where something does not work.
#[track_caller]
pub(crate) fn findings(person: &Person) -> Vec<Value> {
    let output = person.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    lines.into_iter().flat_map(|line| line.as_array().cloned().unwrap_or_else(|| vec![line])).collect()
}
