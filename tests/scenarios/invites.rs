//! Invites, and what those who join are given.

use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{History, NewInvite, PolicyPatch, Refused, Role, Standing};
use tidings_node::ids::ConversationId;
use tidings_tests::faults::Faults;
use tidings_tests::world::{Place, World};

use super::stage::{
    add, ask, assert_same, block_on, create, cut, group, people, rename, run_for, send, set_policy, texts, transcript,
    view,
};

async fn invite(world: &mut World, at: Place, conversation: ConversationId, new: NewInvite) -> String {
    match ask(world, at, Command::CreateInvite { conversation, new }).await {
        Ok(Reply::Invite(invite)) => invite.link.expect("the maker has the link"),
        other => panic!("{other:?}"),
    }
}

async fn join(world: &mut World, at: Place, link: &str) -> Standing {
    match ask(world, at, Command::Join(link.to_owned())).await {
        Ok(Reply::Conversation(conversation)) => conversation.standing,
        other => panic!("{other:?}"),
    }
}

/// Three people with a group, and a fourth who knows nobody.
async fn three_and_a_stranger(seed: u64) -> (World, ConversationId) {
    let mut world = World::new(seed, 4, Faults::NONE).await.unwrap();
    for other in 1..3 {
        world.exchange_links(0, other).await.unwrap();
    }
    run_for(&mut world, 5_000).await;
    let id = create(&mut world, &[1, 2], Some("Walking")).await;
    run_for(&mut world, 20_000).await;
    (world, id)
}

#[test]
fn a_stranger_joins_by_a_link_while_the_inviter_is_away_and_only_once() {
    block_on(async {
        let (mut world, id) = three_and_a_stranger(201).await;
        let link = invite(&mut world, 0, id, NewInvite::default()).await;
        run_for(&mut world, 10_000).await;
        world.crash(0).unwrap();
        assert_eq!(join(&mut world, 3, &link).await, Standing::Joining);
        run_for(&mut world, 30_000).await;
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Member);
        send(&mut world, 3, id, "hello everybody").await;
        run_for(&mut world, 10_000).await;
        assert!(texts(&mut world, 2, id).await.contains(&"Node 3 joined by an invite link of Node 0".to_owned()));
        world.start(0).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, 0, id).await.last().unwrap(), "hello everybody");
        let detail = group(&mut world, 0, Command::Group(id)).await.unwrap();
        assert_eq!((detail.invites.len(), detail.conversation.members.len()), (0, 4));
    });
}

#[test]
fn a_revoked_invite_lets_nobody_in_and_says_so() {
    block_on(async {
        let (mut world, id) = three_and_a_stranger(202).await;
        let link = invite(&mut world, 0, id, NewInvite { uses: None, ..NewInvite::default() }).await;
        let made = group(&mut world, 0, Command::Group(id)).await.unwrap().invites.remove(0).id;
        run_for(&mut world, 10_000).await;
        group(&mut world, 0, Command::RevokeInvite { conversation: id, invite: made }).await.unwrap();
        run_for(&mut world, 10_000).await;
        join(&mut world, 3, &link).await;
        run_for(&mut world, 30_000).await;
        let refused = view(&mut world, 3, id).await;
        assert_eq!(refused.standing, Standing::Removed);
        assert!(
            refused.refused.starts_with("The invite was refused: the invite was revoked or used up"),
            "{refused:?}"
        );
        assert_eq!(view(&mut world, 1, id).await.members.len(), 3);
        let revoked = Command::RevokeInvite { conversation: id, invite: made };
        assert!(matches!(group(&mut world, 0, revoked).await, Err(Refused::UnknownInvite)));
        let bad = ask(&mut world, 3, Command::Join("tidings://join/nonsense".to_owned())).await;
        assert!(matches!(bad, Err(Refused::BadLink(_))));
    });
}

#[test]
fn with_approval_an_admin_decides_wherever_the_request_arrived() {
    block_on(async {
        let (mut world, id) = three_and_a_stranger(203).await;
        let patch = PolicyPatch { may_invite: Some(tidings_node::handle::Who::Admins), ..PolicyPatch::default() };
        set_policy(&mut world, 0, id, patch).await;
        let new = NewInvite { approval: true, role: Role::ReadOnly, ..NewInvite::default() };
        let link = invite(&mut world, 0, id, new).await;
        run_for(&mut world, 10_000).await;
        world.crash(0).unwrap();
        join(&mut world, 3, &link).await;
        run_for(&mut world, 20_000).await;
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Joining);
        world.start(0).await.unwrap();
        run_for(&mut world, 60_000).await;
        let requests = group(&mut world, 0, Command::Group(id)).await.unwrap().requests;
        assert_eq!(requests.iter().map(|request| request.name.as_str()).collect::<Vec<_>>(), ["Node 3"]);
        assert!(group(&mut world, 1, Command::Group(id)).await.unwrap().requests.is_empty());
        let account = world.account(3).unwrap();
        let decide = Command::Decide { conversation: id, account, accept: true };
        assert!(group(&mut world, 0, decide).await.unwrap().requests.is_empty());
        run_for(&mut world, 60_000).await;
        let joined = view(&mut world, 3, id).await;
        assert_eq!((joined.standing, joined.my_role), (Standing::Member, Role::ReadOnly));
        run_for(&mut world, 20_000).await;
        assert_eq!(view(&mut world, 1, id).await.members.len(), 4);
    });
}

#[test]
fn who_joins_is_given_what_the_policy_allows_and_reads_by_whom() {
    block_on(async {
        let mut world = people(204, 4).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        send(&mut world, 1, id, "long ago").await;
        run_for(&mut world, 3 * 24 * 60 * 60 * 1_000).await;
        send(&mut world, 2, id, "yesterday").await;
        run_for(&mut world, 10_000).await;
        let patch = PolicyPatch { history: Some(History::Days(1)), ..PolicyPatch::default() };
        set_policy(&mut world, 0, id, patch).await;
        run_for(&mut world, 10_000).await;
        add(&mut world, 0, id, 3).await;
        run_for(&mut world, 30_000).await;
        send(&mut world, 1, id, "welcome").await;
        run_for(&mut world, 10_000).await;
        let given = transcript(&mut world, 3, id).await;
        let texts: Vec<&str> = given.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["yesterday", "welcome"]);
        let (zero, two) = (world.account(0).unwrap(), world.account(2).unwrap());
        assert_eq!((given[0].sender, given[0].shared_by, given[1].shared_by), (two, Some(zero), None));
        assert_eq!(given[0].shared_by_name, "Node 0");
        assert_eq!(view(&mut world, 3, id).await.unread, 1);
        assert_same(&mut world, &[0, 1, 2], id).await;
    });
}

#[test]
fn who_asked_to_join_can_stop_and_is_not_let_in_later() {
    block_on(async {
        let (mut world, id) = three_and_a_stranger(205).await;
        let link = invite(&mut world, 0, id, NewInvite::default()).await;
        run_for(&mut world, 10_000).await;
        for host in 0..3 {
            world.crash(host).unwrap();
        }
        assert_eq!(join(&mut world, 3, &link).await, Standing::Joining);
        run_for(&mut world, 60_000).await;
        ask(&mut world, 3, Command::Leave(id)).await.unwrap();
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Left);
        for host in 0..3 {
            world.start(host).await.unwrap();
        }
        run_for(&mut world, 120_000).await;
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Left);
        assert_eq!(view(&mut world, 1, id).await.members.len(), 3);
        assert_eq!(join(&mut world, 3, &link).await, Standing::Joining);
        run_for(&mut world, 30_000).await;
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Member);
    });
}

#[test]
fn a_member_who_left_tells_an_asker_that_it_cannot_help() {
    block_on(async {
        let (mut world, id) = three_and_a_stranger(206).await;
        let link = invite(&mut world, 0, id, NewInvite::default()).await;
        run_for(&mut world, 10_000).await;
        for member in 0..3 {
            ask(&mut world, member, Command::Leave(id)).await.ok();
            run_for(&mut world, 10_000).await;
        }
        world.crash(1).unwrap();
        world.crash(2).unwrap();
        let standing = view(&mut world, 0, id).await.standing;
        join(&mut world, 3, &link).await;
        run_for(&mut world, 30_000).await;
        assert_eq!(standing, Standing::Left);
        let told = group(&mut world, 3, Command::Group(id)).await.unwrap();
        assert_eq!(told.conversation.standing, Standing::Joining, "others are named in the link, and merely away");
        assert!(told.pending[0].contains("who was asked is not in the group any more"), "{told:?}");
        run_for(&mut world, 25 * 60 * 60 * 1_000).await;
        let told = view(&mut world, 3, id).await;
        assert_eq!(told.refused, "The invite was refused: who was asked is not in the group any more.");
        ask(&mut world, 3, Command::Leave(id)).await.unwrap();
        let left = view(&mut world, 3, id).await;
        assert_eq!((left.standing, left.refused.as_str()), (Standing::Left, ""));
    });
}

#[test]
fn a_request_that_was_passed_on_where_nobody_can_read_it_is_said_again() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    block_on(async {
        let (mut world, id) = three_and_a_stranger(207).await;
        let new = NewInvite { approval: true, expires_in_ms: 60 * DAY_MS, ..NewInvite::default() };
        let link = invite(&mut world, 0, id, new).await;
        run_for(&mut world, 60_000).await;
        let now_ms = world.now_ms();
        cut(&mut world, 1, false);
        for member in [0, 2] {
            world.set_link_at(now_ms, 3, member, false);
        }
        run_for(&mut world, 30_000).await;
        group(&mut world, 1, rename(id, "Running")).await.unwrap();
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 9 * DAY_MS).await;
        let now_ms = world.now_ms();
        world.set_link_at(now_ms, 1, 3, true);
        join(&mut world, 3, &link).await;
        run_for(&mut world, 60_000).await;
        assert_eq!(view(&mut world, 3, id).await.standing, Standing::Joining);
        let now_ms = world.now_ms();
        world.set_link_at(now_ms, 1, 3, false);
        run_for(&mut world, 30_000).await;
        let now_ms = world.now_ms();
        for member in [0, 2] {
            world.set_link_at(now_ms, 1, member, true);
        }
        run_for(&mut world, 3 * 60 * 60 * 1_000).await;
        let requests = group(&mut world, 0, Command::Group(id)).await.unwrap().requests;
        assert_eq!(requests.iter().map(|request| request.name.as_str()).collect::<Vec<_>>(), ["Node 3"]);
    });
}
