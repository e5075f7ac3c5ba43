//! `role`: changes what somebody may do in a conversation.

use super::members::word;
use crate::api::{Api, Role};
use crate::args;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{Output, lines};
use crate::resolve;

pub(super) async fn run(
    api: &Api,
    output: &Output,
    typed: &str,
    member: &str,
    role: args::Role,
) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, typed).await?;
    let member = resolve::member(&conversation.members, member)?;
    let role = match role {
        args::Role::Owner => Role::Owner,
        args::Role::Admin => Role::Admin,
        args::Role::Member => Role::Member,
        args::Role::ReadOnly => Role::ReadOnly,
    };
    api.set_role(&conversation.id, &member.account, role).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    output.text(format_args!("{} is {} in {} now.", one_line(&member.name), word(role), one_line(&conversation.name)))
}
