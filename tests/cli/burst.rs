//! Many messages at once, through the death of the node that takes them.

use std::collections::HashSet;
use std::process::Command;
use std::sync::{Condvar, Mutex};
use std::thread;

use crate::program::{Running, run};

/// So many programs send at once.
const SENDERS: usize = 4;

/// How far a burst is.
struct Progress {
    next: usize,
    is_up: bool,
    /// Nothing more is sent: the node did not start again.
    is_over: bool,
    ids: HashSet<String>,
}

/// Sends each text by a program of its own, again and again until the node has it. After `kill_after` of them the node
/// is killed and started again. Says how many messages the texts became.
pub(crate) fn send_all(
    texts: &[String],
    kill_after: usize,
    send: &(impl Fn(usize, &str) -> Command + Sync),
    kill_and_start: impl FnOnce() -> Result<(Running, String), String>,
) -> Result<((Running, String), usize), String> {
    let progress = Mutex::new(Progress { next: 0, is_up: true, is_over: false, ids: HashSet::new() });
    let changed = Condvar::new();
    let launched = thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| send_in_turn(texts, &progress, &changed, send));
        }
        let reached = progress.lock().unwrap();
        changed.wait_while(reached, |progress| progress.ids.len() < kill_after).unwrap().is_up = false;
        let launched = kill_and_start();
        let mut progress = progress.lock().unwrap();
        progress.is_up = true;
        progress.is_over = launched.is_err();
        changed.notify_all();
        launched
    });
    Ok((launched?, progress.into_inner().unwrap().ids.len()))
}

fn send_in_turn(
    texts: &[String],
    progress: &Mutex<Progress>,
    changed: &Condvar,
    send: &(impl Fn(usize, &str) -> Command + Sync),
) {
    loop {
        let at = {
            let mut progress = progress.lock().unwrap();
            progress.next += 1;
            progress.next - 1
        };
        let Some(text) = texts.get(at) else { return };
        loop {
            if changed.wait_while(progress.lock().unwrap(), |progress| !progress.is_up).unwrap().is_over {
                return;
            }
            let Ok(ended) = run(send(at, text), "") else { continue };
            if ended.code == 0 {
                progress.lock().unwrap().ids.insert(ended.out);
                changed.notify_all();
                break;
            }
        }
    }
}
