//! `new`: starts a conversation.

use crate::api::Api;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{LEAD, Output, STRONG, lines, styled};
use crate::resolve::{self, short};

pub(super) async fn run(api: &Api, output: &Output, contacts: &[String], name: Option<&str>) -> Result<(), Failure> {
    let mut accounts = Vec::with_capacity(contacts.len());
    for typed in contacts {
        accounts.push(resolve::contact(api, typed).await?.account);
    }
    let conversation = api.create_conversation(&accounts, name).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    output.text(format_args!(
        "The conversation with {} is {}. Write with {}.",
        styled(STRONG, one_line(&conversation.name)),
        conversation.id,
        styled(LEAD, format_args!("tidings send {} TEXT", short(&conversation.id)))
    ))
}
