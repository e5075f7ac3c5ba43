//! `tidings`: starts a node, and asks a running one over the local API in its home.
//!
//! It holds no key and knows no rule of the protocol; what a verb prints and how it ends is a promise (see
//! [`output::lines`] and [`failure::Failure`]).

mod api;
mod args;
mod commands;
mod failure;
mod output;
mod resolve;
mod settings;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// The MLS library wants about 4 MiB of stack when it is not optimised; twice that is room.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let typed = args::Typed::parse();
    log_to_standard_error();
    match start(typed) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            if !matches!(failure, failure::Failure::OutputClosed) {
                output::complain(&failure);
            }
            ExitCode::from(failure.exit_code())
        }
        Err(error) => {
            output::complain(&failure::Failure::Refused(format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// Runs the verb; the outer error is about this machine rather than about the verb.
fn start(typed: args::Typed) -> anyhow::Result<Result<(), failure::Failure>> {
    let mut runtime = if commands::is_long(&typed.verb) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime =
        runtime.enable_all().thread_stack_size(THREAD_STACK_BYTES).build().context("cannot start the runtime")?;
    // On a thread of the runtime, since the main thread's stack is as large as the machine says.
    let verb = runtime.spawn(commands::run(typed));
    let ended = runtime.block_on(verb).context("an error of our own: please report it");
    // A read of standard input that nobody ends must not hold up the exit.
    runtime.shutdown_background();
    ended
}

/// Only what this project says itself: what libraries log may name peers and their addresses.
const LOGGED: &str = "tidings=warn";

fn log_to_standard_error() {
    let filter = EnvFilter::try_from_env("TIDINGS_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
