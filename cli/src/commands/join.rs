//! `join`: joins a conversation by an invite link.

use crate::api::{Api, Standing};
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{LEAD, Output, STRONG, lines, styled};
use crate::resolve::short;

pub(super) async fn run(api: &Api, output: &Output, link: &str) -> Result<(), Failure> {
    let conversation = api.join(link).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    let name = styled(STRONG, one_line(&conversation.name));
    if conversation.standing == Standing::Joining {
        return output.text(format_args!(
            "You asked to join {name}. It appears in `tidings list` as soon as a member lets you in; \
             that may take until one of them can be reached."
        ));
    }
    output.text(format_args!(
        "You are in {name}. Read with {}.",
        styled(LEAD, format_args!("tidings read {}", short(&conversation.id)))
    ))
}
