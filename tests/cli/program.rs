//! Runs the real program: to its end, or beside the case.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// Whatever must happen happens within this; generous, since a build may run beside the test.
const PATIENCE: Duration = Duration::from_mins(2);
/// So many lines are kept that the case has not looked at.
const LINES_MAX: usize = 4096;

/// The program, and the folder that the homes are in.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Program {
    /// The program as a person on a clean machine has it.
    pub(crate) fn command(&self, home: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--home").arg(self.folder.join(home)).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("TIDINGS_") || name.starts_with("RUST_")) {
                command.env_remove(name);
            }
        }
        command.env("HOME", &self.folder).env_remove("XDG_DATA_HOME");
        command
    }
}

/// What a program printed and how it ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a program to its end.
pub(crate) fn run(mut command: Command, input: &str) -> Result<Ended, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let input = input.to_owned();
    // A program that does not read its input closes it, which is its right.
    thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let out = read_all(child.stdout.take().ok_or("no standard output")?);
    let err = read_all(child.stderr.take().ok_or("no standard error")?);
    let read = |from: Receiver<String>| from.recv_timeout(PATIENCE);
    let (Ok(out), Ok(err)) = (read(out), read(err)) else {
        drop(child.kill());
        drop(child.wait());
        return Err("it did not end".to_owned());
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(Ended { code: status.code().unwrap_or(-1), out, err })
}

fn read_all(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut all = Vec::new();
        drop(from.read_to_end(&mut all));
        drop(sender.send(String::from_utf8_lossy(&all).into_owned()));
    });
    receiver
}

/// A program that runs beside the case, killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| error.to_string())?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let (sender, lines) = sync_channel(LINES_MAX);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line of its output, for which there is a limit of patience.
    pub(crate) fn next_line(&self) -> Result<String, String> {
        self.lines.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("nothing came for {} seconds", PATIENCE.as_secs()),
            RecvTimeoutError::Disconnected => "it ended".to_owned(),
        })
    }

    /// Asks it to end, as the system does.
    pub(crate) fn ask_to_stop(&self) -> Result<(), String> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        asked.map(drop).map_err(|error| format!("kill: {error}"))
    }

    /// Reads to the end of its output, which comes when it ends, and says how it ended.
    pub(crate) fn end(&mut self) -> Result<ExitStatus, String> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().map_err(|error| error.to_string()),
                Err(RecvTimeoutError::Timeout) => return Err("it does not end".to_owned()),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
