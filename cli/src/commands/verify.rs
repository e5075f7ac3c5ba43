//! `verify`: the safety number with a contact, to compare in person, and the mark that it was.

use super::card::drawn_link;
use crate::api::{Api, Verification};
use crate::args::Verify;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{GOOD, Output, QUIET, STRONG, styled};
use crate::resolve;

/// So many groups of five digits stand in a line.
const GROUPS_A_LINE: usize = 4;

pub(super) async fn run(api: &Api, output: &Output, typed: &Verify) -> Result<(), Failure> {
    let contact = resolve::contact(api, &typed.contact).await?;
    let before = api.verification(&contact.account).await?;
    let name = one_line(&contact.name);
    let verification = match (typed.matches, typed.undo) {
        (true, _) => api.verify(&contact.account, &before.safety_number).await?,
        (false, true) => api.unverify(&contact.account).await?,
        (false, false) => before,
    };
    if output.is_json() {
        return output.object(&verification);
    }
    if typed.matches {
        return output.text(format_args!("{name} is verified in person now."));
    }
    if typed.undo {
        return output.text(format_args!("{name} is not verified any more."));
    }
    shown(output, &name, &verification)
}

fn shown(output: &Output, name: &str, verification: &Verification) -> Result<(), Failure> {
    if verification.safety_number.is_empty() {
        return Err(Failure::Refused(format!(
            "the card of {name} has not arrived yet, and there is nothing to compare"
        )));
    }
    let groups: Vec<&str> = verification.safety_number.split_whitespace().collect();
    for line in groups.chunks(GROUPS_A_LINE) {
        output.text(styled(STRONG, line.join(" ")))?;
    }
    // A code that does not fit is no reason to keep the digits back.
    if let Ok(code) = drawn_link(&groups.concat(), output.page().columns) {
        output.text(code)?;
    }
    match verification.verified_at_ms {
        Some(at_ms) => {
            let when = output.page().clock.relative(at_ms);
            output.text(styled(GOOD, format_args!("Verified in person, {when}.")))
        }
        None => output.text(styled(
            QUIET,
            format_args!("Compare it with what {name} sees. If it is the same: `tidings verify --matches`."),
        )),
    }
}
