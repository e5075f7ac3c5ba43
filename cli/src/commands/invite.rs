//! `invite`: makes, lists and revokes the links by which people join a conversation.

use std::time::Duration;

use super::card;
use crate::api::{Api, Invite, NewInvite, Role};
use crate::args;
use crate::failure::Failure;
use crate::output::table::{Cell, table};
use crate::output::text::one_line;
use crate::output::{Output, PLAIN, QUIET, STRONG, lines};
use crate::resolve::{self, short};

pub(super) async fn run(api: &Api, output: &Output, typed: &args::Invite) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, &typed.conversation).await?;
    if let Some(invite) = &typed.revoke {
        let invite = resolve::invite(&api.group(&conversation.id).await?.invites, invite)?.id.clone();
        api.revoke_invite(&conversation.id, &invite).await?;
        return if output.is_json() {
            output.object(&lines::Started { conversation: &conversation.id })
        } else {
            output.text("It is revoked: every member who has learnt of it turns away whoever comes by that link.")
        };
    }
    if typed.list {
        return list(output, &api.group(&conversation.id).await?.invites);
    }
    let new = NewInvite {
        role: if typed.read_only { Role::ReadOnly } else { Role::Member },
        expires_in_ms: u64::try_from(typed.expires.as_millis()).unwrap_or(u64::MAX),
        uses: (!typed.unlimited).then_some(typed.uses),
        approval: typed.approval,
    };
    let made = api.create_invite(&conversation.id, &new).await?;
    if output.is_json() {
        return output.object(&made);
    }
    let link = made.link.as_deref().unwrap_or_default();
    if typed.qr {
        output.text(card::drawn_link(link, output.page().columns)?)?;
    }
    output.text(link)?;
    let people = match new.uses {
        None => "Any number of people".to_owned(),
        Some(1) => "One person".to_owned(),
        Some(number) => format!("{number} people"),
    };
    let asks = if typed.approval { ", once somebody here agrees" } else { "" };
    output.remark(format_args!(
        "{people} may join {} by it within {}{asks}: `tidings join LINK`. `tidings invite {} --revoke {}` ends it.",
        one_line(&conversation.name),
        span(typed.expires),
        short(&conversation.id),
        short(&made.id),
    ));
    Ok(())
}

fn list(output: &Output, invites: &[Invite]) -> Result<(), Failure> {
    if output.is_json() {
        return invites.iter().try_for_each(|invite| output.object(invite));
    }
    if invites.is_empty() {
        return output.text("Nobody can join by a link now. `tidings invite CONVERSATION` makes one.");
    }
    let page = output.page();
    let rows: Vec<_> = invites
        .iter()
        .map(|invite| {
            let uses = invite.uses.map_or_else(|| "any number".to_owned(), |uses| uses.to_string());
            let kind = match (invite.role, invite.approval) {
                (Role::ReadOnly, true) => "read-only, asks first",
                (Role::ReadOnly, false) => "read-only",
                (_, true) => "asks first",
                (_, false) => "",
            };
            [
                Cell::new(STRONG, short(&invite.id)),
                Cell::new(PLAIN, uses),
                Cell::new(PLAIN, one_line(&invite.creator_name)),
                Cell::new(QUIET, page.clock.relative(invite.expires_at_ms)),
                Cell::new(QUIET, kind),
            ]
        })
        .collect();
    output.text(table(["INVITE", "USES LEFT", "MADE BY", "UNTIL", ""], &rows, &[2], &page))
}

/// A length of time in its largest whole unit.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (number, unit) = units
        .into_iter()
        .find(|(unit, _)| seconds.is_multiple_of(*unit) && seconds >= *unit)
        .map_or((seconds, "second"), |(unit, name)| (seconds / unit, name));
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_its_largest_whole_unit() {
        assert_eq!(span(Duration::from_hours(7 * 24)), "7 days");
        assert_eq!(span(Duration::from_hours(1)), "1 hour");
        assert_eq!(span(Duration::from_secs(90)), "90 seconds");
    }
}
