//! What people say to each other, and whether it came: each text once, in one order, with the right states.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{pass, report};
use crate::person::Person;

/// A conversation, and every text that was said in it.
pub(crate) struct Talk {
    pub(crate) id: String,
    said: Vec<String>,
}

/// Everybody has everybody's card.
pub(crate) fn befriend(people: &[&Person]) {
    let links: Vec<String> = people.iter().map(|person| person.text_of(&["card"], "link")).collect();
    for person in people {
        for (_, link) in people.iter().zip(&links).filter(|(other, _)| other.name != person.name) {
            person.says(&["add", link]);
        }
    }
}

/// Everybody is connected to everybody.
pub(crate) fn meet(people: &[&Person]) {
    for person in people {
        person.until("the others", |status| {
            status["peers"].as_array().is_some_and(|peers| peers.len() + 1 >= people.len())
        });
    }
}

impl Talk {
    /// The first starts it with the others; it goes on when a text went through to all of them.
    #[track_caller]
    pub(crate) fn begin(people: &[&Person]) -> Self {
        let mut words = vec!["new"];
        words.extend(people.iter().skip(1).map(|person| person.name.as_str()));
        if people.len() > 2 {
            words.extend(["--name", "Club"]);
        }
        let id = people[0].text_of(&words, "conversation");
        people[0].says(&["send", &id, "the first", "--wait", "delivered", "--timeout", "120"]);
        Self { id, said: vec!["the first".to_owned()] }
    }

    /// Somebody says something that nobody said before.
    #[track_caller]
    pub(crate) fn say(&mut self, who: &Person) {
        self.say_at_length(who, 0);
    }

    /// The same with so many bytes more.
    #[track_caller]
    pub(crate) fn say_at_length(&mut self, who: &Person, bytes: usize) {
        let text = self.next_text(who, bytes);
        who.says(&["send", &self.id, &text]);
    }

    /// Somebody says something, as often as it takes until a node that dies and comes back is known to have it.
    pub(crate) fn say_whatever_happens(&mut self, who: &Mutex<Person>, what: &str) {
        let text = format!("{what} by {}", who.lock().unwrap().name);
        let key = text.replace(' ', "-");
        let began = now();
        loop {
            let mut command = who.lock().unwrap().command(&["send", &self.id, &text, "--key", &key]);
            let output = command.output().unwrap();
            if output.status.success() {
                return self.said.push(text);
            }
            let why = String::from_utf8_lossy(&output.stderr);
            assert!(now() - began < Duration::from_mins(1), "{text}: nobody took it: {why}");
            pass(Duration::from_millis(200));
        }
    }

    /// Somebody said it already, in another way.
    pub(crate) fn was_said(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }

    fn next_text(&mut self, who: &Person, bytes: usize) -> String {
        let text = format!("{} by {} {}", self.said.len(), who.name, "words ".repeat(bytes / 6)).trim_end().to_owned();
        self.said.push(text.clone());
        text
    }

    pub(crate) fn len(&self) -> usize {
        self.said.len()
    }

    /// What somebody has of it, in order.
    #[track_caller]
    pub(crate) fn read_by(&self, who: &Person) -> Vec<Value> {
        let mut lines = who.lines(&["read", &self.id, "--limit", "5000", "--no-seen"]);
        lines.retain(|line| line["kind"] == "text");
        lines
    }

    /// Waits until all of these people have all of it and each author knows so; then nothing may be there twice, and the
    /// order is one. Says how long that took.
    #[track_caller]
    pub(crate) fn settles(&self, people: &[&Person], limit: Duration) -> Duration {
        let began = now();
        loop {
            let read: Vec<Vec<Value>> = people.iter().map(|person| self.read_by(person)).collect();
            let missing = people.iter().zip(&read).filter_map(|(person, lines)| self.missing(person, lines));
            let Some(missing) = missing.reduce(|one, other| format!("{one}; {other}")) else {
                let took = now() - began;
                self.is_one(people, &read);
                return took;
            };
            assert!(now() - began < limit, "after {limit:?}: {missing}");
            pass(Duration::from_millis(250));
        }
    }

    /// The same, where some came later: what they have is once there and in the order of the others, and what they wrote
    /// is delivered.
    #[track_caller]
    pub(crate) fn settle_among(&self, from_the_beginning: &[&Person], later: &[&Person], limit: Duration) {
        self.settles(from_the_beginning, limit);
        let order: Vec<Value> =
            self.read_by(from_the_beginning[0]).iter().map(|line| line["message"].clone()).collect();
        for person in later {
            let began = now();
            loop {
                let lines = self.read_by(person);
                let waits = lines.iter().filter(|line| line["state"] == "queued" || line["state"] == "stored").count();
                let has: BTreeSet<String> = lines.iter().map(|line| line["message"].to_string()).collect();
                if waits == 0 {
                    assert_eq!(has.len(), lines.len(), "{} has something twice", person.name);
                    let mut expected = order.clone();
                    expected.retain(|message| has.contains(&message.to_string()));
                    let got: Vec<Value> = lines.iter().map(|line| line["message"].clone()).collect();
                    assert_eq!(got, expected, "{} has another order", person.name);
                    break;
                }
                assert!(now() - began < limit, "{waits} messages of {} wait", person.name);
                pass(Duration::from_millis(250));
            }
        }
    }

    /// What a person lacks, or does not know to be delivered.
    fn missing(&self, person: &Person, lines: &[Value]) -> Option<String> {
        let texts: BTreeSet<&str> = lines.iter().filter_map(|line| line["text"].as_str()).collect();
        let lacks: Vec<&str> = self.said.iter().map(|text| text.trim()).filter(|text| !texts.contains(text)).collect();
        let account = person.text_of(&["status"], "account");
        let waits = lines.iter().filter(|line| {
            line["sender"] == account.as_str() && !["delivered", "seen"].contains(&line["state"].as_str().unwrap_or(""))
        });
        let waits: Vec<String> =
            waits.map(|line| format!("{} is {}", line["text"], line["state"].as_str().unwrap_or(""))).collect();
        let name = &person.name;
        (!lacks.is_empty() || !waits.is_empty()).then(|| {
            format!("{name} lacks {} ({:?}), own {} ({:?})", lacks.len(), lacks.first(), waits.len(), waits.first())
        })
    }

    /// Each text once, and one order.
    fn is_one(&self, people: &[&Person], read: &[Vec<Value>]) {
        let said: BTreeSet<&str> = self.said.iter().map(|text| text.trim()).collect();
        for (person, lines) in people.iter().zip(read) {
            let texts: Vec<&str> = lines.iter().filter_map(|line| line["text"].as_str()).collect();
            let once: BTreeSet<&str> = texts.iter().copied().collect();
            assert_eq!(texts.len(), once.len(), "{} has something twice", person.name);
            assert_eq!(once, said, "{} has something that nobody said", person.name);
            let order = |lines: &[Value]| lines.iter().map(|line| line["message"].clone()).collect::<Vec<_>>();
            assert_eq!(order(lines), order(&read[0]), "{} has another order than {}", person.name, people[0].name);
        }
    }

    /// How long the texts that somebody else wrote took to this person, from the first of that number on: the median, the
    /// slowest of twenty, the slowest.
    pub(crate) fn latency_at(&self, who: &Person, from: usize) -> [u64; 3] {
        let account = who.text_of(&["status"], "account");
        let of_others = self.read_by(who).into_iter().filter(|line| line["sender"] != account.as_str());
        let mut took: Vec<u64> = of_others
            .filter(|line| self.said.iter().skip(from).any(|text| line["text"] == text.trim()))
            .map(|line| line["received_at_ms"].as_u64().unwrap().saturating_sub(line["sent_at_ms"].as_u64().unwrap()))
            .collect();
        took.sort_unstable();
        let at = |permille: usize| took.get(took.len() * permille / 1_000).copied().unwrap_or(0);
        [at(500), at(950), took.last().copied().unwrap_or(0)]
    }

    /// Says aloud how long the texts took to each of them.
    pub(crate) fn report_latency(&self, what: &str, people: &[&Person], from: usize) {
        for person in people {
            let [median, slow, slowest] = self.latency_at(person, from);
            report(&format!(
                "{what}: to {}: median {median} ms, 95 of 100 in {slow} ms, slowest {slowest} ms",
                person.name
            ));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long real programs take is what is measured")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
