//! `completions`: a script that completes verbs and flags in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Typed;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(output: &Output, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "tidings", &mut script);
    output.text(String::from_utf8_lossy(&script))
}
