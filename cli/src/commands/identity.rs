//! `identity`: who people are elsewhere, what of it is proved, and by whom.

mod browser;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use self::browser::Door;
use crate::api::{Api, Identity, Issuer};
use crate::args::{AcceptTyped, IdentityVerb, LinkTyped};
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{GOOD, Output, PLAIN, Page, QUIET, STRONG, WAITING, styled};
use crate::resolve::{self, short};
use crate::settings;

pub(super) async fn run(api: &Api, output: &Output, verb: &IdentityVerb) -> Result<(), Failure> {
    match verb {
        IdentityVerb::Link(typed) => link(api, output, typed).await,
        IdentityVerb::Mail { file } => mail(api, output, file.as_deref()).await,
        IdentityVerb::List => list(api, output).await,
        IdentityVerb::Verify { contact, offline } => verify(api, output, contact, *offline).await,
        IdentityVerb::Unlink { identity } => unlink(api, output, identity).await,
        IdentityVerb::Accept(typed) => accept(api, output, typed).await,
        IdentityVerb::Reject { issuer, client_id } => reject(api, output, issuer, client_id).await,
        IdentityVerb::Issuers => issuers(api, output).await,
    }
}

async fn link(api: &Api, output: &Output, typed: &LinkTyped) -> Result<(), Failure> {
    let door = Door::open(typed.port).await?;
    let url = api.begin_identity(&typed.issuer, &door.back).await?;
    if output.is_json() {
        output.object(&serde_json::json!({ "open": url }))?;
    } else {
        output.remark("Open this in a browser on this machine, and sign in there:");
        output.text(&url)?;
    }
    let came = door.wait().await?;
    let linked = api.finish_identity(&came).await?;
    if output.is_json() {
        return output.object(&linked);
    }
    output.text(format_args!("Your card says now: {}", what(&linked)))
}

/// A mail with all its headers; the node takes no larger ones.
const MAIL_BYTES_MAX: u64 = 64 * 1024;

async fn mail(api: &Api, output: &Output, file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else {
        let subject = api.begin_mail().await?;
        if output.is_json() {
            return output.object(&serde_json::json!({ "subject": subject }));
        }
        output.remark("Send a mail from the address, to yourself, with exactly this subject:");
        output.text(&subject)?;
        output.remark(
            "Then save what arrived with all its headers, and bring it: tidings identity mail FILE\nYour contacts get that \
             mail as the proof, so write nothing else in it.",
        );
        return Ok(());
    };
    let unreadable = |error: std::io::Error| Failure::Refused(format!("{} cannot be read: {error}", file.display()));
    let mut message = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAIL_BYTES_MAX + 1).read_to_end(&mut message).map_err(unreadable)?;
    if message.len() as u64 > MAIL_BYTES_MAX {
        return Err(Failure::Refused(
            "a mail that proves an address has at most 64 KiB: write nothing else in it".to_owned(),
        ));
    }
    let linked = api.finish_mail(&message).await?;
    if output.is_json() {
        return output.object(&linked);
    }
    output.text(format_args!("Your card says now: {}", what(&linked)))
}

async fn list(api: &Api, output: &Output) -> Result<(), Failure> {
    let identities = api.identities().await?;
    if output.is_json() {
        return identities.iter().try_for_each(|identity| output.object(identity));
    }
    if identities.is_empty() {
        return output.text(
            "Your card does not say who you are elsewhere. `tidings identity link google` proves it by signing in there.",
        );
    }
    output.text(shown(&identities, &output.page()))
}

async fn verify(api: &Api, output: &Output, typed: &str, offline: bool) -> Result<(), Failure> {
    let contact = resolve::contact(api, typed).await?;
    let identities = if offline {
        api.identities_of(&contact.account).await?
    } else {
        api.check_identities_of(&contact.account).await?
    };
    if output.is_json() {
        return identities.iter().try_for_each(|identity| output.object(identity));
    }
    if identities.is_empty() {
        return output.text(format_args!(
            "{} proves nothing about who they are elsewhere. Compare the safety number that `tidings contacts` shows: it \
             proves more than any server can.",
            one_line(&contact.name)
        ));
    }
    output.text(shown(&identities, &output.page()))
}

async fn unlink(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let identities = api.identities().await?;
    let mut fitting = identities.iter().filter(|identity| typed.len() >= 6 && identity.identity.starts_with(typed));
    let identity = match (fitting.next(), fitting.next()) {
        (Some(identity), None) => identity,
        (Some(_), Some(_)) => return Err(Failure::Usage(format!("several identities begin with “{typed}”"))),
        (None, _) => {
            return Err(Failure::NotFound(format!(
                "no identity “{typed}” is linked; `tidings identity list` shows those that are"
            )));
        }
    };
    api.unlink_identity(&identity.identity).await?;
    if output.is_json() {
        return output.object(identity);
    }
    output.text(format_args!("Your card does not say any more: {}", what(identity)))
}

async fn accept(api: &Api, output: &Output, typed: &AcceptTyped) -> Result<(), Failure> {
    let secret = match &typed.secret_file {
        Some(file) => Some(settings::passphrase(Some(file), "The program's secret", false)?),
        None => None,
    };
    let issuer = Issuer { issuer: typed.issuer.clone(), client_id: typed.client_id.clone(), own: typed.own };
    api.accept_issuer(&issuer, secret.as_ref().map(|secret| secret.as_str())).await?;
    if output.is_json() {
        return output.object(&issuer);
    }
    output.text(format_args!(
        "What {} says to {} counts here now.",
        one_line(&issuer.issuer),
        one_line(&issuer.client_id)
    ))
}

async fn reject(api: &Api, output: &Output, issuer: &str, client_id: &str) -> Result<(), Failure> {
    api.reject_issuer(issuer, client_id).await?;
    if output.is_json() {
        return output.object(&serde_json::json!({ "issuer": issuer, "client_id": client_id }));
    }
    output.text(format_args!("What {} says to {} counts here no longer.", one_line(issuer), one_line(client_id)))
}

async fn issuers(api: &Api, output: &Output) -> Result<(), Failure> {
    let issuers = api.issuers().await?;
    if output.is_json() {
        return issuers.iter().try_for_each(|issuer| output.object(issuer));
    }
    if issuers.is_empty() {
        return output.text(
            "No issuer's word counts here yet. `tidings identity accept google --client-id ID` lets one count, as it was \
             given to that program.",
        );
    }
    let mut shown = String::new();
    for issuer in &issuers {
        let own = if issuer.own { "  yours" } else { "" };
        // Writing to a string cannot fail, here and below.
        let _written = writeln!(
            shown,
            "{}  {}{}",
            styled(STRONG, one_line(&issuer.issuer)),
            styled(PLAIN, one_line(&issuer.client_id)),
            styled(GOOD, own)
        );
    }
    output.text(shown.trim_end())
}

/// A line for what is proved, and one for what that rests on.
fn shown(identities: &[Identity], page: &Page) -> String {
    let mut shown = String::new();
    for identity in identities {
        let (style, rests) = match identity.standing.as_str() {
            "verified" if identity.issuer.is_none() => (GOOD, "proved: the key of its own domain signed it"),
            "verified" => (GOOD, "proved: the issuer's own key signed it"),
            "carried" => (WAITING, "not checked yet: signed with a key that came with it"),
            "missing" => (QUIET, "not here yet: it comes when one of you can reach the other"),
            _ => (WAITING, "proves nothing"),
        };
        let _written =
            writeln!(shown, "{}  {}", styled(STRONG, what(identity)), styled(QUIET, short(&identity.identity)));
        let reason = identity.reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
        let until = identity.expires_at_ms.map(|at| format!("; ends {}", page.clock.relative(at)));
        let _written =
            writeln!(shown, "    {}", styled(style, format!("{rests}{reason}{}", until.unwrap_or_default())));
    }
    shown.trim_end().to_owned()
}

/// Who they are, as far as it holds.
fn what(identity: &Identity) -> String {
    match (&identity.email, &identity.subject, &identity.issuer) {
        (Some(email), _, Some(issuer)) => format!("{} at {}", one_line(email), one_line(issuer)),
        (Some(email), None, None) => one_line(email),
        (None, Some(subject), Some(issuer)) => format!("{} at {}", one_line(subject), one_line(issuer)),
        _ => "an identity elsewhere".to_owned(),
    }
}
