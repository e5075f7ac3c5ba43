//! `identity`: what was typed about who people are elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityVerb {
    /// Prove who you are elsewhere, by signing in there in the browser; your card says so from then on
    Link(LinkTyped),
    /// Prove an e-mail address: first say with which subject a mail is to go from it, then bring that mail as it arrived
    Mail {
        /// The mail as your mail program saves it, with all its headers (often "save as" or "show original", .eml);
        /// without it, the subject is printed
        file: Option<PathBuf>,
    },
    /// List who you are elsewhere, as others see it
    List,
    /// Show who a contact is elsewhere, and ask the issuers themselves for their keys
    Verify {
        /// Whom
        contact: String,
        /// Ask nobody: judge by what is known here
        #[arg(long)]
        offline: bool,
    },
    /// Show an identity of yours no longer; your contacts learn that it is withdrawn
    Unlink {
        /// Which, by the beginning of what `tidings identity list` shows
        identity: String,
    },
    /// Let the word of an issuer count here, as it was given to a program
    Accept(AcceptTyped),
    /// Let it count no longer
    Reject {
        /// The issuer
        #[arg(value_parser = issuer)]
        issuer: String,
        /// The program's name there
        #[arg(long, value_name = "ID")]
        client_id: String,
    },
    /// List the issuers whose word counts here
    Issuers,
}

#[derive(Debug, Args)]
pub(crate) struct LinkTyped {
    /// Where you sign in: `google`, or the address of an issuer
    #[arg(value_parser = issuer)]
    pub(crate) issuer: String,
    /// The port of this machine to which the browser comes back [default: any that is free]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct AcceptTyped {
    /// `google`, or the address of an issuer
    #[arg(value_parser = issuer)]
    pub(crate) issuer: String,
    /// The program's name there
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,
    /// You sign in as this program: you registered it there
    #[arg(long)]
    pub(crate) own: bool,
    /// Read the program's secret from this file, where the issuer gave it one
    #[arg(long, value_name = "FILE", requires = "own")]
    pub(crate) secret_file: Option<PathBuf>,
}

/// An issuer by a short name or its address.
fn issuer(typed: &str) -> Result<String, String> {
    match typed {
        "google" => Ok("https://accounts.google.com".to_owned()),
        _ if typed.starts_with("https://") || typed.starts_with("http://") => Ok(typed.to_owned()),
        _ => Err("an issuer is `google`, or an address that begins with https://".to_owned()),
    }
}
