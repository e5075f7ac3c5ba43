//! `token`: programs that may come in by the page's port, and what each of them may do.

use crate::api::{Api, NewToken, Token};
use crate::args;
use crate::failure::Failure;
use crate::output::table::{Cell, table};
use crate::output::text::one_line;
use crate::output::{Output, PLAIN, QUIET, STRONG};
use crate::resolve::{self, short};

pub(super) async fn run(api: &Api, output: &Output, verb: &args::TokenVerb) -> Result<(), Failure> {
    match verb {
        args::TokenVerb::Create(new) => create(api, output, new).await,
        args::TokenVerb::List => list(api, output).await,
        args::TokenVerb::Revoke { token } => revoke(api, output, token).await,
    }
}

async fn create(api: &Api, output: &Output, typed: &args::NewToken) -> Result<(), Failure> {
    let mut conversations = Vec::with_capacity(typed.conversation.len());
    for conversation in &typed.conversation {
        conversations.push(resolve::conversation(api, conversation).await?.id);
    }
    let new = NewToken {
        name: &typed.name,
        read: typed.read,
        write: typed.write,
        conversations: Some(conversations).filter(|named| !named.is_empty()),
        expires_in_ms: typed.expires.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    };
    let made = api.create_token(&new).await?;
    if output.is_json() {
        return output.object(&made);
    }
    output.text(&made.text)?;
    output.remark(format_args!(
        "A program brings it in the header `Authorization: Bearer …`; it {}. It is shown this once: keep it like a \
         password. `tidings token revoke {}` ends it.",
        may(&made.token),
        short(&made.token.id),
    ));
    Ok(())
}

async fn list(api: &Api, output: &Output) -> Result<(), Failure> {
    let tokens = api.tokens().await?;
    if output.is_json() {
        return tokens.iter().try_for_each(|token| output.object(token));
    }
    if tokens.is_empty() {
        return output.text("There are no tokens. `tidings token create NAME --read` makes one.");
    }
    let page = output.page();
    let rows: Vec<_> = tokens
        .iter()
        .map(|token| {
            let relative = |at_ms: Option<u64>| at_ms.map_or_else(|| "never".to_owned(), |at| page.clock.relative(at));
            [
                Cell::new(QUIET, short(&token.id)),
                Cell::new(STRONG, one_line(&token.name)),
                Cell::new(PLAIN, may(token)),
                Cell::new(QUIET, relative(token.last_used_at_ms)),
                Cell::new(QUIET, relative(token.expires_at_ms)),
            ]
        })
        .collect();
    output.text(table(["TOKEN", "NAME", "IT", "LAST USED", "ENDS"], &rows, &[1, 2], &page))
}

async fn revoke(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let tokens = api.tokens().await?;
    let token = resolve::token(&tokens, typed)?;
    api.revoke_token(&token.id).await?;
    if output.is_json() {
        return output.object(token);
    }
    output.text(format_args!("“{}” is revoked: what was opened with it has ended.", one_line(&token.name)))
}

/// What a token may do, and where.
fn may(token: &Token) -> String {
    let what = match (token.read, token.write) {
        (true, true) => "reads and writes",
        (false, true) => "writes",
        (_, false) => "reads",
    };
    match token.conversations.as_ref().map(Vec::len) {
        None => format!("{what} in all conversations"),
        Some(1) => format!("{what} in 1 conversation"),
        Some(number) => format!("{what} in {number} conversations"),
    }
}
