//! What must be true once everything has healed and come to rest.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tidings_node::handle::{Conversation, Message, MessageKind, MessageState, Role, Standing, SystemChange};
use tidings_node::ids::{AccountId, ConversationId, MessageId};

use super::Report;
use super::people::{Accepted, People, transcript, view};
use crate::world::{Place, World};

/// One account's side of a conversation at the end.
struct Side {
    account: AccountId,
    here: Conversation,
    transcript: Vec<Message>,
    authenticator: Option<Vec<u8>>,
}

/// Looks at everything, on every node.
pub(super) async fn check(world: &mut World, people: &People) -> Result<Report> {
    let mut report = Report {
        changes: people.changes,
        crashes: world.crashes,
        circuits: world.circuits_ended,
        jumps: world.jumps,
        readable: world.readable,
        steps: world.steps,
        trace: world.trace(),
        forgotten: world.forgotten.len() as u64,
        findings: world.forgotten.clone(),
        ..Report::default()
    };
    report.lost += report.forgotten;
    let (cuts, fills) = world.disk_faults();
    report.fills = fills;
    for kind in cuts {
        *report.cuts.entry(format!("{kind:?}")).or_default() += 1;
    }
    let mut settled_elsewhere = BTreeSet::new();
    for (conversation, accepted) in &people.accepted {
        let mut sides = Vec::new();
        for at in 0..world.nodes() {
            sides.extend(side(world, at, *conversation).await?);
        }
        report.messages += accepted.messages.len() as u64;
        settled_elsewhere.extend(check_conversation(&mut report, accepted, &sides));
    }
    for at in 0..world.nodes() {
        // Who came late, or went, may hold what it has no keys for; what it should have read is looked at above.
        if settled_elsewhere.contains(&world.account(at)?) {
            continue;
        }
        let unsettled = world.engine(at)?.unsettled().await?;
        if unsettled.parked + unsettled.owed > 0 {
            report.findings.push(format!("node {at}: {unsettled:?}"));
        }
        report.undecryptable += unsettled.parked + unsettled.owed;
    }
    Ok(report)
}

async fn side(world: &mut World, at: Place, conversation: ConversationId) -> Result<Option<Side>> {
    let Some(here) = view(world, at, conversation).await? else { return Ok(None) };
    let account = world.account(at)?;
    let transcript = transcript(world, at, conversation).await?;
    let authenticator = world.engine(at)?.authenticator(conversation).await?;
    Ok(Some(Side { account, here, transcript, authenticator }))
}

/// Gives the accounts that were not members all the time.
fn check_conversation(report: &mut Report, accepted: &Accepted, sides: &[Side]) -> BTreeSet<AccountId> {
    let members = members_of_the_largest(sides);
    let is_elsewhere = |side: &&Side| !members.iter().any(|member| member.account == side.account);
    let elsewhere = sides.iter().filter(is_elsewhere);
    report.orphaned += elsewhere.filter(|side| side.here.standing == Standing::Member).count() as u64;
    let mut on_the_way: BTreeSet<AccountId> = sides.iter().filter(is_elsewhere).map(|side| side.account).collect();
    let Some(reference) = members.iter().max_by_key(|side| side.transcript.len()).copied() else { return on_the_way };
    check_agreement(report, &members, sides);
    on_the_way.extend(came_or_went(reference));
    for side in &members {
        let ids: BTreeSet<MessageId> = side.transcript.iter().map(|message| message.id).collect();
        let texts = side.transcript.iter().filter(|message| message.kind == MessageKind::Text);
        let distinct: BTreeSet<(&str, AccountId)> =
            texts.clone().map(|message| (message.text.as_str(), message.sender)).collect();
        let doubled = texts.count() - distinct.len() + (side.transcript.len() - ids.len());
        report.duplicated += doubled as u64;
        for (id, (author, audience)) in &accepted.messages {
            if ids.contains(id) || !audience.contains(&side.account) {
                continue;
            }
            let is_member = |account: &AccountId| members.iter().any(|side| side.account == *account);
            if on_the_way.contains(&side.account) || on_the_way.contains(author) || !is_member(author) {
                report.apart += 1;
            } else {
                report.lost += 1;
                report.findings.push(format!("{id:?} of {author:?} is not at {:?}", side.account));
            }
        }
        check_transcript(report, accepted, reference, side, &on_the_way);
        let proved = |state| matches!(state, MessageState::Delivered | MessageState::Seen);
        let unproved = side.transcript.iter().filter(|message| message.mine && message.kind == MessageKind::Text);
        let unproved = unproved.filter(|message| !proved(message.state)).count();
        if unproved > 0 && on_the_way.is_empty() {
            report.findings.push(format!("{unproved} messages of {:?} are not proved to have arrived", side.account));
            report.diverged += unproved as u64;
        }
    }
    on_the_way
}

/// Those who stand in the group as most see it, and those whom these have as members. Of two views that as many share, the
/// one that misses fewer of those whom it lists.
///
/// Whoever is left out was removed there, or was added by somebody whose own removal won, and cannot know it.
fn members_of_the_largest(sides: &[Side]) -> Vec<&Side> {
    let standing = || sides.iter().filter(|side| side.here.standing == Standing::Member);
    let together = |side: &&Side| standing().filter(|other| other.authenticator == side.authenticator).count();
    let missed = |side: &&Side| side.here.members.len().saturating_sub(together(side));
    let agreement = |side: &&Side| (together(side), std::cmp::Reverse(missed(side)));
    let Some(largest) = standing().rev().max_by_key(agreement) else { return Vec::new() };
    let is_listed = |side: &&Side| largest.here.members.iter().any(|member| member.account == side.account);
    standing().filter(is_listed).collect()
}

/// All who think that they are members agree on the exported secret and on the members, and they are these members.
fn check_agreement(report: &mut Report, members: &[&Side], sides: &[Side]) {
    let roles = |side: &Side| -> BTreeMap<AccountId, Role> {
        side.here.members.iter().map(|member| (member.account, member.role)).collect()
    };
    let states: BTreeSet<_> = members.iter().map(|side| (&side.authenticator, roles(side))).collect();
    if states.len() > 1 {
        report.diverged += 1;
        let secret = |side: &Side| side.authenticator.as_ref().and_then(|secret| secret.first().copied());
        for side in members {
            let line = format!("{} is in {:?} with {:?}", short(&side.account), secret(side), named(&roles(side)));
            report.findings.push(line);
        }
    }
    let standing: BTreeSet<AccountId> = members.iter().map(|side| side.account).collect();
    let listed: BTreeSet<AccountId> = members.iter().flat_map(|side| roles(side).into_keys()).collect();
    let absent: Vec<_> = listed.difference(&standing).collect();
    report.stranded += absent.len() as u64;
    if !absent.is_empty() {
        let stands = |account: &&&AccountId| {
            let side = sides.iter().find(|side| side.account == ***account);
            format!("{} {:?}", short(account), side.map(|side| side.here.standing))
        };
        let standing: Vec<String> = absent.iter().map(|account| stands(&account)).collect();
        report.findings.push(format!("listed as members and standing elsewhere: {standing:?}"));
    }
}

fn named(roles: &BTreeMap<AccountId, Role>) -> Vec<String> {
    roles.iter().map(|(account, role)| format!("{} {role:?}", short(account))).collect()
}

/// The beginning of an account's id, as people read it.
fn short(account: &AccountId) -> String {
    format!("{account:?}").chars().filter(char::is_ascii_hexdigit).skip(4).take(6).collect()
}

/// The same lines in the same order, for each from when it came.
fn check_transcript(
    report: &mut Report,
    accepted: &Accepted,
    reference: &Side,
    side: &Side,
    on_the_way: &BTreeSet<AccountId>,
) {
    let ids = |side: &Side| -> Vec<MessageId> { side.transcript.iter().map(|message| message.id).collect() };
    let (mut theirs, mut ours) = (ids(reference), ids(side));
    // What somebody wrote where the group did not go on is said again by its author, and not by who has gone: counted above.
    let is_apart = |id: &MessageId| accepted.messages.get(id).is_some_and(|(author, _)| on_the_way.contains(author));
    let only_here = |list: &[MessageId], other: &[MessageId]| -> BTreeSet<MessageId> {
        list.iter().filter(|id| is_apart(id) && !other.contains(id)).copied().collect()
    };
    let apart: BTreeSet<MessageId> = &only_here(&theirs, &ours) | &only_here(&ours, &theirs);
    theirs.retain(|id| !apart.contains(id));
    ours.retain(|id| !apart.contains(id));
    let is_the_same = if accepted.founders.contains(&side.account) && !on_the_way.contains(&side.account) {
        theirs == ours
    } else {
        let common: BTreeSet<&MessageId> = theirs.iter().filter(|id| ours.contains(id)).collect();
        let of =
            |list: &[MessageId]| -> Vec<MessageId> { list.iter().filter(|id| common.contains(id)).copied().collect() };
        of(&theirs) == of(&ours)
    };
    if !is_the_same {
        report.diverged += 1;
        let sequence = |side: &Side| -> Vec<String> {
            side.transcript.iter().map(|message| format!("{} {}", message.place, message.text)).collect()
        };
        let line = format!("transcripts differ: {:#?} and {:#?}", sequence(reference), sequence(side));
        report.findings.push(line);
    }
}

/// Who was added, removed, left, joined or came back, by the winning branch's transcript.
fn came_or_went(side: &Side) -> BTreeSet<AccountId> {
    let mut accounts = BTreeSet::new();
    for message in &side.transcript {
        let MessageKind::System(line) = &message.kind else { continue };
        for change in &line.changes {
            if let SystemChange::Added { account, .. }
            | SystemChange::Removed { account, .. }
            | SystemChange::Left { account, .. }
            | SystemChange::Joined { account, .. }
            | SystemChange::CameBack { account, .. } = change
            {
                accounts.insert(*account);
            }
        }
    }
    accounts
}
