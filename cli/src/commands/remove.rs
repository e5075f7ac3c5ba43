//! `remove`: puts people out of a conversation.

use crate::api::Api;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{Output, lines};
use crate::resolve;

pub(super) async fn run(api: &Api, output: &Output, typed: &str, members: &[String]) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, typed).await?;
    let mut whom = Vec::with_capacity(members.len());
    for member in members {
        let member = resolve::member(&conversation.members, member)?;
        if member.me {
            return Err(Failure::Usage("that is you: `tidings leave` takes you out of a conversation".to_owned()));
        }
        whom.push(member);
    }
    for member in &whom {
        api.remove_member(&conversation.id, &member.account).await?;
    }
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    let names: Vec<String> = whom.iter().map(|member| one_line(&member.name)).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    output.text(format_args!(
        "{} {are} no longer in {}: what is written from now on cannot be read there.",
        names.join(", "),
        one_line(&conversation.name)
    ))
}
