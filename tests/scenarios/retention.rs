//! Messages that are kept for a time only.

use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{MessageState, PageAt, Refused, StorageLimits};
use tidings_node::ids::ConversationId;
use tidings_tests::home;
use tidings_tests::world::{self, Fate, World};

use super::stage::{block_on, message};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const WORDS: &str = "words that nobody keeps for ever";

async fn texts(world: &mut World, at: usize, conversation: ConversationId) -> Vec<String> {
    let engine = world.engine(at).unwrap();
    let me = engine.me();
    let page = engine.reader().messages(conversation, PageAt::Newest, 100, &me).await.unwrap().unwrap();
    page.messages.into_iter().map(|message| message.text).collect()
}

async fn send(world: &mut World, at: usize, conversation: ConversationId, text: &str) {
    let sent = world.command(at, Command::Send(message(conversation, text))).await.unwrap();
    assert!(matches!(sent, Fate::Answered(Ok(Reply::Message(_)))), "{sent:?}");
}

async fn pass(world: &mut World, span_ms: u64) {
    let until_ms = world.now_ms() + span_ms;
    world.run_until(until_ms).await.unwrap();
}

#[test]
fn what_expires_leaves_the_files_and_does_not_come_back_and_others_keep_theirs() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::on_disk(31, 2, folder.path()).await.unwrap();
        world.exchange_links(0, 1).await.unwrap();
        let contacts = vec![world.account(1).unwrap()];
        let created = world.command(0, Command::CreateConversation { contacts, name: None }).await.unwrap();
        let Fate::Answered(Ok(Reply::Conversation(conversation))) = created else { panic!("{created:?}") };
        let conversation = conversation.id;
        pass(&mut world, 20_000).await;
        send(&mut world, 1, conversation, WORDS).await;
        pass(&mut world, 5_000).await;
        send(&mut world, 0, conversation, "my own").await;
        pass(&mut world, 20_000).await;
        let shows = || {
            let pages = home::pages(&folder.path().join("0.db"), &world::key()).unwrap();
            pages.windows(WORDS.len()).any(|window| window == WORDS.as_bytes())
        };
        assert!(shows());

        let limits = StorageLimits { keep_days: Some(0), ..StorageLimits::default() };
        let refused = world.command(0, Command::SetStorage(limits)).await.unwrap();
        assert!(matches!(refused, Fate::Answered(Err(Refused::BadSetting(_)))), "{refused:?}");
        let limits = StorageLimits { keep_days: Some(1), ..StorageLimits::default() };
        let set = world.command(0, Command::SetStorage(limits)).await.unwrap();
        assert!(matches!(set, Fate::Answered(Ok(Reply::Done))), "{set:?}");
        pass(&mut world, DAY_MS / 2).await;
        assert_eq!(texts(&mut world, 0, conversation).await, [WORDS, "my own"]);
        send(&mut world, 1, conversation, "half a day later").await;
        pass(&mut world, DAY_MS * 2 / 3).await;
        // One's own may have to be sent again, for a week.
        assert_eq!(texts(&mut world, 0, conversation).await, ["my own", "half a day later"]);
        assert_eq!(texts(&mut world, 1, conversation).await, [WORDS, "my own", "half a day later"]);
        assert!(!shows());

        // Both start again, and compare what they hold.
        for at in [0, 1] {
            world.crash(at).unwrap();
            world.start(at).await.unwrap();
        }
        pass(&mut world, 2 * 60 * 60 * 1_000).await;
        send(&mut world, 0, conversation, "and on it goes").await;
        pass(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, 0, conversation).await, ["my own", "half a day later", "and on it goes"]);
        assert_eq!(world.engine(0).unwrap().reader().storage().await.unwrap().messages, 3);
        let me = world.engine(0).unwrap().me();
        let summary = world.engine(0).unwrap().reader().conversation(conversation, &me).await.unwrap().unwrap();
        assert_eq!(summary.last_message.unwrap().state, MessageState::Delivered);
    });
}
