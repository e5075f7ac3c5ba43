//! `simulate`: runs a range of seeded schedules and says whether anything was lost, doubled, unreadable or diverged.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command for people")]

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::num::NonZero;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::{Parser, ValueEnum};
use tidings_tests::faults::Faults;
use tidings_tests::schedule::{self, Report, Size};

/// Runs seeded schedules of people who talk while everything fails.
#[derive(Debug, Parser)]
struct Args {
    /// Which seeds: FROM..TO (TO is not included), or one seed.
    #[arg(long, default_value = "0..100", value_parser = seeds)]
    seeds: (u64, u64),
    /// How many nodes: N, or FROM..TO (TO is included) to vary it with the seed.
    #[arg(long, default_value = "3..8", value_parser = nodes)]
    nodes: (usize, usize),
    /// all, none, or some of loss,delay,duplicate,reorder,partition,crash,clock,jump,relay,power,full; lie makes disks lose things
    #[arg(long, default_value = "all")]
    faults: String,
    /// How much happens in a schedule.
    #[arg(long, value_enum, default_value = "usual")]
    size: Size,
    /// On how many threads; as many as there are cores unless this is given.
    #[arg(long)]
    threads: Option<usize>,
    /// Say of each schedule with a violation what was wrong.
    #[arg(long)]
    findings: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, serde::Serialize)]
struct Summary {
    schedules: u64,
    messages: u64,
    changes: u64,
    lost: u64,
    apart: u64,
    duplicated: u64,
    undecryptable: u64,
    diverged: u64,
    stranded: u64,
    orphaned: u64,
    readable: u64,
    failed: u64,
    healed: u64,
    crashes: u64,
    circuits: u64,
    jumps: u64,
    cuts: BTreeMap<String, u64>,
    fills: u64,
    violations: u64,
    wall_ms: u64,
    schedules_a_minute: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_violation: Option<u64>,
}

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let faults: Faults = args.faults.parse().map_err(anyhow::Error::msg)?;
    let started = Instant::now();
    let next = AtomicU64::new(args.seeds.0);
    let summary = Mutex::new(Summary::default());
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.seeds.1 {
                        return;
                    }
                    let report = match &runtime {
                        Ok(runtime) => {
                            runtime.block_on(awake(schedule::run(seed, nodes_of(args.nodes, seed), faults, args.size)))
                        }
                        Err(error) => Err(anyhow!("there is no runtime: {error}")),
                    };
                    summary.lock().unwrap_or_else(PoisonError::into_inner).add(&args, seed, report);
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.wall_ms = u64::try_from(started.elapsed().as_millis())?;
    summary.schedules_a_minute = summary.schedules * 60_000 / summary.wall_ms.max(1);
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        println!(
            "{} schedules, {} messages, {} changes, {} crashes: {} lost, {} duplicated, {} undecryptable, {} diverged, {} \
             stranded, {} readable outside, {} failed; {} missed by who was removed, {} orphaned, {} schedules \
             healed late; in {}.{} s on {} threads, {} schedules a minute",
            summary.schedules,
            summary.messages,
            summary.changes,
            summary.crashes,
            summary.lost,
            summary.duplicated,
            summary.undecryptable,
            summary.diverged,
            summary.stranded,
            summary.readable,
            summary.failed,
            summary.apart,
            summary.orphaned,
            summary.healed,
            summary.wall_ms / 1_000,
            summary.wall_ms % 1_000 / 100,
            threads,
            summary.schedules_a_minute,
        );
    }
    let has_disks = summary.fills > 0 || !summary.cuts.is_empty();
    if !args.json && has_disks {
        let cuts: u64 = summary.cuts.values().sum();
        println!("power went {cuts} times, {:?}; disks were full {} times", summary.cuts, summary.fills);
    }
    if !args.json && summary.circuits + summary.jumps > 0 {
        println!("relays let go of {} circuits; clocks jumped {} times", summary.circuits, summary.jumps);
    }
    match summary.first_violation {
        None => Ok(ExitCode::SUCCESS),
        Some(seed) => {
            eprintln!("the first violation is replayed by: {}", replay(&args, seed));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Runs what mostly waits for its databases' threads: it gives them its core and does not go to sleep. Who sleeps is woken
/// by the first word of an answer and again by its end, and to be woken costs as much as most statements.
async fn awake<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            std::thread::yield_now();
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}

impl Summary {
    /// Counts a schedule, and says at once what was wrong with it.
    fn add(&mut self, args: &Args, seed: u64, report: Result<Report>) {
        self.schedules += 1;
        let wrong = match report {
            Ok(report) => {
                self.messages += report.messages;
                self.changes += report.changes;
                self.lost += report.lost;
                self.apart += report.apart;
                self.stranded += report.stranded;
                self.orphaned += report.orphaned;
                self.duplicated += report.duplicated;
                self.undecryptable += report.undecryptable;
                self.diverged += report.diverged;
                self.readable += report.readable;
                self.crashes += report.crashes;
                self.circuits += report.circuits;
                self.jumps += report.jumps;
                self.fills += report.fills;
                for (kind, count) in &report.cuts {
                    *self.cuts.entry(kind.clone()).or_default() += count;
                }
                self.healed += u64::from(report.healed && report.is_clean());
                (!report.is_clean()).then(|| report.findings.join("\n"))
            }
            Err(error) => {
                self.failed += 1;
                Some(format!("the schedule did not come to its end: {error:#}"))
            }
        };
        let Some(wrong) = wrong else { return };
        self.violations += 1;
        if args.findings {
            eprintln!("{}\n{wrong}", replay(args, seed));
        }
        self.first_violation = Some(self.first_violation.map_or(seed, |first| first.min(seed)));
    }
}

fn replay(args: &Args, seed: u64) -> String {
    format!(
        "cargo run --release -p tidings-tests --bin simulate -- --seeds {seed}..{} --nodes {} --faults {} --size {}",
        seed + 1,
        nodes_of(args.nodes, seed),
        args.faults,
        args.size.to_possible_value().map_or_else(String::new, |size| size.get_name().to_owned()),
    )
}

fn nodes_of((least, most): (usize, usize), seed: u64) -> usize {
    least + usize::try_from(seed).unwrap_or(0) % (most - least + 1)
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("'{text}' is not a seed"));
    match text.split_once("..") {
        Some((from, to)) => Ok((number(from)?, number(to)?)),
        None => number(text).map(|seed| (seed, seed + 1)),
    }
}

fn nodes(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| match text.parse::<usize>() {
        Ok(nodes @ 2..=20) => Ok(nodes),
        _ => Err(format!("'{text}' is not a number of nodes from 2 to 20")),
    };
    match text.split_once("..") {
        Some((least, most)) if number(least)? <= number(most)? => Ok((number(least)?, number(most)?)),
        Some(_) => Err("the range of nodes is empty".to_owned()),
        None => number(text).map(|nodes| (nodes, nodes)),
    }
}
