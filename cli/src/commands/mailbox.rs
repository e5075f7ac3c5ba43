//! `mailbox`: who keeps envelopes for me while I am away.

use std::fmt::Write as _;

use crate::api::{Api, Mailbox};
use crate::args::MailboxVerb;
use crate::failure::Failure;
use crate::output::text::{cut, one_line};
use crate::output::{GOOD, Output, QUIET, STRONG, WAITING, lines, styled};
use crate::resolve;

/// How every link to a mailbox begins.
const LINK: &str = "tidings://mailbox/";

pub(super) async fn run(api: &Api, output: &Output, verb: &MailboxVerb) -> Result<(), Failure> {
    match verb {
        MailboxVerb::Use { mailbox } => use_one(api, output, mailbox).await,
        MailboxVerb::List => list(api, output).await,
        MailboxVerb::Drop { mailbox } => drop_one(api, output, mailbox).await,
        MailboxVerb::Link => link(api, output).await,
    }
}

async fn use_one(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let used = if typed.trim_start().starts_with(LINK) {
        api.use_mailbox_by_link(typed).await?
    } else {
        let contact = resolve::contact(api, typed).await?;
        api.use_mailbox_of(&contact.account).await?
    };
    if output.is_json() {
        return output.object(&lines::Mailbox::from(&used));
    }
    output.text(format_args!(
        "{} will keep envelopes for you as soon as it is reached; `tidings mailbox list` shows whether it does.",
        one_line(&used.name)
    ))
}

async fn list(api: &Api, output: &Output) -> Result<(), Failure> {
    let mailboxes = api.mailboxes().await?;
    if output.is_json() {
        return mailboxes.iter().try_for_each(|mailbox| output.object(&lines::Mailbox::from(mailbox)));
    }
    if mailboxes.is_empty() {
        return output.text(
            "Nobody keeps envelopes for you: what others write while you are away waits with them. A node that is \
             always on can keep them: `tidings up --mailbox` there, `tidings mailbox link`, and here \
             `tidings mailbox use LINK`.",
        );
    }
    output.text(shown(&mailboxes))
}

fn shown(mailboxes: &[Mailbox]) -> String {
    let mut shown = String::new();
    for mailbox in mailboxes {
        let (style, state) = match mailbox {
            Mailbox { refused: Some(reason), .. } => (WAITING, format!("does not serve you: {}", one_line(reason))),
            Mailbox { opened_at_ms: None, .. } => (WAITING, "not reached yet".to_owned()),
            Mailbox { online: true, .. } => (GOOD, "keeps envelopes for you".to_owned()),
            Mailbox { .. } => (QUIET, "keeps envelopes for you; not connected now".to_owned()),
        };
        // Writing to a string cannot fail.
        let _written =
            writeln!(shown, "{}  {}", styled(STRONG, cut(&one_line(&mailbox.name), 60)), styled(style, state));
        for doubt in doubts(mailbox) {
            let _written = writeln!(shown, "    {}", styled(WAITING, doubt));
        }
    }
    shown
}

/// What speaks against a mailbox.
pub(super) fn doubts(mailbox: &Mailbox) -> Vec<String> {
    let unproved = mailbox.unproved.as_deref().map(|reason| format!("failed its last test: {}", one_line(reason)));
    let says = if mailbox.missing_says == 1 { "one sender says" } else { "several senders say" };
    let missing = (mailbox.missing > 0)
        .then(|| format!("did not give {} of the envelopes that, as {says}, it keeps for you", mailbox.missing));
    unproved.into_iter().chain(missing).collect()
}

async fn drop_one(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let mailboxes = api.mailboxes().await?;
    let fits = |mailbox: &&Mailbox| {
        mailbox.name == typed || (typed.len() >= 6 && mailbox.peer_id.starts_with(typed)) || mailbox.peer_id == typed
    };
    let mut fitting = mailboxes.iter().filter(fits);
    let mailbox = match (fitting.next(), fitting.next()) {
        (Some(mailbox), None) => mailbox,
        (Some(_), Some(_)) => {
            return Err(Failure::Usage(format!("several mailboxes are named “{typed}”: give the peer id")));
        }
        (None, _) => {
            return Err(Failure::NotFound(format!(
                "there is no mailbox “{typed}” here; `tidings mailbox list` shows them"
            )));
        }
    };
    api.drop_mailbox(&mailbox.peer_id).await?;
    if output.is_json() {
        return output.object(&lines::Mailbox::from(mailbox));
    }
    output.text(format_args!(
        "{} is not used any more. What it still keeps is not collected; others learn of it as they hear from you.",
        one_line(&mailbox.name)
    ))
}

async fn link(api: &Api, output: &Output) -> Result<(), Failure> {
    let link = api.mailbox_link().await?;
    if output.is_json() {
        return output.object(&lines::MailboxLink { link: &link.link });
    }
    output.text(&link.link)?;
    output.remark("Whoever has this link can have envelopes kept here: `tidings mailbox use LINK`.");
    Ok(())
}
