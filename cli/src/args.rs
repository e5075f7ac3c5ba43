//! What was typed: the verbs and their flags, and nothing about what they mean.

mod identity;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::tokens::{NewToken, TokenVerb};
pub(crate) use identity::{AcceptTyped, IdentityVerb, LinkTyped};

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
    /// Find out what is wrong with this node, and what to do about it
    Doctor,
    /// Add a person by their contact link
    Add {
        /// What their `tidings card` printed
        link: String,
    },
    /// List the people you know, with the safety numbers to compare
    Contacts,
    /// Show the safety number with a contact, to compare in person, and say that it is the same
    Verify(Verify),
    /// List the conversations that people you do not know began
    Requests,
    /// Open such a conversation: only now do they learn that you are there
    Accept {
        /// Which, by who began it or by its id
        request: String,
    },
    /// Refuse such a conversation: what was written goes from this node
    Refuse {
        /// Which, by who began it or by its id
        request: String,
    },
    /// Want nothing more of somebody, who is not told; without a person, list who is blocked
    Block {
        /// Whom: a contact, who began a request, or an account's id
        person: Option<String>,
    },
    /// Take a block back
    Unblock {
        /// Whom
        person: String,
    },
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
    /// Show who is in a conversation; add people, or decide about those who ask to join
    Members(Members),
    /// Make a link that lets people join a conversation; list or revoke such links
    Invite(Invite),
    /// Join a conversation by an invite link
    Join {
        /// What `tidings invite` printed
        link: String,
    },
    /// Remove people from a conversation
    Remove {
        /// Which conversation
        conversation: String,
        /// Whom
        #[arg(required = true, value_name = "MEMBER")]
        members: Vec<String>,
    },
    /// Change what somebody may do in a conversation
    Role {
        /// Which conversation
        conversation: String,
        /// Whose role
        member: String,
        /// Their role from now on
        role: Role,
    },
    /// Leave a conversation; what you have of it stays readable
    Leave {
        /// Which conversation
        conversation: String,
    },
    /// Change a conversation's name, topic, picture or rules; without a flag, show them
    Set(Set),
    /// Let a node that is always on keep envelopes for you while you are away
    #[command(subcommand)]
    Mailbox(MailboxVerb),
    /// Prove who you are elsewhere, and see what others prove
    #[command(subcommand)]
    Identity(IdentityVerb),
    /// Show what this node keeps, or say for how long and how much
    Storage(StorageTyped),
    /// Carry what is undelivered between nodes that never meet, in a file
    #[command(subcommand)]
    Bundle(BundleVerb),
    /// Write all of this node into one file, sealed under a passphrase that you choose for it
    Backup {
        /// The file to write; it is there when it is whole and was read back
        file: PathBuf,
        /// Read the passphrase from this file, instead of asking for it
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Make a node of a backup, in a home where there is none (needs no node)
    Restore {
        /// The file that `tidings backup` wrote
        file: PathBuf,
        /// Read the passphrase from this file, instead of asking for it
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Print every event as it happens
    Watch,
    /// Make a fresh sign-in link for the browser
    Link,
    /// Let programs come in with a token each, which says what they may do
    #[command(subcommand)]
    Token(TokenVerb),
    /// Print a completion script for a shell (needs no node)
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each flag is on or off for itself")]
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
    /// Do not ask the router to lead a port here
    #[arg(long)]
    pub(crate) no_upnp: bool,
    /// Be a relay: let people you know be reached through this node, which must be reachable itself
    #[arg(long)]
    pub(crate) relay: bool,
    /// Keep envelopes for others while they are away: those who have the link that `tidings mailbox link` prints, and
    /// your contacts
    #[arg(long)]
    pub(crate) mailbox: bool,
    /// Ask this name server for domains' keys, by which mail is verified [default: those of this machine]
    #[arg(long, value_name = "ADDR")]
    pub(crate) name_server: Option<SocketAddr>,
    /// Read the passphrase that protects your keys from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// With whom
    pub(crate) contact: String,
    /// You compared it with them, and it is the same
    #[arg(long, conflicts_with = "undo")]
    pub(crate) matches: bool,
    /// Take the mark away
    #[arg(long)]
    pub(crate) undo: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BundleVerb {
    /// Write what others have not got yet into a file, sealed for each of them
    Out {
        /// The file to write; it is there when it is whole
        file: PathBuf,
        /// For whom; without it, for everybody
        #[arg(value_name = "CONTACT or CONVERSATION")]
        whom: Vec<String>,
    },
    /// Take what is for you from such a file
    In {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailboxVerb {
    /// Have envelopes kept by this mailbox
    Use {
        /// What `tidings mailbox link` printed there, or the contact who runs it
        #[arg(value_name = "LINK or CONTACT")]
        mailbox: String,
    },
    /// List the mailboxes that you use
    List,
    /// Use a mailbox no longer
    Drop {
        /// Which, by its name or peer id
        mailbox: String,
    },
    /// Print the link by which others use the mailbox of this node
    Link,
}

#[derive(Debug, Args)]
pub(crate) struct StorageTyped {
    /// Keep messages on this node for so many days; what is older goes, here and for good
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep_days: Option<u32>,
    /// Keep messages for ever
    #[arg(long, conflicts_with = "keep_days")]
    pub(crate) keep_for_ever: bool,
    /// Keep at most so many MiB of sealed envelopes for fellow members
    #[arg(long, value_name = "MIB")]
    pub(crate) members_mib: Option<u64>,
    /// Keep at most so many MiB in the mailbox of this node
    #[arg(long, value_name = "MIB")]
    pub(crate) mailbox_mib: Option<u64>,
}

impl StorageTyped {
    /// Whether anything is to be changed.
    pub(crate) fn changes(&self) -> bool {
        self.keep_for_ever || self.keep_days.is_some() || self.members_mib.is_some() || self.mailbox_mib.is_some()
    }
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

#[derive(Debug, Args)]
pub(crate) struct Members {
    /// Which conversation
    pub(crate) conversation: String,
    /// Add these contacts; may be given again
    #[arg(long, value_name = "CONTACT", num_args = 1..)]
    pub(crate) add: Vec<String>,
    /// Let somebody in who asks to join
    #[arg(long, value_name = "NAME")]
    pub(crate) accept: Vec<String>,
    /// Turn somebody away who asks to join
    #[arg(long, value_name = "NAME")]
    pub(crate) refuse: Vec<String>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each flag is on or off for itself")]
pub(crate) struct Invite {
    /// Which conversation
    pub(crate) conversation: String,
    /// How many people may join by it
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "unlimited")]
    pub(crate) uses: u16,
    /// Any number of people may join by it
    #[arg(long)]
    pub(crate) unlimited: bool,
    /// How long it is good, such as 7d, 12h or 30m
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = span)]
    pub(crate) expires: Duration,
    /// Who joins by it can read but not write
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Somebody who may invite decides about each who asks
    #[arg(long)]
    pub(crate) approval: bool,
    /// Draw the link as a QR code in the terminal
    #[arg(long)]
    pub(crate) qr: bool,
    /// List the links that are good now, instead of making one
    #[arg(long, conflicts_with_all = ["revoke", "qr"])]
    pub(crate) list: bool,
    /// Revoke a link, instead of making one
    #[arg(long, value_name = "INVITE", conflicts_with = "qr")]
    pub(crate) revoke: Option<String>,
}

/// What an account may do in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// May do everything
    Owner,
    /// May add, remove and mute members, and change the conversation
    Admin,
    /// May write
    Member,
    /// May read
    ReadOnly,
}

/// To whom something is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// Every member
    Everybody,
    /// Owners and admins
    Admins,
}

/// What new members are shown of what was before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    None,
    Days(u16),
    All,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Which conversation
    pub(crate) conversation: String,
    /// Its name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What it is about; "" for nothing
    #[arg(long)]
    pub(crate) topic: Option<String>,
    /// Its picture, a PNG, JPEG or WebP file of at most 12 KiB; `none` takes it away
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// What new members are shown of what was before: none, a number of days such as 30d, or all
    #[arg(long, value_parser = history)]
    pub(crate) history: Option<History>,
    /// How long messages stay, such as 1h or 30d; `off` keeps them
    #[arg(long, value_name = "TIME", value_parser = span_or_off)]
    pub(crate) disappearing: Option<Duration>,
    /// Who may add people and make invite links
    #[arg(long, value_name = "WHO")]
    pub(crate) may_invite: Option<Who>,
    /// Who may change the name, topic and picture
    #[arg(long, value_name = "WHO")]
    pub(crate) may_edit: Option<Who>,
}

/// A length of time in whole units: 45s, 30m, 12h, 7d.
fn span(typed: &str) -> Result<Duration, String> {
    let not_a_span = || "give a number and a unit, such as 45s, 30m, 12h or 7d".to_owned();
    let unit = typed.chars().last().ok_or_else(not_a_span)?;
    let number: u64 = typed.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(not_a_span)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(not_a_span()),
    };
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(not_a_span)
}

fn span_or_off(typed: &str) -> Result<Duration, String> {
    if typed == "off" { Ok(Duration::ZERO) } else { span(typed).map_err(|reason| format!("{reason}, or off")) }
}

fn history(typed: &str) -> Result<History, String> {
    match typed {
        "none" => Ok(History::None),
        "all" => Ok(History::All),
        days => days
            .strip_suffix('d')
            .and_then(|days| days.parse().ok())
            .filter(|days| *days > 0)
            .map(History::Days)
            .ok_or_else(|| "give none, a number of days such as 30d, or all".to_owned()),
    }
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
    fn lengths_of_time_are_a_number_and_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("7d"), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(span_or_off("off"), Ok(Duration::ZERO));
        for wrong in ["", "d", "7", "0d", "-1h", "1.5h", "99999999999999999999d", "18446744073709551615d", "7w"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert_eq!(history("30d"), Ok(History::Days(30)));
        for wrong in ["0d", "30", "some", "70000d"] {
            assert!(history(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn following_goes_forward_and_before_goes_back() {
        let error = typed("tidings read Bob --follow --before abcdef").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_verb_or_flag_that_is_not_there_is_a_usage_error() {
        for line in ["tidings", "tidings chat", "tidings mailbox", "tidings send", "tidings up --http nowhere"] {
            assert_eq!(typed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
