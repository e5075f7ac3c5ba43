//! Plays a case: homes in a folder of its own, nodes on the loopback, the real program.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::burst;
use crate::clock;
use crate::database::{damage, execute, make_newer, take_kept};
use crate::pattern::{Names, fill, fits, occurs};
use crate::program::{Ended, Program, Running, run};
use crate::script::{Step, range, words};
use crate::snapshot::{self, Snapshot};

/// Where a node of a case listens at first: nothing outside the machine is reached or reaches it.
const LOOPBACK: [&str; 2] = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"];

/// What must come in the end is looked for so often, with this pause.
const TRIES_MAX: u32 = 240;
const TRY_PAUSE: Duration = Duration::from_millis(250);

/// Which line failed, and how.
#[derive(Debug)]
pub(crate) struct Failed {
    line: usize,
    how: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.how)
    }
}

/// The homes and programs of one case.
pub(crate) struct Stage {
    program: Program,
    folder: TempDir,
    names: Names,
    nodes: HashMap<String, Running>,
    started: HashMap<String, Running>,
    snapshots: HashMap<String, Snapshot>,
    occupied: Vec<TcpListener>,
}

impl Stage {
    pub(crate) fn new(path: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("tidings-").tempdir().unwrap();
        let program = Program { path, folder: folder.path().to_owned() };
        let names = Names::from([("dir".to_owned(), folder.path().display().to_string())]);
        Self {
            program,
            folder,
            names,
            nodes: HashMap::new(),
            started: HashMap::new(),
            snapshots: HashMap::new(),
            occupied: Vec::new(),
        }
    }

    pub(crate) fn play(&mut self, script: &[Step]) -> Result<(), Failed> {
        script.iter().try_for_each(|step| self.step(step).map_err(|how| Failed { line: step.line, how }))
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        if step.verb == "for" {
            let (numbers, inner) = step.rest.split_once(' ').ok_or("for what?")?;
            let (verb, rest) = inner.split_once(' ').unwrap_or((inner, ""));
            let inner = Step { verb: verb.to_owned(), rest: rest.to_owned(), ..step.clone() };
            for n in range(numbers)? {
                self.names.insert("n".to_owned(), n.to_string());
                self.step(&inner).map_err(|how| format!("with <n> = {n}: {how}"))?;
            }
            self.names.remove("n");
            return Ok(());
        }
        // What is searched for in each of many lines keeps its own <n>; patterns are not filled but matched.
        let rest = match step.verb.as_str() {
            "see" | "see-all" | "burst" => step.rest.clone(),
            _ => fill(&step.rest, &self.names)?,
        };
        let (first, more) = rest.split_once(' ').unwrap_or((&rest, ""));
        match step.verb.as_str() {
            "up" => self.up(first, &words(more)),
            "friends" => self.befriend(&words(&rest)),
            "agree" => self.agree(&words(&rest)),
            "stop" => self.stop(first),
            "kill" => self.nodes.remove(first).map(drop).ok_or_else(|| format!("{first} does not run")),
            "run" => {
                let input = self.input(step)?;
                let ended = self.run(first, &words(more), &input)?;
                self.check(step, &ended)
            }
            "until" => self.run_until(step, first, &words(more)),
            "start" => {
                let (home, arguments) = more.split_once(' ').ok_or("start NAME HOME VERB")?;
                let running = Running::start(self.command(home, &words(arguments)))?;
                self.started.insert(first.to_owned(), running);
                Ok(())
            }
            "see" => self.see(first, more),
            "see-all" => self.see_all(first, more),
            "quit" => self.started.remove(first).map(drop).ok_or_else(|| format!("{first} does not run")),
            "burst" => self.burst(&rest),
            "let" => self.bind(first, more),
            "write" => std::fs::write(self.folder.path().join(first), more).map_err(|error| error.to_string()),
            "occupy" => {
                let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
                let port = listener.local_addr().map_err(|error| error.to_string())?.port();
                self.names.insert(first.to_owned(), port.to_string());
                self.occupied.push(listener);
                Ok(())
            }
            "snapshot" => {
                self.snapshots.insert(first.to_owned(), snapshot::of(&self.home(first)));
                Ok(())
            }
            "unchanged" => self.unchanged(first),
            "empty" => match snapshot::of(&self.home(first)).keys().next() {
                None => Ok(()),
                Some(file) => Err(format!("{first} holds {file}")),
            },
            "ends" => self.ends(first, more),
            "same-order" => self.same_order(&words(&rest)),
            "copy" => copy(&self.home(first), &self.home(more)),
            "remove" => std::fs::remove_file(self.home(first)).map_err(|error| format!("{first}: {error}")),
            "newer" => make_newer(&self.home(first)),
            "kept" => take_kept(first, self.folder.path()),
            "readable" if !snapshot::holds(&self.home(first), more) => Err(format!("{first} does not hold {more}")),
            "hidden" if snapshot::holds(&self.home(first), more) => Err(format!("{first} holds {more}")),
            "readable" | "hidden" => Ok(()),
            "damage" => damage(&self.home(first)),
            "sql" => execute(&self.home(first), more),
            "clock" => clock::set(self.folder.path(), first, more),
            other => Err(format!("there is no step {other}")),
        }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.program.folder.join(name)
    }

    fn command(&self, home: &str, arguments: &[String]) -> Command {
        let mut command = self.program.command(home, arguments);
        clock::show(self.folder.path(), home, &mut command);
        command
    }

    fn up(&mut self, home: &str, arguments: &[String]) -> Result<(), String> {
        let launched = self.launch(home, arguments)?;
        self.welcome(home, launched)
    }

    /// A node and its first line. A home that ran before listens where it did, so that the others find it.
    fn launch(&self, home: &str, arguments: &[String]) -> Result<(Running, String), String> {
        let mut all = words("--json up --http 127.0.0.1:0 --no-mdns --no-upnp --listen");
        match self.names.get(&format!("{home}.addresses")) {
            None => all.extend(LOOPBACK.map(ToOwned::to_owned)),
            Some(addresses) => all.extend(addresses.split(' ').map(ToOwned::to_owned)),
        }
        all.extend(arguments.iter().cloned());
        let running = Running::start(self.command(home, &all))?;
        let ready = running.next_line().map_err(|how| format!("{home} does not start: {how}"))?;
        Ok((running, ready))
    }

    fn welcome(&mut self, home: &str, (running, ready): (Running, String)) -> Result<(), String> {
        for name in ["account", "peer", "http", "sign_in"] {
            self.names.remove(&format!("{home}.{name}"));
        }
        self.names.remove("addresses");
        let pattern = format!(
            r#"{{"event":"ready","account":"<{home}.account:hex64>","peer_id":"<{home}.peer>","addresses":[<addresses:list>],"http":"<{home}.http>","sign_in":"<{home}.sign_in>"}}"#
        );
        if !fits(&pattern, &ready, &mut self.names) {
            return Err(format!("{home} is ready with {ready}"));
        }
        let addresses = self.names["addresses"].split(',').map(|address| address.trim_matches('"'));
        let without_peer = addresses.filter_map(|address| address.split("/p2p/").next());
        let addresses = without_peer.collect::<Vec<_>>().join(" ");
        self.names.insert(format!("{home}.addresses"), addresses);
        self.nodes.insert(home.to_owned(), running);
        Ok(())
    }

    /// Starts those that do not run, and everybody adds everybody.
    fn befriend(&mut self, homes: &[String]) -> Result<(), String> {
        for home in homes {
            if self.nodes.contains_key(home) {
                continue;
            }
            self.up(home, &["--name".to_owned(), capitalised(home)])?;
            let card = self.run(home, &words("--json card"), "")?;
            let pattern = format!(r#"{{"link":"<{home}.link>","account":"<{home}.account>"}}"#);
            if !fits(&pattern, card.out.trim_end(), &mut self.names) {
                return Err(format!("the card of {home} is {}{}", card.out, card.err));
            }
        }
        for home in homes {
            for contact in homes.iter().filter(|contact| *contact != home) {
                let link = self.names[&format!("{contact}.link")].clone();
                let added = self.run(home, &["add".to_owned(), link], "")?;
                if added.code != 0 {
                    return Err(format!("{home} cannot add {contact}: {}", added.err));
                }
            }
        }
        Ok(())
    }

    /// Waits until the homes have the same members and the same transcript of a conversation.
    fn agree(&self, arguments: &[String]) -> Result<(), String> {
        let Some((conversation, homes)) = arguments.split_last() else {
            return Err("agree HOME… CONVERSATION".into());
        };
        let look = |home: &String| -> Result<crate::agree::Look, String> {
            let members = self.run(home, &words(&format!("--json members {conversation}")), "")?;
            let read = self.run(home, &words(&format!("--json read {conversation} --limit 10000 --no-seen")), "")?;
            Ok(crate::agree::Look::of(home, &members.out, &read.out))
        };
        crate::agree::wait(|| homes.iter().map(look).collect())
    }

    fn stop(&mut self, home: &str) -> Result<(), String> {
        let mut node = self.nodes.remove(home).ok_or_else(|| format!("{home} does not run"))?;
        node.ask_to_stop()?;
        let status = node.end()?;
        if status.success() { Ok(()) } else { Err(format!("{home} ended with {status}")) }
    }

    fn input(&self, step: &Step) -> Result<String, String> {
        let lines = step.expected.iter().filter(|(what, _)| what == "in");
        lines.map(|(_, line)| fill(line, &self.names).map(|line| line + "\n")).collect()
    }

    /// Runs a verb again and again until what must come of it comes.
    #[expect(clippy::disallowed_methods, reason = "it looks at a running program until it is so, with a limit")]
    fn run_until(&mut self, step: &Step, home: &str, arguments: &[String]) -> Result<(), String> {
        let mut tries = 0;
        loop {
            let ended = self.run(home, arguments, "")?;
            let checked = self.check(step, &ended);
            tries += 1;
            if checked.is_ok() || tries == TRIES_MAX {
                return checked;
            }
            std::thread::sleep(TRY_PAUSE);
        }
    }

    fn run(&self, home: &str, arguments: &[String], input: &str) -> Result<Ended, String> {
        run(self.command(home, arguments), input)
    }

    /// What came of a step against what must.
    fn check(&mut self, step: &Step, ended: &Ended) -> Result<(), String> {
        let Ended { code, out, err } = ended;
        let printed = format!("exit {code}\n--- standard output\n{out}--- standard error\n{err}---");
        let wrong = |what: &str| Err(format!("{what}\n{printed}"));
        let expected =
            |what: &str| step.expected.iter().find(|(found, _)| found == what).map(|(_, rest)| rest.as_str());
        if *code != expected("exit").map_or(Ok(0), str::parse::<i32>).map_err(|error| error.to_string())? {
            return wrong("it ended with another exit code");
        }
        if *code != 0 && err.trim().is_empty() {
            return wrong("it failed without a sentence");
        }
        if err.contains("panicked") || err.contains("RUST_BACKTRACE") {
            return wrong("it panicked");
        }
        let lines: Vec<&str> = out.lines().collect();
        let mut left = lines.iter();
        for (what, rest) in &step.expected {
            let fits = match what.as_str() {
                "in" | "exit" => true,
                "out" => left.next().is_some_and(|line| fits(rest, line, &mut self.names)),
                "out-has" => occurs(rest, out, &mut self.names),
                "err" => occurs(rest, err, &mut self.names),
                "lines" => rest.parse() == Ok(lines.len()),
                "once" => {
                    let (numbers, pattern) = rest.split_once(' ').ok_or("once RANGE PATTERN")?;
                    self.each_once(numbers, pattern, &lines)?
                }
                other => return Err(format!("nothing is known to expect of {other}")),
            };
            if !fits {
                return wrong(&format!("this does not fit: {what} {rest}"));
            }
        }
        if expected("out").is_some() && left.next().is_some() {
            return wrong("it printed more than was expected");
        }
        Ok(())
    }

    fn each_once(&self, numbers: &str, pattern: &str, lines: &[&str]) -> Result<bool, String> {
        for wanted in self.wanted(numbers, pattern)? {
            let found = lines.iter().filter(|line| line.contains(&wanted)).count();
            if found != 1 {
                return Err(format!("{wanted} is there {found} times, in {} lines", lines.len()));
            }
        }
        Ok(true)
    }

    /// The pattern for each number.
    fn wanted(&self, numbers: &str, pattern: &str) -> Result<Vec<String>, String> {
        let mut names = self.names.clone();
        let numbered = range(numbers)?.map(|n| {
            names.insert("n".to_owned(), n.to_string());
            fill(pattern, &names)
        });
        numbered.collect()
    }

    fn see(&mut self, name: &str, pattern: &str) -> Result<(), String> {
        let running = self.started.get(name).ok_or_else(|| format!("{name} does not run"))?;
        let mut passed = String::new();
        loop {
            let line = running.next_line().map_err(|how| format!("{how}\nbefore that came\n{passed}"))?;
            if occurs(pattern, &line, &mut self.names) {
                return Ok(());
            }
            passed.push_str(&line);
            passed.push('\n');
        }
    }

    fn see_all(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let (numbers, pattern) = rest.split_once(' ').ok_or("see-all NAME RANGE PATTERN")?;
        let mut wanted: HashSet<String> = self.wanted(numbers, pattern)?.into_iter().collect();
        let running = self.started.get(name).ok_or_else(|| format!("{name} does not run"))?;
        while !wanted.is_empty() {
            let line = running.next_line().map_err(|how| format!("{how}; {} are missing: {wanted:?}", wanted.len()))?;
            wanted.retain(|wanted| !line.contains(wanted));
        }
        Ok(())
    }

    fn ends(&mut self, name: &str, code: &str) -> Result<(), String> {
        let mut running = self.started.remove(name).ok_or_else(|| format!("{name} does not run"))?;
        let status = running.end()?;
        let ended = status.code().map(|code| code.to_string());
        if ended.as_deref() == Some(code) { Ok(()) } else { Err(format!("{name} ended with {status}")) }
    }

    fn same_order(&self, arguments: &[String]) -> Result<(), String> {
        let [one, other, conversation] = arguments else { return Err("same-order HOME HOME CONVERSATION".into()) };
        let ids = |home: &str| -> Result<Vec<String>, String> {
            let read = self.run(home, &words(&format!("--json read {conversation} --limit 10000 --no-seen")), "")?;
            let id = |line: &str| line.split('"').nth(3).map(ToOwned::to_owned);
            Ok(read.out.lines().filter_map(id).collect())
        };
        let (one, other) = (ids(one)?, ids(other)?);
        match one.iter().zip(&other).position(|(one, other)| one != other) {
            None if one.len() == other.len() && !one.is_empty() => Ok(()),
            None => Err(format!("one has {} messages, the other {}", one.len(), other.len())),
            Some(at) => Err(format!("message {} of {} is another one", at + 1, one.len())),
        }
    }

    /// `HOME RANGE KILL-AFTER CONVERSATION TEXT`, see [`burst`].
    fn burst(&mut self, rest: &str) -> Result<(), String> {
        let (head, text) = split_after(rest, 4)?;
        let [home, numbers, kill_after, conversation] = head.as_slice() else { return Err("burst of what?".into()) };
        let kill_after: usize = kill_after.parse().map_err(|_| "kill after how many?")?;
        let texts = self.wanted(numbers, text.trim_matches('"'))?;
        let program = self.program.clone();
        let send = |at: usize, text: &str| {
            let key = format!("burst-{at}");
            program.command(home, &["--json", "send", conversation, text, "--key", &key].map(ToOwned::to_owned))
        };
        let node = self.nodes.remove(home).ok_or_else(|| format!("{home} does not run"))?;
        let restart = || {
            // SIGKILL, in the middle of whatever it does.
            drop(node);
            self.launch(home, &[])
        };
        let (launched, messages) = burst::send_all(&texts, kill_after, &send, restart)?;
        self.welcome(home, launched)?;
        if messages == texts.len() { Ok(()) } else { Err(format!("{} texts became {messages} messages", texts.len())) }
    }

    fn bind(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let (how, rest) = rest.split_once(' ').ok_or("let NAME HOW TEXT")?;
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text} is no number"));
        let value = match (how, rest.split_once(' ')) {
            ("is", _) => rest.to_owned(),
            ("first", Some((n, text))) => text.chars().take(number(n)?).collect(),
            ("without-last", Some((n, text))) => text.chars().take(text.chars().count() - number(n)?).collect(),
            ("repeat", Some((n, text))) => text.repeat(number(n)?),
            _ => return Err(format!("nothing is known of {how}")),
        };
        self.names.insert(name.to_owned(), value);
        Ok(())
    }

    fn unchanged(&self, home: &str) -> Result<(), String> {
        let before = self.snapshots.get(home).ok_or_else(|| format!("there is no snapshot of {home}"))?;
        let after = snapshot::of(&self.home(home));
        let changed: Vec<&String> = before
            .keys()
            .chain(after.keys())
            .filter(|file| before.get(file.as_str()) != after.get(file.as_str()))
            .collect();
        if changed.is_empty() { Ok(()) } else { Err(format!("these changed in {home}: {changed:?}")) }
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    std::fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

/// The first words, and the rest as it is.
fn split_after(text: &str, count: usize) -> Result<(Vec<String>, &str), String> {
    let mut rest = text;
    let mut head = Vec::new();
    for _ in 0..count {
        let (word, more) = rest.split_once(' ').ok_or("too few words")?;
        head.push(word.to_owned());
        rest = more;
    }
    Ok((head, rest))
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
