//! `members`: who is in a conversation; adds people, and decides about those who ask to join.

use std::fmt::Write as _;

use crate::api::{Api, Conversation, Group, Role, Standing};
use crate::args::Members;
use crate::failure::Failure;
use crate::output::table::{Cell, table};
use crate::output::text::one_line;
use crate::output::{Output, PLAIN, Page, QUIET, STRONG, WAITING, lines, styled};
use crate::resolve::{self, short};

pub(super) async fn run(api: &Api, output: &Output, typed: &Members) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, &typed.conversation).await?.id;
    let mut accounts = Vec::with_capacity(typed.add.len());
    for contact in &typed.add {
        accounts.push(resolve::contact(api, contact).await?.account);
    }
    let mut group = if accounts.is_empty() {
        api.group(&conversation).await?
    } else {
        api.add_members(&conversation, &accounts).await?
    };
    for (asked, accept) in
        typed.accept.iter().map(|name| (name, true)).chain(typed.refuse.iter().map(|name| (name, false)))
    {
        let account = resolve::request(&group.requests, asked)?.account.clone();
        api.decide(&conversation, &account, accept).await?;
        group = api.group(&conversation).await?;
    }
    if output.is_json() {
        let members = group.conversation.members.iter();
        return members.map(lines::Member::from).try_for_each(|member| output.object(&member));
    }
    output.text(shown(&group, &output.page()))
}

fn shown(group: &Group, page: &Page) -> String {
    let rows: Vec<_> = group
        .conversation
        .members
        .iter()
        .map(|member| {
            let name = if member.me { format!("{} (you)", one_line(&member.name)) } else { one_line(&member.name) };
            let nodes = if member.nodes > 1 { format!("{} nodes", member.nodes) } else { String::new() };
            [
                Cell::new(STRONG, name),
                Cell::new(if member.role == Role::Member { QUIET } else { PLAIN }, word(member.role)),
                Cell::new(QUIET, short(&member.account)),
                Cell::new(QUIET, nodes),
            ]
        })
        .collect();
    let mut shown = table(["NAME", "ROLE", "ID", ""], &rows, &[0], page);
    // Writing to a string cannot fail, here and below.
    for request in &group.requests {
        let _written = writeln!(
            shown,
            "{} asks to join ({})",
            styled(WAITING, one_line(&request.name)),
            styled(QUIET, short(&request.account))
        );
    }
    for told in group.pending.iter().chain(&group.given_up) {
        let _written = writeln!(shown, "{}", styled(WAITING, one_line(told)));
    }
    if let Some(why) = apart(&group.conversation) {
        let _written = writeln!(shown, "{}", styled(WAITING, why));
    }
    shown
}

/// What is to be known of a conversation that one is not simply in.
pub(super) fn apart(conversation: &Conversation) -> Option<String> {
    match (conversation.standing, &conversation.refused) {
        (_, Some(refused)) => Some(one_line(refused)),
        (Standing::Member, None) => None,
        (Standing::Removed, None) => {
            Some("You were removed: these are the members as they were known here then.".to_owned())
        }
        (Standing::Left, None) => Some("You left: these are the members as they were known here then.".to_owned()),
        (Standing::Joining, None) => Some("You asked to join; no member has let you in yet.".to_owned()),
        (Standing::ComingBack, None) => {
            Some("Your node lost touch with this group and is being let in again.".to_owned())
        }
    }
}

/// A role as people say it.
pub(super) fn word(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::ReadOnly => "read-only",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::time::Clock;

    #[test]
    fn members_are_listed_with_their_roles_and_who_asks_below() {
        let json = r#"{"conversation":{"conversation":"cc","name":"Hiking","direct":false,"unread":0,"last_at_ms":1,
            "members":[{"account":"aaaaaaaaaa","name":"Alice","me":true,"role":"owner","nodes":2},
                       {"account":"bbbbbbbbbb","name":"Bob\u001b[2J","role":"read_only","nodes":1}]},
            "history":{"kind":"nothing"},"disappearing_s":0,"may_invite":"everybody","may_edit":"admins","invites":[],
            "suite":"hybrid","could_be_hybrid":false,"pending":[],
            "requests":[{"account":"cccccccccc","name":"Carol","invite":"11","asked_at_ms":1}]}"#;
        let page = Page { columns: Some(80), clock: Clock::standing_at("2026-11-22T10:51:00+00:00[UTC]") };
        let shown = anstream::adapter::strip_str(&shown(&serde_json::from_str(json).unwrap(), &page)).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].starts_with("Alice (you)  owner"), "{shown}");
        assert!(lines[2].contains("read-only") && !lines[2].contains('\u{1b}'), "{shown}");
        assert_eq!(lines[3], "Carol asks to join (cccccccc)");
        assert_eq!(lines.len(), 4);
        let removed = json.replacen(r#""direct":false"#, r#""direct":false,"standing":"removed""#, 1);
        let shown_removed = self::shown(&serde_json::from_str(&removed).unwrap(), &page);
        assert!(shown_removed.contains("You were removed: these are the members as they were known here then."));
        let refused =
            json.replacen(r#""direct":false"#, r#""standing":"removed","refused":"The invite was refused: no.""#, 1);
        let shown_refused = self::shown(&serde_json::from_str(&refused).unwrap(), &page);
        assert!(shown_refused.contains("The invite was refused: no.") && !shown_refused.contains("You were removed"));
    }
}
