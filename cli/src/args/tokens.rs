//! `token`: what was typed about the programs that may come in.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::span;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token, and print it: it is shown this once
    Create(NewToken),
    /// List the tokens
    List,
    /// Revoke a token: what was opened with it ends at once
    Revoke {
        /// Which, by its name or id
        token: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewToken {
    /// What to call it
    pub(crate) name: String,
    /// It may read
    #[arg(long, required_unless_present = "write")]
    pub(crate) read: bool,
    /// It may write
    #[arg(long)]
    pub(crate) write: bool,
    /// Only in this conversation; may be given again [default: in all, those to come as well]
    #[arg(long, value_name = "CONVERSATION")]
    pub(crate) conversation: Vec<String>,
    /// How long it is good, such as 30d or 12h [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) expires: Option<Duration>,
}
