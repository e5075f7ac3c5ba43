//! `requests`, `accept`, `refuse`, `block` and `unblock`: what strangers began, and of whom nothing is wanted.

use crate::api::{Api, StrangerRequest};
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{Output, QUIET, STRONG, lines, styled};
use crate::resolve::{self, short};

pub(super) async fn requests(api: &Api, output: &Output) -> Result<(), Failure> {
    let requests = api.requests().await?;
    if output.is_json() {
        return requests.iter().try_for_each(|request| output.object(request));
    }
    if requests.is_empty() {
        return output.text("Nobody you do not know wants to talk to you.");
    }
    let clock = output.page().clock;
    for request in &requests {
        output.text(format_args!(
            "{}  {}  {}  {}",
            styled(STRONG, one_line(&request.name)),
            styled(QUIET, short(&request.conversation)),
            what(request),
            clock.relative(request.at_ms)
        ))?;
        output.text(format_args!("  {}", styled(QUIET, one_line(&request.fingerprint))))?;
        if !request.met_in.is_empty() {
            let groups: Vec<String> = request.met_in.iter().map(|name| one_line(name)).collect();
            output.text(format_args!("  is with you in {}", groups.join(", ")))?;
        }
    }
    output.remark("`tidings accept`, `tidings refuse` or `tidings block`; until then they learn nothing from you.");
    Ok(())
}

fn what(request: &StrangerRequest) -> String {
    let texts = match request.messages {
        0 => "no message yet".to_owned(),
        1 => "1 message".to_owned(),
        some => format!("{some} messages"),
    };
    if request.direct {
        return format!("wants to write to you, {texts}");
    }
    let name = if request.group_name.is_empty() { "a group".to_owned() } else { one_line(&request.group_name) };
    format!("brought you into {name}, {} people, {texts}", request.people)
}

pub(super) async fn accept(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let requests = api.requests().await?;
    let request = resolve::stranger(&requests, typed)?;
    let conversation = api.accept_request(&request.conversation).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation.id });
    }
    output.text(format_args!(
        "{} is open now: `tidings read {}`.",
        one_line(&conversation.name),
        short(&conversation.id)
    ))
}

pub(super) async fn refuse(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let requests = api.requests().await?;
    let request = resolve::stranger(&requests, typed)?;
    api.refuse_request(&request.conversation).await?;
    if output.is_json() {
        return output.object(&lines::Started { conversation: &request.conversation });
    }
    output.text(format_args!("What {} wrote is gone from this node.", one_line(&request.name)))
}

pub(super) async fn block(api: &Api, output: &Output, typed: Option<&str>) -> Result<(), Failure> {
    let Some(typed) = typed else { return list_blocked(api, output).await };
    let (account, name) = resolve::person(api, typed).await?;
    api.block(&account).await?;
    if output.is_json() {
        return output.object(&lines::Added { contact: &account });
    }
    output.text(format_args!("{} is blocked, and is not told. `tidings unblock` takes it back.", one_line(&name)))
}

async fn list_blocked(api: &Api, output: &Output) -> Result<(), Failure> {
    let blocked = api.blocked().await?;
    if output.is_json() {
        return blocked.iter().try_for_each(|blocked| output.object(blocked));
    }
    if blocked.is_empty() {
        return output.text("Nobody is blocked.");
    }
    let clock = output.page().clock;
    for blocked in &blocked {
        let (name, id) = (one_line(&blocked.name), short(&blocked.account));
        output.text(format_args!(
            "{}  {}  {}",
            styled(STRONG, name),
            styled(QUIET, id),
            clock.relative(blocked.at_ms)
        ))?;
    }
    Ok(())
}

pub(super) async fn unblock(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let blocked = api.blocked().await?;
    let blocked = resolve::blocked(&blocked, typed)?;
    api.unblock(&blocked.account).await?;
    if output.is_json() {
        return output.object(&lines::Added { contact: &blocked.account });
    }
    output.text(format_args!("{} is not blocked any more.", one_line(&blocked.name)))
}
