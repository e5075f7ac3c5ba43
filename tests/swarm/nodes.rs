//! Two whole nodes with a recorder between them: a conversation leaves nothing readable on the wire.

use std::time::Duration;

use tidings_crypto::card::{CardLink, ShortCard};
use tidings_node::event::{Event, Notice};
use tidings_node::handle::{Handle, MessageState, NewMessage};
use tidings_node::ids::ConversationId;
use tidings_node::network::parse_address;
use tidings_node::node::{Config, Node};
use tidings_tests::proxy::Proxy;

async fn start(name: &str) -> (Node, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let mut config = Config::new(home.path().to_owned());
    config.name = Some(name.to_owned());
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    config.mdns = false;
    config.upnp = false;
    (Node::start(config).await.unwrap(), home)
}

async fn send_and_wait(from: &Handle, conversation: ConversationId, text: &str) {
    let mut events = from.events(None);
    let new = NewMessage { conversation, text: text.to_owned(), reply_to: None, idempotency_key: None };
    let sent = from.send(new).await.unwrap();
    loop {
        if let Notice::Event(_, Event::States { states, .. }) = events.next().await.unwrap()
            && states.iter().any(|(id, state)| *id == sent.id && *state >= MessageState::Delivered)
        {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_leaves_nothing_readable_on_the_wire() {
    let (one, _home_one) = start("Ada Lovelace").await;
    let (other, _home_other) = start("Bob Dylan").await;
    let (ada, bob) = (one.handle(), other.handle());

    // A short link that leads to the recorder: Ada has nothing else to reach Bob by until his card arrives through it.
    let links = bob.card().await.unwrap();
    let CardLink::Full(card) = CardLink::parse(&links.link).unwrap() else { panic!("the full link is full") };
    let listening = &bob.status().await.unwrap().addresses[0];
    let port: u16 = listening.split('/').nth(4).unwrap().parse().unwrap();
    let proxy = Proxy::start(([127, 0, 0, 1], port).into()).await.unwrap();
    let through = parse_address(&format!("/ip4/127.0.0.1/tcp/{}", proxy.address().port())).unwrap();
    let short = ShortCard { addresses: vec![through], ..ShortCard::of(&card) };
    let contact = ada.add_contact(short.link()).await.unwrap();
    let mut waited = 0;
    while !ada.contacts().await.unwrap().iter().any(|known| known.account == contact.account && known.card_complete) {
        waited += 1;
        assert!(waited < 600, "the card did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let there = ada.create_conversation(vec![contact.account], None).await.unwrap().id;
    // Bob does not know her: what she began waits for him.
    let mut waited = 0;
    while !bob.requests().await.unwrap().iter().any(|request| request.conversation == there) {
        waited += 1;
        assert!(waited < 600, "the request did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bob.accept_request(there).await.unwrap();
    let words = ["the garden behind the mill", "a lantern at midnight", "sevenfold"];
    for word in words {
        send_and_wait(&ada, there, word).await;
        send_and_wait(&bob, there, word).await;
    }

    assert!(proxy.carried(b"/noise"), "the recorder works");
    assert!(proxy.recorded().len() > 5_000, "the conversation went past the recorder");
    let accounts = [ada.status().await.unwrap().account, bob.status().await.unwrap().account];
    let mut hidden: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    hidden.extend([b"Lovelace".to_vec(), b"Dylan".to_vec(), b"meshsub".to_vec(), b"garden".to_vec()]);
    hidden.extend(accounts.iter().map(|account| account.0[..8].to_vec()));
    hidden.push(there.0[..8].to_vec());
    for needle in hidden {
        assert!(!proxy.carried(&needle), "{}", String::from_utf8_lossy(&needle));
    }
    one.shutdown().await;
    other.shutdown().await;
}
