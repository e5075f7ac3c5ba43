//! `add`: a person by their contact link.

use crate::api::Api;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{LEAD, Output, STRONG, lines, styled};
use crate::resolve::short;

pub(super) async fn run(api: &Api, output: &Output, link: &str) -> Result<(), Failure> {
    let contact = api.add_contact(link.trim()).await?;
    if output.is_json() {
        return output.object(&lines::Added { contact: &contact.account });
    }
    if !contact.card_complete {
        return output.text(format_args!(
            "Added {}. Their card arrives as soon as one of you can reach the other; then you can write to them.",
            short(&contact.account)
        ));
    }
    let name = one_line(&contact.name);
    output.text(format_args!(
        "Added {}. Write to them with {}.",
        styled(STRONG, &name),
        styled(LEAD, format_args!("tidings send {} TEXT", short(&contact.account)))
    ))
}
