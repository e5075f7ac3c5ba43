//! One file a verb. A verb asks the node, and prints the answer for people or for scripts.

mod add;
mod backup;
mod bundle;
mod card;
mod completions;
mod contacts;
mod doctor;
mod identity;
mod invite;
mod join;
mod leave;
mod link;
mod list;
mod mailbox;
mod members;
mod new;
mod read;
mod remove;
mod restore;
mod role;
mod send;
mod set;
mod show;
mod status;
mod storage;
mod strangers;
mod token;
mod up;
mod verify;
mod watch;

use crate::api::Api;
use crate::args::{Typed, Verb};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Home;

/// Does what was typed.
pub(crate) async fn run(typed: Typed) -> Result<(), Failure> {
    let output = Output::new(typed.json);
    if let Verb::Completions { shell } = typed.verb {
        return completions::run(&output, shell);
    }
    let home = Home::choose(typed.home)?;
    let api = Api::of(home.clone());
    match typed.verb {
        Verb::Up(up) => up::run(home, api, &output, up).await,
        Verb::Status => status::run(&api, &output).await,
        Verb::Doctor => doctor::run(&api, &output).await,
        Verb::Card { qr } => card::run(&api, &output, qr).await,
        Verb::Add { link } => add::run(&api, &output, &link).await,
        Verb::Contacts => contacts::run(&api, &output).await,
        Verb::Verify(typed) => verify::run(&api, &output, &typed).await,
        Verb::Requests => strangers::requests(&api, &output).await,
        Verb::Accept { request } => strangers::accept(&api, &output, &request).await,
        Verb::Refuse { request } => strangers::refuse(&api, &output, &request).await,
        Verb::Block { person } => strangers::block(&api, &output, person.as_deref()).await,
        Verb::Unblock { person } => strangers::unblock(&api, &output, &person).await,
        Verb::New { contacts, name } => new::run(&api, &output, &contacts, name.as_deref()).await,
        Verb::List => list::run(&api, &output).await,
        Verb::Send(send) => send::run(&api, &output, send).await,
        Verb::Read(read) => read::run(&api, &output, &read).await,
        Verb::Show { id } => show::run(&api, &output, &id).await,
        Verb::Members(typed) => members::run(&api, &output, &typed).await,
        Verb::Invite(typed) => invite::run(&api, &output, &typed).await,
        Verb::Join { link } => join::run(&api, &output, &link).await,
        Verb::Remove { conversation, members } => remove::run(&api, &output, &conversation, &members).await,
        Verb::Role { conversation, member, role } => role::run(&api, &output, &conversation, &member, role).await,
        Verb::Leave { conversation } => leave::run(&api, &output, &conversation).await,
        Verb::Set(typed) => set::run(&api, &output, &typed).await,
        Verb::Identity(verb) => identity::run(&api, &output, &verb).await,
        Verb::Mailbox(verb) => mailbox::run(&api, &output, &verb).await,
        Verb::Storage(typed) => storage::run(&api, &output, &typed).await,
        Verb::Bundle(verb) => bundle::run(&api, &output, &verb).await,
        Verb::Backup { file, passphrase_file } => backup::run(&api, &output, &file, passphrase_file.as_deref()).await,
        Verb::Restore { file, passphrase_file } => {
            restore::run(&home, &output, &file, passphrase_file.as_deref()).await
        }
        Verb::Watch => watch::run(&api, &output).await,
        Verb::Link => link::run(&api, &output).await,
        Verb::Token(verb) => token::run(&api, &output, &verb).await,
        Verb::Completions { .. } => Ok(()),
    }
}

/// Whether the verb is the one that runs for long and needs every core.
pub(crate) fn is_long(verb: &Verb) -> bool {
    matches!(verb, Verb::Up(_))
}
