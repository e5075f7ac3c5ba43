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
    let accounts: Vec<&str> = whom.iter().map(|member| member.account.as_str()).collect();
    api.remove_members(&conversation.id, &accounts).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    let names: Vec<String> = whom.iter().map(|member| one_line(&member.name)).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    output.text(format_args!(
        "{} {are} no longer in {}. Whoever has learnt of it writes so that it cannot be read there; members who are \
         away learn of it when they are back.",
        names.join(", "),
        one_line(&conversation.name)
    ))
}
