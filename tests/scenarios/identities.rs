//! Who people are elsewhere: proofs that reach contacts whoever is there when, and that are gone when they are withdrawn.

use data_encoding::BASE64URL_NOPAD;
use tidings_crypto::card::CardLink;
use tidings_crypto::identity::AccountPublic;
use tidings_crypto::proof::{AuthorityKey, Evidence, OidcEvidence, Proof, oidc_nonce};
use tidings_node::engine::identities::IdentityCommand;
use tidings_node::engine::{Command, MailboxOf, Reply};
use tidings_node::handle::{IssuerClient, Refused};
use tidings_node::ids::ProofId;
use tidings_tests::faults::Faults;
use tidings_tests::world::{Place, World};

use super::stage::{ask, block_on, create, run_for};

const ALICE: Place = 0;
const BOB: Place = 1;
const KEEPER: Place = 2;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const ISSUER: &str = "https://issuer.example";

/// What the issuer says to Alice's program about who signed in, made out to a key.
fn evidence(to: &AccountPublic, subject: &str, now_ms: u64) -> (Evidence, AuthorityKey) {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let (key, opening) = (Ed25519KeyPair::from_seed_unchecked(&[0x21; 32]).unwrap(), [7; 32]);
    let (nonce, issued_s) = (oidc_nonce(to, &opening), now_ms / 1_000);
    let claims = format!(
        r#"{{"iss":"{ISSUER}","sub":"{subject}","aud":"tidings","iat":{issued_s},"exp":{},"nonce":"{nonce}"}}"#,
        issued_s + 600
    );
    let signed = [r#"{"alg":"EdDSA"}"#, &claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
    let signature = BASE64URL_NOPAD.encode(key.sign(signed.as_bytes()).as_ref());
    let key = AuthorityKey::ed25519(key.public_key().as_ref().try_into().unwrap());
    let id_token = format!("{signed}.{signature}");
    (Evidence::Oidc(OidcEvidence { id_token, key: key.clone(), opening }), key)
}

async fn key_of(world: &mut World, at: Place) -> AccountPublic {
    let Ok(Reply::Card(links)) = ask(world, at, Command::Card).await else { panic!("no card") };
    let Ok(CardLink::Full(card)) = CardLink::parse(&links.link) else { panic!("the full link is full") };
    card.card().account
}

async fn link(world: &mut World, subject: &str) -> Result<ProofId, Refused> {
    let to = key_of(world, ALICE).await;
    let (evidence, key) = evidence(&to, subject, world.now_ms());
    let keys = vec![key.id_at_issuer(ISSUER)];
    match ask(world, ALICE, Command::Identity(IdentityCommand::Link { evidence, keys })).await? {
        Reply::Proof(id) => Ok(id),
        other => panic!("{other:?}"),
    }
}

async fn unlink(world: &mut World, id: ProofId) {
    ask(world, ALICE, Command::Identity(IdentityCommand::Unlink(id))).await.unwrap();
}

/// Alice accepts the issuer, and signs in as its program.
async fn accepts(world: &mut World) {
    let client = IssuerClient { issuer: ISSUER.to_owned(), client_id: "tidings".to_owned(), own: true };
    ask(world, ALICE, Command::Identity(IdentityCommand::Accept { client, secret: None })).await.unwrap();
}

/// The proofs of Alice's that a node has.
async fn held(world: &mut World, at: Place) -> Vec<ProofId> {
    let alice = world.account(ALICE).unwrap();
    let rows = world.engine(at).unwrap().reader().proofs(alice).await.unwrap();
    for row in &rows {
        assert_eq!(Proof::decode(&row.bytes).unwrap().id(), row.id);
    }
    rows.into_iter().map(|row| row.id).collect()
}

/// Alice and Bob talk, are never on together, and the third keeps envelopes for both.
async fn apart(seed: u64) -> World {
    let mut world = World::new(seed, 3, Faults::NONE).await.unwrap();
    world.serve_mailboxes(KEEPER, true).await.unwrap();
    world.exchange_links(ALICE, BOB).await.unwrap();
    let Ok(Reply::MailboxLink(link)) = ask(&mut world, KEEPER, Command::MailboxLink).await else { panic!("no link") };
    for at in [ALICE, BOB] {
        ask(&mut world, at, Command::UseMailbox(MailboxOf::Link(link.to_string()))).await.unwrap();
    }
    run_for(&mut world, 5_000).await;
    accepts(&mut world).await;
    world
}

/// One is on for a minute while the other is not.
async fn alone(world: &mut World, at: Place, other: Place) {
    if world.is_up(other) {
        world.crash(other).unwrap();
    }
    if !world.is_up(at) {
        world.start(at).await.unwrap();
    }
    run_for(world, 60_000).await;
}

#[test]
fn who_is_never_on_together_with_another_gets_the_proofs_and_the_withdrawal() {
    block_on(async {
        let mut world = Box::pin(apart(81)).await;
        create(&mut world, &[BOB], None).await;
        run_for(&mut world, 5_000).await;

        alone(&mut world, ALICE, BOB).await;
        let first = link(&mut world, "alice").await.unwrap();
        run_for(&mut world, 60_000).await;
        alone(&mut world, BOB, ALICE).await;
        assert_eq!(held(&mut world, BOB).await, [first]);

        // The same identity again, a day later: the new proof takes the place of the old one.
        run_for(&mut world, DAY_MS).await;
        alone(&mut world, ALICE, BOB).await;
        let again = link(&mut world, "alice").await.unwrap();
        assert_ne!(first, again);
        let other = link(&mut world, "alice-at-work").await.unwrap();
        run_for(&mut world, 60_000).await;
        alone(&mut world, BOB, ALICE).await;
        let mut both = [again, other];
        both.sort_unstable();
        let mut here = held(&mut world, BOB).await;
        here.sort_unstable();
        assert_eq!(here, both);

        alone(&mut world, ALICE, BOB).await;
        unlink(&mut world, again).await;
        run_for(&mut world, 60_000).await;
        alone(&mut world, BOB, ALICE).await;
        assert_eq!(held(&mut world, BOB).await, [other]);
        // The keeper has sealed envelopes of it, and no proof.
        assert!(held(&mut world, KEEPER).await.is_empty());
    });
}

#[test]
fn a_conversation_that_begins_later_brings_the_proofs_and_a_withdrawn_one_is_owed_no_more() {
    block_on(async {
        let mut world = Box::pin(apart(82)).await;
        alone(&mut world, ALICE, BOB).await;
        let withdrawn = link(&mut world, "alice").await.unwrap();
        let kept = link(&mut world, "alice-at-work").await.unwrap();
        create(&mut world, &[BOB], None).await;
        unlink(&mut world, withdrawn).await;
        run_for(&mut world, 60_000).await;
        alone(&mut world, BOB, ALICE).await;
        assert_eq!(held(&mut world, BOB).await, [kept]);
    });
}

#[test]
fn who_meets_gets_the_proofs_without_a_conversation_and_who_is_no_contact_gets_none() {
    block_on(async {
        let mut world = Box::pin(apart(83)).await;
        let proof = link(&mut world, "alice").await.unwrap();
        run_for(&mut world, 5_000).await;
        assert_eq!(held(&mut world, BOB).await, [proof]);
        // The keeper adds her, and she does not know them.
        let Ok(Reply::Card(card)) = ask(&mut world, ALICE, Command::Card).await else { panic!("no card") };
        ask(&mut world, KEEPER, Command::AddContact(card.link)).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert!(held(&mut world, KEEPER).await.is_empty());
        unlink(&mut world, proof).await;
        run_for(&mut world, 5_000).await;
        assert!(held(&mut world, BOB).await.is_empty());
    });
}

#[test]
fn a_proof_that_is_made_out_to_another_key_is_not_shown() {
    block_on(async {
        let mut world = Box::pin(apart(84)).await;
        let bob = key_of(&mut world, BOB).await;
        let (evidence, key) = evidence(&bob, "bob", world.now_ms());
        let keys = vec![key.id_at_issuer(ISSUER)];
        let answer = ask(&mut world, ALICE, Command::Identity(IdentityCommand::Link { evidence, keys })).await;
        assert!(matches!(&answer, Err(Refused::BadProof(why)) if why.contains("another account key")), "{answer:?}");
        assert!(held(&mut world, ALICE).await.is_empty());
        for number in 0..8 {
            link(&mut world, &format!("alice-{number}")).await.unwrap();
        }
        let ninth = link(&mut world, "alice-9").await;
        assert!(matches!(ninth, Err(Refused::LimitReached { limit: 8, .. })), "{ninth:?}");
        run_for(&mut world, 5_000).await;
        assert_eq!(held(&mut world, BOB).await.len(), 8);
    });
}
