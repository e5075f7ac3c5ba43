//! `contacts`: everybody known here.

use std::fmt::Write as _;

use crate::api::{Api, Contact};
use crate::failure::Failure;
use crate::output::text::{columns, cut, one_line, wrapped};
use crate::output::{GOOD, Output, PLAIN, Page, QUIET, STRONG, WAITING, styled};
use crate::resolve::short;

/// A name longer than this is cut, so that the states stay in sight.
const NAME_COLUMNS_MAX: usize = 40;

pub(super) async fn run(api: &Api, output: &Output) -> Result<(), Failure> {
    let contacts = api.contacts().await?;
    if output.is_json() {
        return contacts.iter().try_for_each(|contact| output.object(contact));
    }
    if contacts.is_empty() {
        return output.text(
            "You know nobody yet. `tidings card` prints your link to give away; `tidings add LINK` adds theirs.",
        );
    }
    output.text(shown(&contacts, &output.page()))
}

/// A line for the person and one for the safety number, which is there to be compared.
fn shown(contacts: &[Contact], page: &Page) -> String {
    let room = page.columns.map_or(NAME_COLUMNS_MAX, |columns| columns.saturating_sub(34).min(NAME_COLUMNS_MAX));
    let names: Vec<String> = contacts.iter().map(|contact| cut(&name(contact), room)).collect();
    let width = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    let mut shown = String::new();
    for (contact, name) in contacts.iter().zip(&names) {
        let (style, state) = state(contact);
        let padding = width.saturating_sub(columns(name));
        // Writing to a string cannot fail, here and below.
        let _written = writeln!(
            shown,
            "{}{:padding$}  {}  {}",
            styled(STRONG, name),
            "",
            styled(QUIET, short(&contact.account)),
            styled(style, state)
        );
        let verified =
            contact.verified_at_ms.map(|at_ms| format!("  verified in person {}", page.clock.relative(at_ms)));
        let verified = verified.unwrap_or_default();
        let _written =
            writeln!(shown, "  {}{}", styled(QUIET, one_line(&contact.safety_number)), styled(GOOD, verified));
    }
    let compare = "Both of you see the same sixty digits when nobody stands between you: compare them.";
    let _written = writeln!(shown, "\n{}", styled(QUIET, wrapped(compare, "", page.text_columns())));
    shown
}

fn name(contact: &Contact) -> String {
    if contact.name.is_empty() { "(no name yet)".to_owned() } else { one_line(&contact.name) }
}

fn state(contact: &Contact) -> (anstyle::Style, &'static str) {
    match contact {
        Contact { blocked: true, .. } => (WAITING, "blocked"),
        Contact { card_complete: false, .. } => (WAITING, "card not here yet"),
        Contact { added: false, online: true, .. } => (GOOD, "online, wrote to you first"),
        Contact { added: false, .. } => (PLAIN, "wrote to you first"),
        Contact { online: true, .. } => (GOOD, "online"),
        Contact { .. } => (QUIET, "away"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::time::Clock;

    #[test]
    fn people_line_up_with_what_is_known_of_them() {
        let contact = |name: &str, online, card_complete| Contact {
            account: "ab".repeat(32),
            name: name.to_owned(),
            added: true,
            card_complete,
            safety_number: ["12345"; 12].join(" "),
            online,
            conversation: None,
            blocked: false,
            verified_at_ms: None,
        };
        let page = Page { columns: Some(80), clock: Clock::standing_at("2026-11-22T10:51:00+00:00[UTC]") };
        let shown = shown(&[contact("Bob", true, true), contact("", false, false)], &page);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "Bob            abababab  online");
        assert_eq!(lines[2], "(no name yet)  abababab  card not here yet");
        assert!(lines.iter().take(4).all(|line| columns(line) <= 80), "{shown}");
    }
}
