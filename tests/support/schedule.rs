//! One seeded schedule: people talk and change their groups while everything fails, then everything heals, and the
//! checkers look.

mod check;
mod people;
mod weather;

use std::collections::BTreeMap;

use anyhow::Result;

use self::people::People;
use crate::faults::Faults;
use crate::world::{Fate, World};
use tidings_node::engine::{Command, MailboxOf};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// In one schedule of so many, the last node keeps envelopes for all others.
const MAILBOX_EVERY: u64 = 8;
/// In one schedule of so many of those with every fault, clocks jump.
const JUMP_EVERY: u64 = 2;
/// Cards that name it have reached everybody by then.
const MAILBOX_NAMED_WITHIN_MS: u64 = 5_000;
/// When people are done and everything is mended, the checkers look after so long: later than the latest duplicate, and
/// than the longest pause between attempts in haste. What is not right by then has some minutes more; and what is not right
/// even then has time to heal: whoever sits on a branch that all others have left learns it from their ballots, which takes
/// half an hour (PROTOCOL §3.5), and comes back.
const SETTLED_AFTER_MS: [u64; 3] = [80_000, 220_000, 90 * 60_000];

/// How much happens in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// Four messages and three changes of the group, within ten seconds.
    Small,
    /// A dozen messages and half a dozen changes, within half a minute.
    Usual,
    /// Forty messages and a dozen changes, within a minute and a half.
    Large,
}

impl Size {
    fn messages(self) -> u64 {
        match self {
            Self::Small => 4,
            Self::Usual => 12,
            Self::Large => 40,
        }
    }

    fn changes(self) -> u64 {
        match self {
            Self::Small => 3,
            Self::Usual => 6,
            Self::Large => 12,
        }
    }

    /// People are busy for this long, in virtual time.
    fn talk_ms(self) -> u64 {
        match self {
            Self::Small => 10_000,
            Self::Usual => 30_000,
            Self::Large => 90_000,
        }
    }
}

/// What one schedule came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Messages that a node accepted.
    pub messages: u64,
    /// Changes of groups that a node accepted.
    pub changes: u64,
    /// Accepted messages that an account of its audience, a member ever since, does not have at the end.
    pub lost: u64,
    /// Messages that somebody does not have who was removed, or whose author was, on the way: not a loss.
    pub apart: u64,
    /// Messages that some member has twice.
    pub duplicated: u64,
    /// Envelopes of members that could not be read at the end: parked, or refused again and again.
    pub undecryptable: u64,
    /// Groups whose members do not agree on the exported secret, the members and their roles, or the transcript.
    pub diverged: u64,
    /// Accounts that the others have as a member, and that do not stand there.
    pub stranded: u64,
    /// Accounts that think they are members, added by somebody whose own removal won: not a divergence of the members.
    pub orphaned: u64,
    /// Envelopes with something readable in them.
    pub readable: u64,
    /// Crashes on the way.
    pub crashes: u64,
    /// How many circuits of relays ended under people.
    pub circuits: u64,
    /// How often a clock jumped.
    pub jumps: u64,
    /// What a node with a failing disk had promised, and did not have when it started again: among those lost.
    pub forgotten: u64,
    /// At what its disk was when power went, and how often.
    pub cuts: BTreeMap<String, u64>,
    /// How often its disk was full.
    pub fills: u64,
    /// Whether it took longer than the usual time until all was right, or until it was seen that it is not.
    pub healed: bool,
    /// Inputs that were handled.
    pub steps: u64,
    /// A hash of all that happened.
    pub trace: String,
    /// What was wrong, in words.
    pub findings: Vec<String>,
}

impl Report {
    /// Whether everything is as it must be.
    pub fn is_clean(&self) -> bool {
        let wrong = self.lost + self.duplicated + self.undecryptable + self.diverged + self.stranded + self.readable;
        wrong == 0
    }
}

/// The last node keeps envelopes for all others.
async fn name_a_mailbox(world: &mut World) -> Result<()> {
    let keeper = world.nodes() - 1;
    world.serve_mailboxes(keeper, true).await?;
    let of = MailboxOf::Contact(world.account(keeper)?);
    for at in 0..keeper {
        let used = world.command(at, Command::UseMailbox(of.clone())).await?;
        anyhow::ensure!(matches!(used, Fate::Answered(Ok(_))), "the mailbox is not used: {used:?}");
    }
    world.run_until(world.now_ms() + MAILBOX_NAMED_WITHIN_MS).await
}

/// Runs one schedule.
pub async fn run(seed: u64, nodes: usize, faults: Faults, size: Size) -> Result<Report> {
    let mut world = World::new(seed, nodes, faults).await?;
    world.set_faults(false);
    for one in 0..nodes {
        for other in 0..one {
            world.exchange_links(one, other).await?;
        }
    }
    if seed.is_multiple_of(MAILBOX_EVERY) && nodes > 2 {
        name_a_mailbox(&mut world).await?;
    }
    world.set_faults(true);
    let weeks = faults.partition && nodes > 2 && seed % 32 == 7 && size != Size::Small;
    if faults.jump && (faults != Faults::ALL || seed % JUMP_EVERY == 1) {
        world.let_clocks_jump(if weeks { 50 * DAY_MS } else { size.talk_ms() });
    }
    let mut people = People::new(size);
    if weeks {
        weather::part_for_weeks(&mut world);
        people.talk_over(&mut world, 50 * DAY_MS).await?;
    } else {
        if faults.partition {
            weather::cut_and_mend(&mut world, size.talk_ms());
        }
        people.talk_over(&mut world, size.talk_ms()).await?;
    }
    world.heal().await?;
    let mut report = Report::default();
    for (number, after_ms) in SETTLED_AFTER_MS.into_iter().enumerate() {
        let until_ms = world.now_ms() + after_ms + if weeks && number == 0 { 2 * DAY_MS } else { 0 };
        world.run_until(until_ms).await?;
        report = Report { healed: number > 1, ..check::check(&mut world, &people).await? };
        if report.is_clean() {
            break;
        }
    }
    world.end().await?;
    Ok(report)
}
