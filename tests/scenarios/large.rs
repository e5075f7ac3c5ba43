//! Groups of hundreds: everybody who is added comes in, at the founding and later.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::card::{Card, CardNode, SignedCard};
use tidings_crypto::group::{KeyPackage, Suite};
use tidings_crypto::identity::LocalNode;
use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{Refused, Standing};
use tidings_node::ids::{AccountId, ConversationId};
use tidings_tests::world::{Place, World};

use super::stage::{add, ask, block_on, people, run_for, send, texts, view};

/// Contacts of the first node of whom nobody is ever there: a card with a key package is all that adding them needs.
async fn absent_contacts(world: &mut World, count: u64) -> Vec<AccountId> {
    let mut accounts = Vec::new();
    for number in 0..count {
        let mut rng = ChaCha20Rng::seed_from_u64(700_000 + number);
        let me = LocalNode::generate(0, u64::MAX, &mut rng);
        let (package, _) = KeyPackage::generate(&me, Suite::Classic, true, &mut rng).unwrap();
        let node = CardNode {
            certificate: me.certificate.clone(),
            addresses: Vec::new(),
            key_package: package.bytes,
            mailboxes: Vec::new(),
        };
        let name = format!("Absent {number}");
        let card = Card { account: me.account.public(), name, serial: 1, nodes: vec![node], proofs: Vec::new() };
        let link = SignedCard::sign(card, &me.account).unwrap().link();
        ask(world, 0, Command::AddContact(link)).await.unwrap();
        accounts.push(me.account_id());
    }
    accounts
}

async fn assert_together(world: &mut World, at: &[Place], id: ConversationId, members: usize) {
    let expected = world.engine(0).unwrap().authenticator(id).await.unwrap();
    assert!(expected.is_some());
    for place in at {
        let conversation = view(world, *place, id).await;
        assert_eq!((conversation.standing, conversation.members.len()), (Standing::Member, members), "at {place}");
        assert_eq!(world.engine(*place).unwrap().authenticator(id).await.unwrap(), expected, "at {place}");
    }
}

#[test]
fn hundreds_are_added_at_once_and_those_who_are_there_come_in_and_write() {
    block_on(async {
        let mut world = people(701, 4).await;
        let mut contacts = absent_contacts(&mut world, 600).await;
        contacts.extend([1, 2].map(|place| world.account(place).unwrap()));
        let name = Some("Everybody".to_owned());
        let created = ask(&mut world, 0, Command::CreateConversation { contacts, name }).await;
        let Ok(Reply::Conversation(conversation)) = created else { panic!("{created:?}") };
        let id = conversation.id;
        assert_eq!(conversation.members.len(), 603);
        run_for(&mut world, 10_000).await;
        assert_together(&mut world, &[0, 1, 2], id, 603).await;
        send(&mut world, 1, id, "hello all of you").await;
        run_for(&mut world, 5_000).await;
        assert!(texts(&mut world, 2, id).await.contains(&"hello all of you".to_owned()));

        // One more, whose Welcome holds the tree of all the others.
        add(&mut world, 0, id, 3).await;
        run_for(&mut world, 10_000).await;
        assert_together(&mut world, &[0, 1, 2, 3], id, 604).await;
        send(&mut world, 3, id, "here I am").await;
        run_for(&mut world, 5_000).await;
        assert!(texts(&mut world, 1, id).await.contains(&"here I am".to_owned()));
    });
}

#[test]
fn more_people_than_a_group_can_hold_are_refused_before_anybody_is_added() {
    block_on(async {
        let mut world = people(702, 2).await;
        let absent = absent_contacts(&mut world, 1_000).await;
        let contacts = absent.clone();
        let refused = ask(&mut world, 0, Command::CreateConversation { contacts, name: None }).await;
        assert!(matches!(refused, Err(Refused::LimitReached { limit: 1_000, .. })), "{refused:?}");
        let contacts = vec![world.account(1).unwrap(), absent[0]];
        let created = ask(&mut world, 0, Command::CreateConversation { contacts, name: None }).await;
        let Ok(Reply::Conversation(conversation)) = created else { panic!("{created:?}") };
        let add = Command::AddMembers { conversation: conversation.id, accounts: absent[1..].to_vec() };
        let refused = ask(&mut world, 0, add).await;
        assert!(matches!(refused, Err(Refused::LimitReached { limit: 1_000, .. })), "{refused:?}");
        assert_eq!(view(&mut world, 0, conversation.id).await.members.len(), 3);
    });
}
