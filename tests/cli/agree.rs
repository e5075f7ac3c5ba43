//! Whether several homes show the same conversation.

use std::time::{Duration, Instant};

use serde_json::Value;

/// Everything must have come to rest within this time.
const PATIENCE: Duration = Duration::from_mins(2);

/// What one home shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    home: String,
    /// Accounts with their roles.
    members: Vec<(String, String)>,
    /// Every message and line: its id, and its words as they are the same for everybody.
    transcript: Vec<(String, String)>,
}

impl Look {
    /// From the lines of `members --json` and `read --json`.
    pub(crate) fn of(home: &str, members: &str, read: &str) -> Self {
        let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let parsed =
            |lines: &str| -> Vec<Value> { lines.lines().filter_map(|l| serde_json::from_str(l).ok()).collect() };
        let mut members: Vec<_> = parsed(members).iter().map(|m| (text(m, "account"), text(m, "role"))).collect();
        members.sort_unstable();
        // A line about the group is told from the reader's side, so only that it is there can be the same.
        let words = |m: &Value| if m["kind"] == "system" { "system".to_owned() } else { text(m, "text") };
        let transcript = parsed(read).iter().map(|m| (text(m, "message"), words(m))).collect();
        Self { home: home.to_owned(), members, transcript }
    }

    /// Why the two are not the same; a home that joined later has only the end of the transcript.
    fn differs(&self, other: &Self) -> Option<String> {
        if self.members != other.members {
            return Some(format!("members {:?} at {}, {:?} at {}", self.members, self.home, other.members, other.home));
        }
        let same = self.transcript.iter().rev().zip(other.transcript.iter().rev()).all(|(one, other)| one == other);
        let differs = || format!("{:#?} at {}, {:#?} at {}", self.transcript, self.home, other.transcript, other.home);
        (!same).then(differs)
    }
}

/// Looks again and again until all are the same, and were so twice in a row.
#[expect(clippy::disallowed_methods, reason = "it looks at running programs until they agree, with a limit")]
pub(crate) fn wait(look: impl Fn() -> Result<Vec<Look>, String>) -> Result<(), String> {
    let began = Instant::now();
    let mut agreed = None;
    loop {
        let looks = look()?;
        let first = looks.first().ok_or("nobody to agree")?;
        if first.members.is_empty() && began.elapsed() > PATIENCE {
            return Err("there are no members".to_owned());
        }
        match looks.iter().find_map(|other| first.differs(other)) {
            None if !first.members.is_empty() && agreed.as_ref() == Some(&looks) => return Ok(()),
            None => agreed = Some(looks),
            Some(difference) if began.elapsed() > PATIENCE => return Err(format!("they do not agree: {difference}")),
            Some(_) => agreed = None,
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_home_that_joined_later_agrees_with_the_end_of_what_the_others_have() {
    let members = r#"{"account":"aa","name":"A","role":"owner","nodes":1,"me":true}"#;
    let line = |id: &str, text: &str| format!(r#"{{"message":"{id}","text":"{text}","kind":"text"}}"#);
    let look = |home, lines: &[String]| Look::of(home, members, &lines.join("\n"));
    let all = look("all", &[line("01", "one"), line("02", "two"), line("03", "three")]);
    assert_eq!(all.differs(&look("end", &[line("02", "two"), line("03", "three")])), None);
    assert!(all.differs(&look("order", &[line("03", "three"), line("02", "two")])).is_some());
    assert!(all.differs(&look("begin", &[line("01", "one"), line("02", "two")])).is_some());
    assert!(all.differs(&Look::of("members", "", "")).is_some());
}
