//! What was typed: the verbs and their flags, and nothing about what they mean.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
A conversation or a contact is named by its id, by the beginning of its id (6 characters or more), \
or by its name where only one has it.

Exit codes: 0 done · 1 refused or failed · 2 usage · 3 no node is running · 4 not found · 5 timed out waiting";

/// Private conversations from your own node.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Typed {
    /// The data directory of the node [default: `tidings` in the platform's data directory]
    #[arg(long, global = true, env = "TIDINGS_HOME", value_name = "DIR", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,

    /// Print one JSON object a line, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start the node and serve its page
    Up(Up),
    /// Show who you are, who is connected and how, and what still waits
    Status,
    /// Print your contact link, for somebody to add
    Card {
        /// Draw the short form of the link as a QR code in the terminal
        #[arg(long)]
        qr: bool,
    },
    /// Add a person by their contact link
    Add {
        /// What their `tidings card` printed
        link: String,
    },
    /// List the people you know, with the safety numbers to compare
    Contacts,
    /// Start a conversation; with one contact it is the direct conversation with them
    New {
        /// Whom with
        #[arg(required = true, value_name = "CONTACT")]
        contacts: Vec<String>,
        /// The conversation's name
        #[arg(long)]
        name: Option<String>,
    },
    /// List your conversations, the latest first
    List,
    /// Send a message, and print its id once it is safe on your node
    Send(Send),
    /// Show a conversation's history, oldest first, and mark it as seen
    Read(Read),
    /// Show one message, with its state for each recipient
    Show {
        /// The message's id, or the beginning of it (6 characters or more)
        #[arg(value_name = "MESSAGE")]
        id: String,
    },
    /// Print every event as it happens
    Watch,
    /// Make a fresh sign-in link for the browser
    Link,
    /// Print a completion script for a shell (needs no node)
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The name that others see, at the first run
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where to listen for other nodes; may be given again [default: TCP and QUIC on every address]
    #[arg(long, value_name = "MULTIADDR", num_args = 1..)]
    pub(crate) listen: Vec<String>,
    /// Where to serve the page; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7373")]
    pub(crate) http: SocketAddr,
    /// Do not look for contacts on the local network
    #[arg(long)]
    pub(crate) no_mdns: bool,
    /// Read the passphrase that protects your keys from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Where to: a conversation, or a contact
    pub(crate) conversation: String,
    /// What; without it, standard input is read to its end
    pub(crate) text: Option<String>,
    /// The message that this one answers
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) reply: Option<String>,
    /// Wait until the message has come this far
    #[arg(long, value_name = "STATE")]
    pub(crate) wait: Option<WaitFor>,
    /// How long to wait at most [default: for as long as it takes]
    #[arg(long, value_name = "SECONDS", requires = "wait", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Send at most once: a second time with the same key is the first message again
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

/// How far a message should come before `send` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// Somebody else keeps it too
    Stored,
    /// Every recipient has it
    Delivered,
    /// Every recipient looked at it
    Seen,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Which conversation
    pub(crate) conversation: String,
    /// At most this many messages, the newest ones
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Only messages before this one
    #[arg(long, value_name = "MESSAGE", conflicts_with = "follow")]
    pub(crate) before: Option<String>,
    /// Go on printing messages as they come
    #[arg(long)]
    pub(crate) follow: bool,
    /// Do not tell the others that you looked
    #[arg(long)]
    pub(crate) no_seen: bool,
}

fn seconds(typed: &str) -> Result<Duration, String> {
    let not_seconds = || "give a number of seconds, such as 10 or 0.5".to_owned();
    let seconds: f64 = typed.parse().map_err(|_| not_seconds())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| not_seconds())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn typed(line: &str) -> Result<Typed, clap::Error> {
        Typed::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Typed::command().debug_assert();
    }

    #[test]
    fn home_and_json_may_stand_before_or_after_the_verb() {
        for line in ["tidings --home /h --json status", "tidings status --json --home /h"] {
            let typed = typed(line).unwrap();
            assert_eq!(typed.home, Some(PathBuf::from("/h")));
            assert!(typed.json);
        }
    }

    #[test]
    fn several_addresses_to_listen_at_may_be_given_in_either_way() {
        for line in ["tidings up --listen /a --listen /b", "tidings up --listen /a /b"] {
            let Verb::Up(up) = typed(line).unwrap().verb else { panic!("not up") };
            assert_eq!(up.listen, ["/a", "/b"]);
        }
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds_and_needs_something_to_wait_for() {
        let Verb::Send(send) = typed("tidings send Bob hi --wait delivered --timeout 0.5").unwrap().verb else {
            panic!("not send")
        };
        assert_eq!(send.timeout, Some(Duration::from_millis(500)));
        assert_eq!(send.wait, Some(WaitFor::Delivered));
        assert_eq!(typed("tidings send Bob hi --timeout 1").unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
        for wrong in ["-1", "soon", "nan", "1e300"] {
            let line = format!("tidings send Bob hi --wait stored --timeout={wrong}");
            assert_eq!(typed(&line).unwrap_err().kind(), ErrorKind::ValueValidation, "{wrong}");
        }
    }

    #[test]
    fn following_goes_forward_and_before_goes_back() {
        let error = typed("tidings read Bob --follow --before abcdef").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_verb_or_flag_that_is_not_there_is_a_usage_error() {
        for line in ["tidings", "tidings chat", "tidings up --mailbox", "tidings send", "tidings up --http nowhere"] {
            assert_eq!(typed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
