//! Parts of a group that were apart for so long that they have forgotten where they parted.

use tidings_node::engine::Command;
use tidings_node::handle::Standing;
use tidings_tests::world::World;

use super::stage::{
    add, ask, assert_same, block_on, create, cut, group, people, rename, run_for, send, texts, view, walkers,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Cuts the first two off from the others.
fn part(world: &mut World) {
    let now_ms = world.now_ms();
    for one in 0..2 {
        for other in 2..world.nodes() {
            world.set_link_at(now_ms, one, other, false);
        }
    }
}

#[test]
fn two_halves_that_parted_for_longer_than_anything_is_kept_become_one_group_again() {
    block_on(async {
        let (mut world, id) = walkers(401, 4).await;
        run_for(&mut world, 60_000).await;
        part(&mut world);
        run_for(&mut world, 40 * DAY_MS).await;
        send(&mut world, 0, id, "from one half").await;
        send(&mut world, 3, id, "from the other").await;
        run_for(&mut world, 60_000).await;
        world.heal().await.unwrap();
        let mut stranded = [false; 4];
        for _ in 0..200 {
            run_for(&mut world, 100).await;
            for (place, stranded) in stranded.iter_mut().enumerate() {
                *stranded |= view(&mut world, place, id).await.standing == Standing::ComingBack;
            }
        }
        assert_ne!(stranded[..2], stranded[2..], "one half has lost, and says so: {stranded:?}");
        run_for(&mut world, 3 * 60 * 60 * 1_000).await;
        for place in 0..4 {
            assert_eq!(view(&mut world, place, id).await.standing, Standing::Member, "at {place}");
            send(&mut world, place, id, &format!("{place} is back")).await;
        }
        run_for(&mut world, 60_000).await;
        let expected = ["from one half", "from the other", "0 is back", "1 is back", "2 is back", "3 is back"];
        for place in 0..4 {
            let texts = texts(&mut world, place, id).await;
            for expected in expected {
                assert!(texts.iter().any(|text| text == expected), "{expected} at {place}: {texts:?}");
            }
        }
        let mut authenticators = Vec::new();
        for place in 0..4 {
            authenticators.push(world.engine(place).unwrap().authenticator(id).await.unwrap());
        }
        authenticators.dedup();
        assert_eq!(authenticators.len(), 1, "all are in one epoch");
    });
}

#[test]
fn who_missed_a_commit_whose_author_is_gone_gets_it_from_the_others() {
    block_on(async {
        let (mut world, id) = walkers(402, 4).await;
        run_for(&mut world, 10 * 60_000).await;
        cut(&mut world, 3, false);
        run_for(&mut world, 1_000).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 60_000).await;
        world.crash(0).unwrap();
        cut(&mut world, 3, true);
        run_for(&mut world, 15_000).await;
        let here = view(&mut world, 3, id).await;
        assert_eq!((here.name.as_str(), here.standing), ("Hiking", Standing::Member));
        send(&mut world, 3, id, "here again").await;
        run_for(&mut world, 10_000).await;
        for place in [1, 2] {
            assert!(texts(&mut world, place, id).await.contains(&"here again".to_owned()), "at {place}");
        }
    });
}

/// Two members add the same person at once, and the branch of the one whose Welcome it takes loses, while on the other
/// somebody left: the topic has turned there, and nothing that is said there is heard by who was added.
async fn added_on_the_branch_that_loses(seed: u64) -> (World, tidings_node::ids::ConversationId) {
    let mut world = people(seed, 6).await;
    for adder in [1, 2] {
        world.exchange_links(adder, 5).await.unwrap();
    }
    let id = create(&mut world, &[1, 2, 3, 4], Some("Walking")).await;
    run_for(&mut world, 10 * 60_000).await;
    let now_ms = world.now_ms();
    for apart in [2, 5] {
        for other in [0, 1, 3, 4] {
            world.set_link_at(now_ms, apart, other, false);
        }
    }
    run_for(&mut world, 1_000).await;
    ask(&mut world, 3, Command::Leave(id)).await.unwrap();
    run_for(&mut world, 30_000).await;
    for adder in [1, 2] {
        add(&mut world, adder, id, 5).await;
    }
    run_for(&mut world, 2 * 60_000).await;
    (world, id)
}

#[test]
fn who_sits_on_a_branch_that_nobody_tells_it_has_lost_comes_back_by_itself() {
    block_on(async {
        let (mut world, id) = Box::pin(added_on_the_branch_that_loses(403)).await;
        world.heal().await.unwrap();
        run_for(&mut world, 60_000).await;
        let lost = world.engine(5).unwrap().authenticator(id).await.unwrap();
        assert_ne!(lost, world.engine(0).unwrap().authenticator(id).await.unwrap(), "it is where nobody else is");
        assert_eq!(view(&mut world, 5, id).await.standing, Standing::Member, "and does not know it");
        send(&mut world, 0, id, "where are you?").await;
        run_for(&mut world, 60 * 60_000).await;
        send(&mut world, 5, id, "here").await;
        run_for(&mut world, 60_000).await;
        let mut first = None;
        for place in [0, 1, 2, 4, 5] {
            let authenticator = world.engine(place).unwrap().authenticator(id).await.unwrap();
            assert_eq!(*first.get_or_insert_with(|| authenticator.clone()), authenticator, "at {place}");
            let texts = texts(&mut world, place, id).await;
            for expected in ["where are you?", "here"] {
                assert!(texts.iter().any(|text| text == expected), "{expected} at {place}: {texts:?}");
            }
        }
        assert_same(&mut world, &[0, 1, 2, 4], id).await;
    });
}

#[test]
fn who_left_while_apart_for_longer_than_a_statement_holds_is_let_go_all_the_same() {
    block_on(async {
        let (mut world, id) = walkers(408, 4).await;
        run_for(&mut world, 10 * 60_000).await;
        cut(&mut world, 3, false);
        run_for(&mut world, 1_000).await;
        ask(&mut world, 3, Command::Leave(id)).await.unwrap();
        run_for(&mut world, 45 * DAY_MS).await;
        let left = world.account(3).unwrap();
        let is_listed = |conversation: &tidings_node::handle::Conversation| {
            conversation.members.iter().any(|member| member.account == left)
        };
        assert!(is_listed(&view(&mut world, 0, id).await), "nobody has heard of it");
        world.heal().await.unwrap();
        run_for(&mut world, 2 * DAY_MS).await;
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Left);
        for place in 0..3 {
            assert!(!is_listed(&view(&mut world, place, id).await), "at {place}");
        }
        assert_same(&mut world, &[0, 1, 2], id).await;
    });
}
