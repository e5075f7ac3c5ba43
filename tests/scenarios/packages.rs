//! Key packages for one use: who gets how many, when one is used, and that a group is hybrid where it can be.

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::identity::LocalNode;
use tidings_crypto::vault::DatabaseKey;
use tidings_node::engine::{Command, Effect, Engine, Input, Reply, Ticket};
use tidings_node::handle::{Refused, Standing, Suite};
use tidings_node::ids::PeerKey;
use tidings_node::network::{AnswerId, NetworkCommand, NetworkEvent};
use tidings_node::store::Store;
use tidings_node::wire::request::{Request, Response};
use tidings_tests::faults::Faults;
use tidings_tests::world::World;

use super::stage::{block_on, create, cut, group, people, run_for, view};

const NOW_MS: u64 = 1_800_000_000_000;

async fn lone_engine(name: &str, seed: u64) -> (Engine, PeerKey, ChaCha20Rng) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let me = LocalNode::generate(0, u64::MAX, &mut rng);
    let peer = PeerKey(me.certificate.peer_key().0);
    let store = Store::open_in_memory(&format!("packages-{name}-{seed}"), DatabaseKey::from_bytes([7; 32])).await;
    let (engine, _) = Engine::open(store.unwrap(), me, name, NOW_MS, &mut rng).await.unwrap();
    (engine, peer, rng)
}

async fn reply(engine: &mut Engine, rng: &mut ChaCha20Rng, command: Command) -> Reply {
    let input = Input::Command { ticket: Ticket(1), command };
    let outcome = engine.handle(vec![input], NOW_MS, rng).await.unwrap();
    let mut replies = outcome.effects.into_iter().filter_map(|effect| match effect {
        Effect::Reply { reply, .. } => Some(reply.unwrap()),
        Effect::Network(_) => None,
    });
    replies.next().unwrap()
}

#[test]
fn who_asks_a_thousand_times_is_given_the_same_four_packages() {
    block_on(async {
        let (mut owner, _, mut rng) = lone_engine("owner", 1).await;
        let (mut asker, peer, mut other_rng) = lone_engine("asker", 2).await;
        let Reply::Card(links) = reply(&mut asker, &mut other_rng, Command::Card).await else { panic!("no card") };
        reply(&mut owner, &mut rng, Command::AddContact(links.link)).await;
        let mut given = BTreeSet::new();
        for number in 0..1_000 {
            let ask = NetworkEvent::Requested { peer, answer: AnswerId(number), body: Request::Packages };
            let outcome = owner.handle(vec![Input::Network(ask)], NOW_MS, &mut rng).await.unwrap();
            for effect in outcome.effects {
                let Effect::Network(NetworkCommand::Answer { body, .. }) = effect else { continue };
                let Response::Packages { packages } = body else { panic!("{body:?}") };
                assert!(!packages.is_empty() && packages.len() <= 4);
                given.extend(packages);
            }
        }
        assert_eq!(given.len(), 4, "two of each suite");
    });
}

#[test]
fn adding_people_of_whom_one_cannot_be_added_uses_up_no_package_of_the_others() {
    block_on(async {
        let mut world = people(801, 4).await;
        let id = create(&mut world, &[3], Some("Few")).await;
        assert_eq!(group(&mut world, 0, Command::Group(id)).await.unwrap().suite, Suite::Hybrid);
        run_for(&mut world, 5_000).await;
        for away in [1, 2] {
            cut(&mut world, away, false);
        }
        run_for(&mut world, 20_000).await;
        // Of the second no package is left once others were begun with it.
        for name in ["One", "Two"] {
            create(&mut world, &[2], Some(name)).await;
        }
        let accounts = [1, 2].map(|place| world.account(place).unwrap()).to_vec();
        for _ in 0..5 {
            let add = Command::AddMembers { conversation: id, accounts: accounts.clone() };
            let refused = group(&mut world, 0, add).await;
            assert!(matches!(refused, Err(Refused::NotNow { .. })), "{refused:?}");
        }
        let add = Command::AddMembers { conversation: id, accounts: accounts[..1].to_vec() };
        group(&mut world, 0, add).await.unwrap();
        world.heal().await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Member);
    });
}

#[test]
fn a_group_that_begins_the_moment_people_meet_waits_for_their_packages_and_is_hybrid() {
    block_on(async {
        let mut world = World::new(802, 2, Faults::NONE).await.unwrap();
        world.exchange_links(0, 1).await.unwrap();
        while world.engine(0).unwrap().peers().is_empty() {
            run_for(&mut world, 1).await;
        }
        let id = create(&mut world, &[1], Some("Just met")).await;
        assert_eq!(group(&mut world, 0, Command::Group(id)).await.unwrap().suite, Suite::Hybrid);
    });
}
