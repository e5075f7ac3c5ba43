//! `leave`: leaves a conversation.

use crate::api::Api;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{Output, lines};
use crate::resolve;

pub(super) async fn run(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, typed).await?;
    api.leave(&conversation.id).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    output.text(format_args!(
        "You have left {}. What you have of it stays readable; the others are told as soon as one can be reached.",
        one_line(&conversation.name)
    ))
}
