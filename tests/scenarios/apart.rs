//! Parts of a group that were apart for so long that they have forgotten where they parted.

use tidings_node::handle::Standing;
use tidings_tests::world::World;

use super::groups::{block_on, create, cut, group, people, rename, run_for, send, texts, view};

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
        let mut world = people(401, 4).await;
        let id = create(&mut world, &[1, 2, 3], Some("Walking")).await;
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
fn who_never_gets_a_commit_whose_author_is_gone_learns_of_it_from_the_ballots_of_the_others() {
    block_on(async {
        let mut world = people(402, 4).await;
        let id = create(&mut world, &[1, 2, 3], Some("Walking")).await;
        run_for(&mut world, 10 * 60_000).await;
        cut(&mut world, 3, false);
        run_for(&mut world, 1_000).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 60_000).await;
        world.crash(0).unwrap();
        cut(&mut world, 3, true);
        run_for(&mut world, 9 * 60_000).await;
        assert_eq!(view(&mut world, 3, id).await.name, "Walking", "nobody else has what it lacks");
        run_for(&mut world, 6 * 60_000).await;
        let here = view(&mut world, 3, id).await;
        assert_eq!((here.name.as_str(), here.standing), ("Hiking", Standing::Member));
        send(&mut world, 3, id, "here again").await;
        run_for(&mut world, 10_000).await;
        for place in [1, 2] {
            assert!(texts(&mut world, place, id).await.contains(&"here again".to_owned()), "at {place}");
        }
    });
}
