//! `restore`: a node out of a backup, where there is none.

use std::path::Path;

use tidings_node::backup::{Restored, restore};

use super::bundle::counted;
use crate::failure::Failure;
use crate::output::time::Clock;
use crate::output::{Output, lines};
use crate::settings::{self, Home};

pub(super) async fn run(
    home: &Home,
    output: &Output,
    path: &Path,
    passphrase_file: Option<&Path>,
) -> Result<(), Failure> {
    let passphrase = settings::passphrase(passphrase_file, "The passphrase of this backup", false)?;
    let restored = Box::pin(restore(path, &passphrase, &home.path)).await;
    let Restored { account, name, made_at_ms, contents, has_passphrase } =
        restored.map_err(|error| Failure::Refused(error.to_string()))?;
    if output.is_json() {
        return output.object(&lines::Restored {
            account: &account.to_string(),
            name: &name,
            made_at_ms,
            conversations: contents.conversations,
            messages: contents.messages,
        });
    }
    output.text(format_args!(
        "Restored {name} as of {}: {}, {}.",
        Clock::of_this_machine().moment(made_at_ms),
        counted(contents.conversations, "conversation"),
        counted(contents.messages, "message"),
    ))?;
    let up = home.command("up");
    let lock = if has_passphrase { ", with the backup\'s passphrase as the home\'s (--passphrase-file)" } else { "" };
    output.text(format_args!(
        "Start it with `{up}`{lock}. It reads what others kept since then, and comes back into each conversation as soon as \
         a member can be reached. The node that the backup was made of must not run any more: two of one node put each \
         other out of their conversations."
    ))
}
