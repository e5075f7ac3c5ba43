//! Random commits and ballots, drawn from a seed: honest ones, duels, floods, strange ballots, epochs nobody has.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tidings_crypto::epoch_id::EpochId;
use tidings_crypto::group::epochs::{Ballot, Choice, NodeKind, Rank, RankClass};
use tidings_crypto::identity::{AccountId, NodeId};

use crate::rule::Commit;

/// What crosses the network.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// A commit that made this epoch.
    Commit(EpochId, Commit),
    /// A node's ballot.
    Ballot(NodeId, Ballot),
}

/// A seeded source of choices.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() % limit as u64).unwrap()
    }

    /// Bytes that nobody has drawn before.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Puts a list into another order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// A node of an account: an account has up to three.
fn node_of(account: u8, node: u8) -> NodeId {
    NodeId([account * 10 + node; 32])
}

fn some_members(dice: &mut Dice, accounts: u8) -> BTreeMap<NodeId, AccountId> {
    let mut members = BTreeMap::new();
    for account in 0..accounts {
        let nodes = if dice.below(4) == 0 { u8::try_from(dice.below(4)).unwrap() } else { 1 };
        members.extend((0..nodes).map(|node| (node_of(account, node), AccountId([account; 32]))));
    }
    members
}

/// The first epoch, and facts about what came after it, parents before children.
pub(crate) fn history(dice: &mut Dice) -> ((EpochId, Commit), Vec<Fact>) {
    let accounts = u8::try_from(2 + dice.below(6)).unwrap();
    let root = EpochId(dice.bytes());
    let rank = Rank { class: RankClass::Other, power: 0, lottery: [0; 32], commit: root };
    let members = some_members(dice, accounts);
    let first = Commit { parent: None, number: 5, rank, kind: NodeKind::Held, members };
    let mut commits = vec![(root, first.clone())];
    for _ in 0..=dice.below(20) {
        // Near the end as often as anywhere: a long branch, or a bush.
        let reach = if dice.below(2) == 0 { commits.len().min(3) } else { commits.len() };
        let (parent, above) = commits[commits.len() - 1 - dice.below(reach)].clone();
        if above.kind == NodeKind::Tombstone {
            continue;
        }
        let members = if dice.below(3) == 0 { some_members(dice, accounts) } else { above.members.clone() };
        let epoch = EpochId(dice.bytes());
        let classes = [RankClass::Removal, RankClass::TakesAway, RankClass::Other, RankClass::Other];
        // Few lotteries, so that power, lottery and hash each decide sometimes.
        let (power, lottery) = (u8::try_from(dice.below(3)).unwrap(), u8::try_from(dice.below(3)).unwrap());
        let rank = Rank { class: classes[dice.below(4)], power, lottery: [lottery; 32], commit: epoch };
        let kinds: &[NodeKind] = match above.kind {
            NodeKind::Held => {
                &[NodeKind::Held, NodeKind::Held, NodeKind::Held, NodeKind::Skeleton, NodeKind::Tombstone]
            }
            NodeKind::Skeleton => &[NodeKind::Held, NodeKind::Skeleton, NodeKind::Ghost, NodeKind::Tombstone],
            _ => &[NodeKind::Ghost],
        };
        let kind = kinds[dice.below(kinds.len())];
        let members = if kind == NodeKind::Tombstone { BTreeMap::new() } else { members };
        commits.push((epoch, Commit { parent: Some(parent), number: above.number + 1, rank, kind, members }));
    }
    let ballots = some_ballots(dice, accounts, &commits);
    let facts = commits.into_iter().skip(1).map(|(epoch, commit)| Fact::Commit(epoch, commit));
    ((root, first), facts.chain(ballots).collect())
}

/// A few ballots: most name one or two epochs truly, some name what nobody has, or state a wrong number, and some nodes
/// cast several, with one number too.
fn some_ballots(dice: &mut Dice, accounts: u8, commits: &[(EpochId, Commit)]) -> Vec<Fact> {
    let mut ballots = Vec::new();
    for _ in 0..dice.below(25) {
        let account = u8::try_from(dice.below(usize::from(accounts))).unwrap();
        let voter = node_of(account, u8::from(dice.below(4) == 0));
        let mut choices = Vec::new();
        for _ in 0..=dice.below(3) {
            let (epoch, commit) = &commits[dice.below(commits.len())];
            choices.push(match dice.below(12) {
                0 => Choice { number: 4 + dice.below(6) as u64, epoch: EpochId(dice.bytes()) },
                1 => Choice { number: dice.below(12) as u64, epoch: *epoch },
                _ => Choice { number: commit.number, epoch: *epoch },
            });
        }
        ballots.push(Fact::Ballot(voter, Ballot { number: 1 + dice.below(4) as u64, choices }));
    }
    ballots
}
