//! Who may do what: every role tries every kind of change. What is refused is refused with one reason, by its author's
//! own node and, where a changed program makes it all the same, by everybody else's.

use std::collections::BTreeMap;

use openmls::prelude::LeafNodeIndex;

use super::{scene::*, world::*};
use crate::{
    envelope::Content,
    group::{
        authenticated::{Authenticated, Claims},
        commit::Plan,
        epochs::RankClass,
        key_package::NodeSigner,
        policy::Act,
        provider::Provider,
        storage::Overlay,
        *,
    },
    identity::AccountId,
};

type Case = (&'static str, fn(&Scene, usize) -> Change<'_>, [Option<Forbidden>; 4]);

/// What owner, admin, member and read-only get for it.
const CASES: &[Case] = {
    use Forbidden::*;
    const ALL: [Option<Forbidden>; 4] = [None; 4];
    const WRITERS: [Option<Forbidden>; 4] = [None, None, None, Some(Editing)];
    const ADMINS: [Option<Forbidden>; 4] = [None, None, Some(Settings), Some(Settings)];
    const OWNERS: [Option<Forbidden>; 4] = [None, Some(Permissions), Some(Permissions), Some(Permissions)];
    const OWNERS_REMOVE: [Option<Forbidden>; 4] = [None, Some(Removing), Some(Removing), Some(Removing)];
    const ADMINS_REMOVE: [Option<Forbidden>; 4] = [None, None, Some(Removing), Some(Removing)];
    const OWNERS_PROMOTE: [Option<Forbidden>; 4] = [None, Some(Roles), Some(Roles), Some(Roles)];
    const ADMINS_PROMOTE: [Option<Forbidden>; 4] = [None, None, Some(Roles), Some(Roles)];
    &[
        ("new keys", |_, _| Change::default(), ALL),
        (
            "an account",
            |scene, _| Change { add: vec![&scene.package], ..Change::default() },
            [None, None, None, Some(Adding)],
        ),
        ("an owner goes", |scene, _| scene.removal(OTHER + OWNER), OWNERS_REMOVE),
        ("an admin goes", |scene, _| scene.removal(OTHER + ADMIN), OWNERS_REMOVE),
        ("a member goes", |scene, _| scene.removal(OTHER + MEMBER), ADMINS_REMOVE),
        ("a reader goes", |scene, _| scene.removal(OTHER + READER), ADMINS_REMOVE),
        ("a name", |scene, _| scene.with(|policy| policy.name = "Sailing".to_owned()), WRITERS),
        ("a topic", |scene, _| scene.with(|policy| policy.topic = "Sunday at ten".to_owned()), WRITERS),
        ("a picture", |scene, _| scene.with(|policy| policy.picture = b"\xff\xd8\xff".to_vec()), WRITERS),
        ("history", |scene, _| scene.with(|policy| policy.history = History::Days(7)), ADMINS),
        ("disappearing", |scene, _| scene.with(|policy| policy.disappearing_s = 3600), ADMINS),
        ("who invites", |scene, _| scene.with(|policy| policy.may_invite = Who::Admins), OWNERS),
        ("who edits", |scene, _| scene.with(|policy| policy.may_edit = Who::Admins), OWNERS),
        ("a new owner", |scene, _| scene.role(OTHER + MEMBER, Role::Owner), OWNERS_PROMOTE),
        ("a new admin", |scene, _| scene.role(OTHER + MEMBER, Role::Admin), OWNERS_PROMOTE),
        ("an admin less", |scene, _| scene.role(OTHER + ADMIN, Role::Member), OWNERS_PROMOTE),
        ("an owner less", |scene, _| scene.role(OTHER + OWNER, Role::ReadOnly), OWNERS_PROMOTE),
        ("a member less", |scene, _| scene.role(OTHER + MEMBER, Role::ReadOnly), ADMINS_PROMOTE),
        ("a reader less", |scene, _| scene.role(OTHER + READER, Role::Member), ADMINS_PROMOTE),
        ("the own role", |scene, actor| scene.role(actor, Role::ReadOnly), ALL),
        (
            "a stranger's role",
            |scene, _| {
                scene.with(|policy| {
                    policy.roles.insert(scene.stranger, Role::ReadOnly);
                })
            },
            [Some(RoleOfStranger); 4],
        ),
        (
            "an invite",
            |scene, actor| scene.with(|policy| policy.invites.push(invite_of(&scene.nodes[actor].me, 10))),
            [None, None, None, Some(MakingInvite)],
        ),
        (
            "an invite in another's name",
            |scene, actor| scene.with(|policy| policy.invites.push(invite_of(&scene.nodes[OTHER + actor].me, 10))),
            [Some(MakingInvite); 4],
        ),
        (
            "an invite less",
            |scene, _| scene.with(|policy| policy.invites.clear()),
            [None, None, Some(RevokingInvite), Some(RevokingInvite)],
        ),
        (
            "an invite for longer",
            |scene, _| scene.with(|policy| policy.invites[0].uses = None),
            [Some(AlteringInvite); 4],
        ),
    ]
};

/// What is different where only admins may add and edit.
const CASES_AMONG_ADMINS: &[Case] = {
    use Forbidden::*;
    &[
        ("new keys", |_, _| Change::default(), [None; 4]),
        (
            "an account",
            |scene, _| Change { add: vec![&scene.package], ..Change::default() },
            [None, None, Some(Adding), Some(Adding)],
        ),
        (
            "a name",
            |scene, _| scene.with(|policy| policy.name = "Sailing".to_owned()),
            [None, None, Some(Editing), Some(Editing)],
        ),
        (
            "an invite",
            |scene, actor| scene.with(|policy| policy.invites.push(invite_of(&scene.nodes[actor].me, 10))),
            [None, None, Some(MakingInvite), Some(MakingInvite)],
        ),
        (
            "more for everybody",
            |scene, _| scene.with(|policy| policy.may_edit = Who::Everybody),
            [None, Some(Permissions), Some(Permissions), Some(Permissions)],
        ),
    ]
};

fn try_all(scene: &mut Scene, cases: &[Case]) {
    for (name, change, verdicts) in cases {
        for (actor, verdict) in verdicts.iter().enumerate() {
            eprintln!("{name} by {actor}");
            let (package, nodes) = (scene.package.clone(), std::mem::take(&mut scene.nodes));
            let whole = Scene { nodes, stranger: scene.stranger, package };
            let Change { add, remove, policy, evidence } = change(&whole, actor);
            let add: Vec<Vec<u8>> = add.iter().map(|bytes| bytes.to_vec()).collect();
            scene.nodes = whole.nodes;
            let add = add.iter().map(Vec::as_slice).collect();
            let change = Change { add, remove, policy, evidence };
            if let Some(reason) = verdict {
                assert_forbidden(&mut scene.nodes, actor, &change, *reason);
            } else {
                all_follow(&mut scene.nodes, actor, change);
                scene.nodes.iter_mut().for_each(Node::restart);
            }
        }
    }
}

#[test]
fn each_role_may_do_what_it_may_and_nothing_else() {
    try_all(&mut Scene::new(Who::Everybody, 300), CASES);
}

#[test]
fn where_only_admins_add_and_edit_members_do_not() {
    try_all(&mut Scene::new(Who::Admins, 320), CASES_AMONG_ADMINS);
}

#[test]
fn whoever_may_only_read_is_not_heard() {
    let mut scene = Scene::new(Who::Everybody, 330);
    let nodes = &mut scene.nodes;
    let reader = &mut nodes[READER];
    assert_eq!(reader.group.encrypt(&reader.me, b"let me", &mut reader.rng), Err(EncryptError::ReadOnly));
    assert_eq!(reader.group.acting_role(&reader.me.account_id()), Some(Role::ReadOnly));
    // A changed program writes all the same.
    let epoch = reader.group.head();
    let (group, rows) = reader.group.states.get_mut(&epoch).unwrap().open(&GROUP.to_mls()).unwrap();
    let provider = Provider::seeded(Overlay::writing(rows), &mut reader.rng);
    group.set_aad(Authenticated::Message { epoch }.encode());
    let message = group.create_message(&provider, &NodeSigner(&reader.me.keys), b"let me").unwrap();
    let content = Content { epoch, message: message.to_bytes().unwrap() };
    for index in [OWNER, ADMIN, MEMBER, OTHER + READER] {
        let node = &mut nodes[index];
        node.save();
        let refused = Received::Refused(Refusal::Forbidden(Forbidden::Writing));
        assert_eq!(node.group.receive(&content, NOW_MS), refused);
        assert!(node.group.take_changes().is_empty());
    }
    let content = nodes[OWNER].send("you only listen");
    assert_eq!(nodes[READER].read(&content), "you only listen");
}

#[test]
fn a_commit_that_leaves_behind_what_it_has_to_settle_is_refused() {
    let mut scene = Scene::new(Who::Everybody, 340);
    let nodes = &mut scene.nodes;
    let leaf = |nodes: &[Node], index: usize| {
        let node = nodes[index].me.node_id();
        LeafNodeIndex::new(nodes[0].group.members().iter().find(|member| member.node == node).unwrap().leaf)
    };
    // Without the policy that says so; and with one that keeps the role for whoever comes back.
    let admin = leaf(nodes, OTHER + ADMIN);
    let rename = Policy { name: "Sailing".to_owned(), ..policy_of(&nodes[0]) };
    for policy in [None, Some(policy_of(&nodes[0])), Some(rename)] {
        let plan = Plan { removed: vec![admin], policy, ..Plan::default() };
        let claims = Claims { moment: at(NOW_MS), evidence: vec![] };
        let content = forged(&mut nodes[OWNER], plan, claims);
        let refused = Received::Refused(Refusal::Forbidden(Forbidden::NotSettled));
        assert_eq!(nodes[MEMBER].group.receive(&content, NOW_MS), refused);
    }
    // Nobody writes the list of those who are gone by hand.
    let gone = Policy { gone: BTreeMap::from([(scene.stranger, 1)]), ..policy_of(&nodes[0]) };
    let change = Change { policy: Some(gone), ..Change::default() };
    assert_forbidden(nodes, OWNER, &change, Forbidden::NotSettled);
}

#[test]
fn a_policy_that_breaks_a_limit_is_not_made_and_not_taken() {
    let mut nodes = nodes(2, 350);
    let broken = Policy { name: "a\u{202e}b".to_owned(), ..policy_of(&nodes[0]) };
    let change = Change { policy: Some(broken), ..Change::default() };
    let content = forced(&mut nodes[0], &change, at(NOW_MS));
    let node = &mut nodes[0];
    let error = node.group.change(&node.me, change, at(NOW_MS), &mut node.rng).unwrap_err();
    assert!(matches!(error, CommitError::Policy(_)));
    assert_eq!(nodes[1].group.receive(&content, NOW_MS), Received::Refused(Refusal::Policy));
    assert!(
        Group::create(
            &nodes[0].me,
            GROUP,
            &Policy { topic: " ".to_owned(), ..Policy::direct() },
            Suite::Classic,
            &mut rng(351)
        )
        .is_err()
    );
}

#[test]
fn the_name_comes_with_whom_it_is_changed_for_in_one_commit() {
    let mut nodes = nodes(3, 360);
    let stranger = local_node(&mut rng(361));
    let (package, secret) = KeyPackage::generate(&stranger, Suite::Classic, true, &mut rng(362)).unwrap();
    let policy = Policy { name: "Sailing".to_owned(), ..policy_of(&nodes[0]) };
    let change = Change {
        add: vec![&package.bytes],
        remove: vec![nodes[2].me.node_id()],
        policy: Some(policy),
        evidence: vec![],
    };
    let committed = all_follow(&mut nodes, 1, change);
    let summary = &committed.summary;
    assert_eq!(summary.added[0].node, stranger.node_id());
    assert_eq!((summary.removed[0].0.node, summary.removed[0].1), (nodes[2].me.node_id(), Why::Removed));
    let (before, after) = summary.policy.as_ref().unwrap();
    assert_eq!((before.name.as_str(), after.name.as_str()), ("Rowing", "Sailing"));
    assert_eq!((summary.committed_at_ms, summary.place, summary.came_back), (NOW_MS, NOW_MS, false));
    assert!(after.gone.contains_key(&nodes[2].me.account_id()));
    let joined = join(&stranger, &committed, &package, &secret).unwrap().group;
    assert_eq!(joined.policy(), nodes[0].group.policy());
    assert_eq!(joined.members(), nodes[0].group.members());
}

#[test]
fn two_owners_remove_each_other_and_one_of_them_stays() {
    let mut scene = Scene::new(Who::Everybody, 370);
    let nodes = &mut scene.nodes;
    let (one, two) = (nodes[OWNER].me.node_id(), nodes[OTHER + OWNER].me.node_id());
    let mut remove = |author: usize, node| {
        let author = &mut nodes[author];
        author.group.remove(&author.me, &[node], NOW_MS, &mut author.rng).unwrap().content
    };
    let commits = [remove(OWNER, two), remove(OTHER + OWNER, one)];
    for (index, node) in nodes.iter_mut().enumerate() {
        for commit in if index % 2 == 0 { [0, 1] } else { [1, 0] } {
            node.group.receive(&commits[commit], NOW_MS);
        }
    }
    let head = nodes[MEMBER].group.head();
    assert!(nodes.iter().all(|node| node.group.head() == head));
    assert_ne!(nodes[OWNER].group.am_member(), nodes[OTHER + OWNER].group.am_member());
    // Admins cannot do that to each other at all.
    let change = Change { remove: vec![nodes[OTHER + ADMIN].me.node_id()], ..Change::default() };
    assert_forbidden(&mut nodes[1..], ADMIN - 1, &change, Forbidden::Removing);
}

#[test]
fn whoever_comes_back_has_no_role_left() {
    let mut scene = Scene::new(Who::Everybody, 380);
    let nodes = &mut scene.nodes;
    let admin = nodes.remove(ADMIN);
    let account = admin.me.account_id();
    all_follow(nodes, OWNER, Change { remove: vec![admin.me.node_id()], ..Change::default() });
    assert!(!policy_of(&nodes[OWNER]).roles.contains_key(&account));
    let (package, secret) = KeyPackage::generate(&admin.me, Suite::Classic, true, &mut rng(381)).unwrap();
    let again = all_follow(nodes, OWNER, Change { add: vec![&package.bytes], ..Change::default() });
    assert_eq!(again.summary.policy, None);
    let group = join(&admin.me, &again, &package, &secret).unwrap().group;
    assert_eq!(group.acting_role(&account), Some(Role::Member));
    assert_eq!(group.policy().unwrap().gone.get(&account), Some(&NOW_MS));
}

#[test]
fn where_no_owner_is_left_the_most_powerful_act_as_owners() {
    let mut nodes = nodes(4, 390);
    let accounts: Vec<AccountId> = nodes.iter().map(|node| node.me.account_id()).collect();
    let roles = BTreeMap::from([(accounts[0], Role::Owner), (accounts[1], Role::Admin), (accounts[3], Role::ReadOnly)]);
    let policy = Policy { roles, ..policy_of(&nodes[0]) };
    all_do(&mut nodes, 0, &policy);
    let promote = |nodes: &[Node], index: usize, role| {
        let mut policy = policy_of(&nodes[1]);
        policy.roles.insert(accounts[index], role);
        Change { policy: Some(policy), ..Change::default() }
    };
    let step_down = promote(&nodes, 0, Role::Admin);
    assert_forbidden(&mut nodes, 0, &step_down, Forbidden::LastOwner);
    let leave = nodes[0].group.leave_statement(&nodes[0].me, NOW_MS).unwrap();
    let leaves =
        Change { remove: vec![nodes[0].me.node_id()], evidence: vec![Evidence::Leave(leave)], ..Change::default() };
    all_follow(&mut nodes, 2, leaves);
    let acting = |nodes: &[Node], index: usize| nodes[1].group.acting_role(&accounts[index]);
    assert_eq!(
        [1, 2, 3].map(|index| acting(&nodes, index)),
        [Some(Role::Owner), Some(Role::Member), Some(Role::ReadOnly)]
    );
    assert_eq!(acting(&nodes, 0), None);
    let change = promote(&nodes, 2, Role::Admin);
    assert_forbidden(&mut nodes[1..], 1, &change, Forbidden::Roles);
    all_follow(&mut nodes, 1, change);
    let remove = vec![nodes[1].me.node_id()];
    all_follow(&mut nodes, 2, Change { remove, ..Change::default() });
    let policy = Policy { roles: BTreeMap::from([(accounts[3], Role::ReadOnly)]), ..policy_of(&nodes[2]) };
    all_do(&mut nodes, 2, &policy);
    assert_eq!(nodes[3].group.acting_role(&accounts[3]), Some(Role::ReadOnly));
}

#[test]
fn an_account_has_eight_nodes_at_most_and_adds_its_own_whatever_its_role() {
    let mut scene = Scene::new(Who::Admins, 400);
    let packages: Vec<Vec<u8>> = (0..NODES_OF_ACCOUNT_MAX as u64)
        .map(|seed| (second_node(&scene.nodes[READER].me, &mut rng(410 + seed)), rng(420 + seed)))
        .map(|(me, mut rng)| KeyPackage::generate(&me, Suite::Classic, true, &mut rng).unwrap().0.bytes)
        .collect();
    let (last, fitting) = packages.split_last().unwrap();
    let add = fitting.iter().map(Vec::as_slice).collect();
    all_follow(&mut scene.nodes, READER, Change { add, ..Change::default() });
    let change = Change { add: vec![last.as_slice()], ..Change::default() };
    assert_forbidden(&mut scene.nodes, READER, &change, Forbidden::TooManyNodes);
    let own = scene.nodes[0].group.members().iter().find(|member| {
        member.account == scene.nodes[READER].me.account_id() && member.node != scene.nodes[READER].me.node_id()
    });
    let remove = vec![own.unwrap().node];
    let removal = all_follow(&mut scene.nodes, READER, Change { remove, ..Change::default() });
    assert_eq!(removal.summary.removed[0].1, Why::OwnNode);
    assert_eq!(removal.summary.policy, None, "an account that is still there keeps its role");
}

#[test]
fn in_a_direct_conversation_both_set_what_is_kept_and_nothing_else() {
    let (anna, ben) = direct_pair(430);
    let mut nodes = [anna, ben];
    for (author, seconds) in [(0, 60), (1, 0)] {
        let policy = Policy { history: History::Everything, disappearing_s: seconds, ..policy_of(&nodes[0]) };
        let change = Change { policy: Some(policy), ..Change::default() };
        all_follow(&mut nodes, author, change);
        assert_eq!(policy_of(&nodes[1]).disappearing_s, seconds);
    }
    let phone = second_node(&nodes[1].me, &mut rng(432));
    let (package, _) = KeyPackage::generate(&phone, Suite::Classic, true, &mut rng(433)).unwrap();
    let change = Change { add: vec![&package.bytes], ..Change::default() };
    assert_forbidden(&mut nodes, 0, &change, Forbidden::OthersNode);
    all_follow(&mut nodes, 1, change);
    let leave = nodes[1].group.leave_statement(&nodes[1].me, NOW_MS).unwrap();
    let remove = vec![nodes[1].me.node_id(), phone.node_id()];
    let change = Change { remove, evidence: vec![Evidence::Leave(leave)], ..Change::default() };
    assert_forbidden(&mut nodes, 0, &change, Forbidden::RemovalFromDirect);
    for broken in [
        Policy { name: "Us".to_owned(), ..policy_of(&nodes[0]) },
        Policy { roles: BTreeMap::from([(nodes[0].me.account_id(), Role::Owner)]), ..policy_of(&nodes[0]) },
        Policy { kind: Kind::Group, ..policy_of(&nodes[0]) },
    ] {
        let change = Change { policy: Some(broken), ..Change::default() };
        let node = &mut nodes[0];
        assert!(node.group.change(&node.me, change.clone(), at(NOW_MS), &mut node.rng).is_err());
        let content = forced(node, &change, at(NOW_MS));
        assert!(matches!(nodes[1].group.receive(&content, NOW_MS), Received::Refused(_)));
    }
}

#[test]
fn class_and_power_follow_from_what_is_done_and_by_whom() {
    let scene = Scene::new(Who::Everybody, 440);
    let members = scene.nodes[0].group.members();
    let policy = policy_of(&scene.nodes[0]);
    let of = |index: usize| members.iter().find(|member| member.node == scene.nodes[index].me.node_id()).unwrap();
    let judge = |actor: usize, removed: &[Member], alter: fn(&mut Policy)| {
        let act = Act {
            group: GROUP,
            suite: Suite::Classic,
            members,
            policy: &policy,
            committer: of(actor),
            added: &[],
            removed,
            evidence: &[],
            at_ms: NOW_MS,
        };
        let mut after = act.settle(policy.clone()).unwrap();
        alter(&mut after);
        let judged = act.judge(Some(&after)).unwrap();
        (judged.class, judged.power)
    };
    let powers = [OWNER, ADMIN, MEMBER, READER].map(|actor| judge(actor, &[], |_| ()));
    assert_eq!(powers, [0, 1, 2, 3].map(|power| (RankClass::Other, power)));
    let removed = [of(OTHER + READER).clone()];
    assert_eq!(judge(ADMIN, &removed, |_| ()), (RankClass::Removal, 1));
    let takes: [fn(&mut Policy); 4] = [
        |policy| policy.invites.clear(),
        |policy| policy.may_invite = Who::Admins,
        |policy| policy.may_edit = Who::Admins,
        |policy| policy.roles.retain(|_, role| *role != Role::Admin),
    ];
    for take in takes {
        assert_eq!(judge(OWNER, &[], take), (RankClass::TakesAway, 0));
    }
    assert_eq!(judge(OWNER, &[], |policy| policy.name.clear()), (RankClass::Other, 0));
    // Whoever goes takes roles and invites along: that takes away from nobody else.
    let removed = [of(OTHER + MEMBER).clone()];
    assert_eq!(judge(OWNER, &removed, |_| ()), (RankClass::Removal, 0));
}
