//! Groups of many: who is in them, what they are called, and what their transcripts tell, on every node alike.

use tidings_node::engine::{Command, Input, Reply};
use tidings_node::handle::{History, MessageKind, PolicyPatch, Refused, Role, Standing, Suite, Who};
use tidings_tests::faults::Faults;
use tidings_tests::world::World;

use super::stage::{
    add, ask, assert_same, block_on, create, cut, group, message, people, remove, rename, run_for, send, set_policy,
    texts, topic, view, walkers,
};

#[test]
fn a_group_of_four_tells_everybody_the_same() {
    block_on(async {
        let (mut world, id) = walkers(101, 4).await;
        run_for(&mut world, 20_000).await;
        send(&mut world, 2, id, "hello").await;
        run_for(&mut world, 5_000).await;
        group(&mut world, 1, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_same(&mut world, &[0, 1, 2, 3], id).await;
        assert_eq!(
            texts(&mut world, 0, id).await,
            ["You created the group", "hello", "Node 1 renamed the group to “Hiking”"]
        );
        assert_eq!(texts(&mut world, 1, id).await.last().unwrap(), "You renamed the group to “Hiking”");
        // Those who are no contacts know each other's names, and are no contacts by that.
        assert_eq!(texts(&mut world, 3, id).await.last().unwrap(), "Node 1 renamed the group to “Hiking”");
        let contacts = world.engine(3).unwrap().reader().contacts().await.unwrap();
        assert_eq!(contacts.len(), 1);
        let told = view(&mut world, 2, id).await;
        assert_eq!((told.unread, told.members.len(), told.my_role), (0, 4, Role::Member));
        assert!(matches!(told.last_message.unwrap().kind, MessageKind::System(_)));
    });
}

#[test]
fn two_renames_at_once_leave_one_name_and_one_line_and_the_loser_is_told() {
    block_on(async {
        let (mut world, id) = walkers(102, 3).await;
        run_for(&mut world, 20_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 1_000).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        group(&mut world, 1, rename(id, "Running")).await.unwrap();
        run_for(&mut world, 20_000).await;
        world.heal().await.unwrap();
        run_for(&mut world, 90_000).await;
        assert_same(&mut world, &[0, 1, 2], id).await;
        let lines = texts(&mut world, 2, id).await;
        assert_eq!(lines.iter().filter(|line| line.contains("renamed")).count(), 1, "{lines:?}");
        let given_up = [
            group(&mut world, 0, Command::Group(id)).await.unwrap().given_up,
            group(&mut world, 1, Command::Group(id)).await.unwrap().given_up,
        ];
        assert_eq!(given_up.iter().map(Vec::len).sum::<usize>(), 1, "{given_up:?}");
    });
}

#[test]
fn changes_that_do_not_contradict_all_come_true_whoever_wins() {
    block_on(async {
        let mut world = people(103, 5).await;
        world.exchange_links(1, 4).await.unwrap();
        let id = create(&mut world, &[1, 2], None).await;
        run_for(&mut world, 20_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 1_000).await;
        add(&mut world, 0, id, 3).await;
        group(&mut world, 1, topic(id, "Saturdays")).await.unwrap();
        add(&mut world, 1, id, 4).await;
        run_for(&mut world, 20_000).await;
        world.heal().await.unwrap();
        run_for(&mut world, 120_000).await;
        for place in 0..5 {
            let seen = view(&mut world, place, id).await;
            assert_eq!((seen.members.len(), seen.topic.as_str()), (5, "Saturdays"), "at {place}");
        }
        send(&mut world, 4, id, "all here?").await;
        run_for(&mut world, 20_000).await;
        for place in 0..5 {
            assert!(texts(&mut world, place, id).await.contains(&"all here?".to_owned()), "at {place}");
        }
    });
}

#[test]
fn a_node_that_crashes_after_a_change_makes_it_again_and_only_once() {
    block_on(async {
        let (mut world, id) = walkers(104, 3).await;
        run_for(&mut world, 20_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 1_000).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        group(&mut world, 1, topic(id, "Saturdays")).await.unwrap();
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        world.heal().await.unwrap();
        run_for(&mut world, 300).await;
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        run_for(&mut world, 120_000).await;
        assert_same(&mut world, &[0, 1, 2], id).await;
        let lines = texts(&mut world, 2, id).await;
        assert_eq!(lines.iter().filter(|line| line.contains("topic")).count(), 1, "{lines:?}");
        assert_eq!(view(&mut world, 2, id).await.topic, "Saturdays");
    });
}

#[test]
fn who_is_removed_writes_nothing_more_and_comes_back_when_added_again() {
    block_on(async {
        let (mut world, id) = walkers(105, 3).await;
        run_for(&mut world, 20_000).await;
        let one = world.account(1).unwrap();
        let refused = group(&mut world, 2, Command::RemoveMembers { conversation: id, accounts: vec![one] }).await;
        assert!(matches!(refused, Err(Refused::NotAllowed { .. })));
        remove(&mut world, 0, id, 1).await;
        run_for(&mut world, 10_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Removed);
        assert_eq!(texts(&mut world, 1, id).await.last().unwrap(), "Node 0 removed you");
        let refused = ask(&mut world, 1, Command::Send(message(id, "still?"))).await;
        assert!(matches!(refused, Err(Refused::NotAMember)));
        send(&mut world, 2, id, "without you").await;
        run_for(&mut world, 5_000).await;
        add(&mut world, 0, id, 1).await;
        run_for(&mut world, 20_000).await;
        send(&mut world, 1, id, "back").await;
        run_for(&mut world, 10_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Member);
        assert!(!texts(&mut world, 1, id).await.contains(&"without you".to_owned()));
        assert_eq!(texts(&mut world, 2, id).await.last().unwrap(), "back");
    });
}

#[test]
fn a_welcome_that_overtakes_the_removal_it_answers_is_kept_and_taken_after_it() {
    block_on(async {
        let (mut world, id) = walkers(106, 3).await;
        run_for(&mut world, 20_000).await;
        let patch = PolicyPatch { may_invite: Some(Who::Everybody), ..PolicyPatch::default() };
        set_policy(&mut world, 0, id, patch).await;
        run_for(&mut world, 10_000).await;
        cut(&mut world, 1, false);
        remove(&mut world, 0, id, 1).await;
        run_for(&mut world, 10_000).await;
        add(&mut world, 2, id, 1).await;
        run_for(&mut world, 10_000).await;
        // The Welcome reaches node 1, who is a member all the while and knows of no removal.
        let now_ms = world.now_ms();
        world.set_link_at(now_ms, 1, 2, true);
        run_for(&mut world, 60_000).await;
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        cut(&mut world, 1, true);
        run_for(&mut world, 60_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Member);
        send(&mut world, 1, id, "back").await;
        run_for(&mut world, 10_000).await;
        assert_eq!(texts(&mut world, 0, id).await.last().unwrap(), "back");
        assert_eq!(texts(&mut world, 2, id).await.last().unwrap(), "back");
    });
}

#[test]
fn who_leaves_is_taken_out_by_one_of_the_others_even_if_they_may_only_read() {
    block_on(async {
        let (mut world, id) = walkers(106, 4).await;
        run_for(&mut world, 20_000).await;
        let one = world.account(1).unwrap();
        group(&mut world, 0, Command::SetRole { conversation: id, account: one, role: Role::ReadOnly }).await.unwrap();
        run_for(&mut world, 10_000).await;
        let read_only = view(&mut world, 1, id).await;
        assert!(!read_only.can_write && read_only.my_role == Role::ReadOnly);
        let Ok(Reply::Conversation(left)) = ask(&mut world, 1, Command::Leave(id)).await else { panic!("left") };
        assert_eq!(left.standing, Standing::Left);
        run_for(&mut world, 30_000).await;
        assert_same(&mut world, &[0, 2, 3], id).await;
        let lines = texts(&mut world, 2, id).await;
        assert_eq!(lines.iter().filter(|line| *line == "Node 1 left").count(), 1, "{lines:?}");
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Left);
        // The owner leaves too; those who stay can still change everything.
        let Ok(Reply::Conversation(_)) = ask(&mut world, 0, Command::Leave(id)).await else { panic!("left") };
        run_for(&mut world, 30_000).await;
        let patch = PolicyPatch { history: Some(History::Everything), ..PolicyPatch::default() };
        set_policy(&mut world, 3, id, patch).await;
        run_for(&mut world, 10_000).await;
        assert_same(&mut world, &[2, 3], id).await;
        assert_eq!(view(&mut world, 2, id).await.members.len(), 2);
    });
}

#[test]
fn keys_are_renewed_after_joining_and_every_week_in_silence() {
    block_on(async {
        let mut world = people(107, 2).await;
        let id = create(&mut world, &[1], Some("Two")).await;
        run_for(&mut world, 20_000).await;
        let joined = world.engine(1).unwrap().authenticator(id).await.unwrap();
        run_for(&mut world, 9 * 24 * 60 * 60 * 1_000).await;
        assert_same(&mut world, &[0, 1], id).await;
        assert_ne!(world.engine(1).unwrap().authenticator(id).await.unwrap(), joined);
        assert_eq!(texts(&mut world, 1, id).await, ["Node 0 created the group"]);
    });
}

#[test]
fn a_node_whose_certificate_has_run_out_is_removed_by_whoever_notices() {
    block_on(async {
        let (mut world, id) = walkers(108, 3).await;
        run_for(&mut world, 20_000).await;
        // Eleven years on, by one clock: its own certificate is renewed, those of the others are over. The others do not
        // take a commit from so far ahead.
        world.set_clock(0, 11 * 365 * 24 * 60 * 60 * 1_000);
        for _ in 0..3 {
            // The world has set its alarms by the old clock.
            world.input(0, Input::Deadline).await.unwrap();
            run_for(&mut world, 10_000).await;
        }
        // Nobody is removed at a clock's word (PROTOCOL §8.7): only when it has gone on like that for days.
        assert_eq!(view(&mut world, 0, id).await.members.len(), 3);
        run_for(&mut world, 5 * 24 * 60 * 60 * 1_000).await;
        let alone = view(&mut world, 0, id).await;
        assert_eq!((alone.standing, alone.members.len()), (Standing::Member, 1));
    });
}

#[test]
fn a_group_begins_hybrid_where_every_node_was_met_and_classic_where_one_was_not() {
    block_on(async {
        let mut world = people(109, 3).await;
        let id = create(&mut world, &[1, 2], Some("Met")).await;
        assert_eq!(group(&mut world, 0, Command::Group(id)).await.unwrap().suite, Suite::Hybrid);
        let mut world = World::new(110, 2, Faults::NONE).await.unwrap();
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        cut(&mut world, 1, false);
        run_for(&mut world, 20_000).await;
        world.exchange_links(0, 1).await.unwrap();
        let id = create(&mut world, &[1], Some("Never met")).await;
        assert_eq!(group(&mut world, 0, Command::Group(id)).await.unwrap().suite, Suite::Classic);
        world.heal().await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_same(&mut world, &[0, 1], id).await;
    });
}
