//! What a person wanted of a group is never dropped without a word, and no line tells what never was.

use tidings_node::engine::Command;
use tidings_node::handle::{Refused, Role};

use super::stage::{
    ask, assert_same, block_on, cut, group, message, remove, rename, run_for, texts, topic, view, walkers,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

#[test]
fn what_was_wanted_without_a_network_for_nine_days_is_made_again_or_its_author_is_told() {
    block_on(async {
        let (mut world, id) = walkers(501, 4).await;
        run_for(&mut world, 60_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 30_000).await;
        group(&mut world, 1, topic(id, "Saturdays")).await.unwrap();
        group(&mut world, 1, rename(id, "Running")).await.unwrap();
        remove(&mut world, 0, id, 3).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 9 * DAY_MS).await;
        assert_eq!(view(&mut world, 1, id).await.topic, "Saturdays");
        world.heal().await.unwrap();
        run_for(&mut world, 60 * 60_000).await;
        assert_same(&mut world, &[0, 1, 2], id).await;
        let seen = view(&mut world, 2, id).await;
        assert_eq!((seen.name.as_str(), seen.topic.as_str(), seen.members.len()), ("Hiking", "Saturdays", 3));
        let told = group(&mut world, 1, Command::Group(id)).await.unwrap().given_up;
        assert_eq!(
            told,
            ["Changing the name was given up: somebody else changed the same thing at the same time."],
            "the other one was made again"
        );
        run_for(&mut world, 2 * DAY_MS).await;
        assert!(group(&mut world, 1, Command::Group(id)).await.unwrap().given_up.is_empty(), "told long enough");
    });
}

#[test]
fn who_comes_back_after_forty_days_keeps_no_line_of_the_branch_that_lost() {
    block_on(async {
        let (mut world, id) = walkers(502, 5).await;
        run_for(&mut world, 60_000).await;
        cut(&mut world, 4, false);
        run_for(&mut world, 30_000).await;
        group(&mut world, 4, rename(id, "Running")).await.unwrap();
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 40 * DAY_MS).await;
        assert!(texts(&mut world, 4, id).await.contains(&"You renamed the group to “Running”".to_owned()));
        world.heal().await.unwrap();
        run_for(&mut world, 3 * 60 * 60_000).await;
        let lines = texts(&mut world, 4, id).await;
        assert!(!lines.iter().any(|line| line.contains("Running")), "{lines:?}");
        assert_eq!(view(&mut world, 4, id).await.name, "Hiking");
        let told = group(&mut world, 4, Command::Group(id)).await.unwrap().given_up;
        assert_eq!(told.len(), 1, "{told:?}");
    });
}

#[test]
fn who_may_only_read_is_told_so_when_they_write() {
    block_on(async {
        let (mut world, id) = walkers(503, 3).await;
        run_for(&mut world, 20_000).await;
        let one = world.account(1).unwrap();
        group(&mut world, 0, Command::SetRole { conversation: id, account: one, role: Role::ReadOnly }).await.unwrap();
        run_for(&mut world, 10_000).await;
        let refused = ask(&mut world, 1, Command::Send(message(id, "hello"))).await.unwrap_err();
        assert!(matches!(&refused, Refused::NotAllowed { what } if what.contains("only read")), "{refused:?}");
    });
}
