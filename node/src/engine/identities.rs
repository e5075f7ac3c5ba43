//! Who people are elsewhere (PROTOCOL §7): what the owner proved and their card names, and what contacts' cards name and
//! they give. A proof is kept as it came; what it proves is found out when somebody looks at it.

use tidings_crypto::card::CARD_PROOFS_MAX;
use tidings_crypto::group::{GroupId, Member};
use tidings_crypto::proof::{
    Evidence, KeyId, Known, MailEvidence, PROOF_BYTES_MAX, Proof, ProofId, ProofPolicy, mail_subject,
};
use zeroize::Zeroizing;

use super::batch::{Batch, Halt};
use super::pushes::Asked;
use super::{Reply, State, StoreError};
use crate::handle::{ISSUER_CLIENTS_MAX, IssuerClient, Refused, Standing};
use crate::ids::{AccountId, ConversationId, PeerKey};
use crate::outbox::Kind;
use crate::store::ProofRow;
use crate::wire::content::Content;
use crate::wire::request::{Request, Response};

/// A proof that somebody tells who is no contact is at most this many bytes. A guess: tokens of issuers have 1 to 2 KiB.
const STRANGERS_PROOF_BYTES_MAX: usize = 8 * 1024;
/// Under this name the opening of the next mail is kept.
const MAIL_OPENING: &str = "mail opening";
/// An identifier of an issuer, or of a program there, is at most this many bytes.
const IDENTIFIER_BYTES_MAX: usize = 512;

/// What the owner wants of identities.
#[derive(Debug)]
pub enum IdentityCommand {
    /// Begin to sign in at an issuer: as which program, and what is new in each sign-in.
    Begin {
        /// The issuer.
        issuer: String,
    },
    /// Begin to prove an address: with which subject the mail goes.
    BeginMail,
    /// Keep a proof of mine by a mail with that subject, and show it.
    LinkMail {
        /// The mail.
        mail: Box<SignedMail>,
        /// The keys that its domain signs with, as it told this node just now.
        keys: Vec<KeyId>,
    },
    /// Keep a proof of mine, and show it.
    Link {
        /// What somebody else says.
        evidence: Evidence,
        /// The keys that they sign with, as they told this node just now.
        keys: Vec<KeyId>,
    },
    /// Show a proof of mine no longer.
    Unlink(ProofId),
    /// These keys are in use, as those just said whose they are.
    SawKeys(Vec<KeyId>),
    /// Accept what an issuer says to a program.
    Accept {
        /// Which.
        client: IssuerClient,
        /// The program's secret there.
        secret: Option<Zeroizing<String>>,
    },
    /// Accept it no longer.
    Reject {
        /// The issuer.
        issuer: String,
        /// The program.
        client_id: String,
    },
}

/// A mail of mine as it was delivered, and the key that its domain published.
pub struct SignedMail {
    /// The mail.
    pub message: Vec<u8>,
    /// Under which name the domain published the key.
    pub selector: String,
    /// What it published there.
    pub record: String,
}

impl std::fmt::Debug for SignedMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedMail").field("bytes", &self.message.len()).finish_non_exhaustive()
    }
}

/// What a sign-in begins with.
pub struct SignInBeginning {
    /// The program's name at the issuer.
    pub client_id: String,
    /// Its secret there.
    pub client_secret: Option<Zeroizing<String>>,
    /// Three times 32 random bytes: for `state`, the PKCE verifier and the opening of the nonce.
    pub chance: Zeroizing<[[u8; 32]; 3]>,
}

impl std::fmt::Debug for SignInBeginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInBeginning").finish_non_exhaustive()
    }
}

impl State {
    pub(super) async fn identity_command(
        &mut self,
        batch: &mut Batch<'_, '_>,
        command: IdentityCommand,
    ) -> Result<Reply, Halt> {
        match command {
            IdentityCommand::Begin { issuer } => begin(batch, &issuer).await,
            IdentityCommand::BeginMail => {
                let opening = mail_opening(batch).await?;
                Ok(Reply::MailSubject(mail_subject(&self.me.account.public(), &opening)))
            }
            IdentityCommand::LinkMail { mail, keys } => {
                let SignedMail { message, selector, record } = *mail;
                let opening = mail_opening(batch).await?;
                let evidence = Evidence::Mail(MailEvidence { message, selector, record, opening });
                let linked = self.link(batch, evidence, &keys).await?;
                // The next address gets a subject of its own: nobody can tell from it that both are one person's.
                let opening: [u8; 32] = batch.random();
                batch.tx.set_setting(MAIL_OPENING, &opening).await?;
                Ok(linked)
            }
            IdentityCommand::Link { evidence, keys } => self.link(batch, evidence, &keys).await,
            IdentityCommand::Unlink(id) => self.unlink(batch, id).await,
            IdentityCommand::SawKeys(keys) => {
                batch.tx.saw_proof_keys(&keys, batch.now_ms).await?;
                Ok(Reply::Done)
            }
            IdentityCommand::Accept { client, secret } => accept(batch, &client, secret.as_ref()).await,
            IdentityCommand::Reject { issuer, client_id } => {
                let dropped = batch.tx.drop_issuer(&issuer, &client_id).await?;
                if dropped { Ok(Reply::Done) } else { Err(Refused::UnknownIssuer.into()) }
            }
        }
    }

    /// What does not prove to this node itself that the identity is mine is not shown to others.
    async fn link(&mut self, batch: &mut Batch<'_, '_>, evidence: Evidence, keys: &[KeyId]) -> Result<Reply, Halt> {
        let refused = |reason: String| Refused::BadProof(reason);
        let proof = Proof::sign(&evidence, &self.me.account).map_err(|error| refused(error.to_string()))?;
        batch.tx.saw_proof_keys(keys, batch.now_ms).await?;
        let policy = ProofPolicy { issuers: batch.tx.accepted_issuers().await?, ..ProofPolicy::default() };
        let seen = batch.tx.seen_keys().await?;
        let me = self.me.account.public();
        let known = Known { keys: &seen, withdrawn: &[] };
        let verdict = proof.verify(&me, batch.now_ms, &known, &policy).map_err(|error| refused(error.to_string()))?;
        let account = self.me.account_id();
        // A proof takes the place of one of the same identity.
        for id in batch.tx.proof_ids(account).await? {
            let Some(bytes) = batch.tx.proof(account, id).await? else { continue };
            let Ok(earlier) = Proof::decode(&bytes) else { continue };
            let earlier = earlier.verify(&me, batch.now_ms, &known, &policy);
            if earlier.is_ok_and(|earlier| earlier.identity.key() == verdict.identity.key()) {
                batch.tx.drop_proof(account, id).await?;
                self.tell_no_more(batch, id).await?;
            }
        }
        if batch.tx.proof_ids(account).await?.len() >= CARD_PROOFS_MAX {
            return Err(Refused::LimitReached { what: "linked identities", limit: CARD_PROOFS_MAX as u64 }.into());
        }
        let (id, bytes) = (proof.id(), proof.bytes().to_vec());
        batch.tx.put_proof(&ProofRow { id, account, bytes, added_at_ms: batch.now_ms }).await?;
        self.show_proofs(batch).await?;
        Ok(Reply::Proof(id))
    }

    async fn unlink(&mut self, batch: &mut Batch<'_, '_>, id: ProofId) -> Result<Reply, Halt> {
        if !batch.tx.drop_proof(self.me.account_id(), id).await? {
            return Err(Refused::UnknownIdentity.into());
        }
        self.tell_no_more(batch, id).await?;
        self.show_proofs(batch).await?;
        Ok(Reply::Done)
    }

    /// Whether somebody is told who I am elsewhere: a contact that the owner added, and did not block.
    fn may_know_proofs(&self, account: &AccountId) -> bool {
        let is_added = self.contacts.get(account).is_some_and(|contact| contact.row.added);
        is_added && !self.strangers.is_blocked(account)
    }

    /// A proof that is withdrawn is owed to nobody.
    async fn tell_no_more(&mut self, batch: &mut Batch<'_, '_>, proof: ProofId) -> Result<(), StoreError> {
        batch.tx.flush().await?;
        for account in batch.tx.take_told(proof).await? {
            let id = ConversationId::direct(&self.me.account_id(), &account);
            batch.tx.drop_numbered(id, Kind::Statement, statement_of(proof)).await?;
        }
        Ok(())
    }

    /// Tells a contact the proofs of mine that they were not told yet, in the conversation with them alone: they may not be
    /// there when I am.
    pub(super) async fn tell_proofs(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<(), StoreError> {
        if self.profile.proofs().is_empty() || !self.may_know_proofs(&account) {
            return Ok(());
        }
        let me = self.me.account_id();
        let id = ConversationId::direct(&me, &account);
        let group = match self.conversation(batch, id).await? {
            Some(known) if known.row.standing == Standing::Member => known.groups.first().copied(),
            _ => None,
        };
        let Some(group) = group else { return Ok(()) };
        for proof in batch.tx.untold_proofs(me, account).await? {
            let Some(bytes) = batch.tx.proof(me, proof).await? else { continue };
            if let Some(envelope) = self.encrypt(batch, group, &Content::Proof(bytes)).await? {
                self.spread(batch, id, &envelope, Kind::Statement, statement_of(proof)).await?;
                batch.tx.told_proof(account, proof).await?;
            }
        }
        Ok(())
    }

    /// The same, for a conversation that has just begun, if it is with one other alone.
    pub(crate) async fn tell_proofs_in(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        let Some(id) = self.group_rows.get(&group).map(|row| row.conversation) else { return Ok(()) };
        let me = self.me.account_id();
        let members = self.groups.get(&group).map(|loaded| loaded.group.members()).unwrap_or_default();
        let other = members.iter().map(|member| member.account).find(|account| *account != me);
        match other.filter(|account| id == ConversationId::direct(&me, account)) {
            Some(other) => self.tell_proofs(batch, other).await,
            None => Ok(()),
        }
    }

    /// The card names my proofs as they are now, and everybody I talk to learns that.
    async fn show_proofs(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let proofs = batch.tx.proof_ids(self.me.account_id()).await?;
        self.profile.set_proofs(proofs);
        self.renew_card(batch).await?;
        Box::pin(self.tell_card(batch)).await?;
        let added = self.contacts.values().filter(|contact| contact.row.added);
        let added: Vec<AccountId> = added.map(|contact| contact.row.account).collect();
        for account in added {
            self.tell_proofs(batch, account).await?;
        }
        Ok(())
    }

    /// A person's card is here, or newer than before: what it does not name any more is let go, and what is missing is asked
    /// for.
    pub(super) async fn follow_proofs(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<(), StoreError> {
        let Some(named) = self.proofs_named(account) else { return Ok(()) };
        for id in batch.tx.proof_ids(account).await? {
            if !named.contains(&id) {
                batch.tx.drop_proof(account, id).await?;
            }
        }
        let peer = self.connected_peers().find(|peer| self.accounts_by_peer.get(peer) == Some(&account));
        match peer {
            Some(peer) => self.ask_for_proofs(batch, peer).await,
            None => Ok(()),
        }
    }

    /// What a contact's card names.
    fn proofs_named(&self, account: AccountId) -> Option<Vec<ProofId>> {
        let contact = self.contacts.get(&account).filter(|contact| !contact.row.met)?;
        Some(contact.card.as_ref()?.card().proofs.clone())
    }

    /// Asks a contact's node for the proofs that their card names and that are not here.
    pub(super) async fn ask_for_proofs(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let Some(account) = self.accounts_by_peer.get(&peer).copied() else { return Ok(()) };
        let Some(named) = self.proofs_named(account).filter(|named| !named.is_empty()) else { return Ok(()) };
        let here = batch.tx.proof_ids(account).await?;
        for id in named.into_iter().filter(|id| !here.contains(id)) {
            let is_asked = |asked: &Asked| matches!(asked, Asked::IdentityProof { id: other, .. } if *other == id);
            if !self.asked.values().any(is_asked) {
                self.ask(batch, peer, Asked::IdentityProof { account, id }, Request::Proof { id });
            }
        }
        Ok(())
    }

    /// A contact asks for a proof that my card names. Nobody else is given any: it says who I am elsewhere.
    pub(super) async fn answer_proof(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        id: ProofId,
    ) -> Result<Response, StoreError> {
        if !self.accounts_by_peer.get(&peer).is_some_and(|asker| self.may_know_proofs(asker)) {
            return Ok(Response::Proof { proof: None });
        }
        Ok(Response::Proof { proof: batch.tx.proof(self.me.account_id(), id).await? })
    }

    /// Somebody told a proof of theirs, in a conversation. The card that names it may still be on its way.
    pub(crate) async fn take_told_proof(
        &mut self,
        batch: &mut Batch<'_, '_>,
        sender: &Member,
        bytes: Vec<u8>,
    ) -> Result<(), StoreError> {
        let account = sender.account;
        let Some(contact) = self.contacts.get(&account).filter(|contact| !contact.row.met) else { return Ok(()) };
        let bytes_max = if contact.row.added { PROOF_BYTES_MAX } else { STRANGERS_PROOF_BYTES_MAX };
        let Some(proof) = Proof::decode(&bytes).ok().filter(|proof| proof.account().id() == account) else {
            return Ok(());
        };
        let here = batch.tx.proof_ids(account).await?;
        let named = self.proofs_named(account).unwrap_or_default();
        let unnamed = here.iter().filter(|id| !named.contains(id)).count();
        let is_one_too_many = !named.contains(&proof.id()) && unnamed >= CARD_PROOFS_MAX;
        if bytes.len() > bytes_max || is_one_too_many {
            return Ok(());
        }
        batch.tx.put_proof(&ProofRow { id: proof.id(), account, bytes, added_at_ms: batch.now_ms }).await?;
        batch.changed_contacts.insert(account);
        Ok(())
    }

    /// A contact gave a proof.
    pub(super) async fn take_proof(
        &mut self,
        batch: &mut Batch<'_, '_>,
        (account, id): (AccountId, ProofId),
        bytes: Vec<u8>,
    ) -> Result<(), StoreError> {
        let is_named = self.proofs_named(account).is_some_and(|named| named.contains(&id));
        let is_theirs = |proof: &Proof| proof.id() == id && proof.account().id() == account;
        if !is_named || !Proof::decode(&bytes).is_ok_and(|proof| is_theirs(&proof)) {
            return Ok(());
        }
        batch.tx.put_proof(&ProofRow { id, account, bytes, added_at_ms: batch.now_ms }).await?;
        batch.changed_contacts.insert(account);
        Ok(())
    }
}

/// The number of a proof among what is told to a conversation: none has it that is something else.
fn statement_of(proof: ProofId) -> u64 {
    let [a, b, c, d, ..] = proof.0;
    (1 << 40) | u64::from(u32::from_be_bytes([a, b, c, d]))
}

/// What the subject of the next mail is made with besides the account's key: kept until an address was proved, since the
/// mail may take a day.
async fn mail_opening(batch: &mut Batch<'_, '_>) -> Result<[u8; 32], StoreError> {
    let kept = batch.tx.setting(MAIL_OPENING).await?;
    if let Some(opening) = kept.and_then(|bytes| bytes.try_into().ok()) {
        return Ok(opening);
    }
    let opening = batch.random();
    batch.tx.set_setting(MAIL_OPENING, &opening).await?;
    Ok(opening)
}

async fn begin(batch: &mut Batch<'_, '_>, issuer: &str) -> Result<Reply, Halt> {
    let (client_id, client_secret) = batch.tx.own_client(issuer).await?.ok_or(Refused::UnknownIssuer)?;
    let chance = Zeroizing::new([batch.random(), batch.random(), batch.random()]);
    Ok(Reply::SignInBeginning(Box::new(SignInBeginning { client_id, client_secret, chance })))
}

async fn accept(
    batch: &mut Batch<'_, '_>,
    client: &IssuerClient,
    secret: Option<&Zeroizing<String>>,
) -> Result<Reply, Halt> {
    let fits =
        |text: &str| (1..=IDENTIFIER_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let is_url = url::Url::parse(&client.issuer).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    if !is_url || !fits(&client.issuer) || !fits(&client.client_id) || secret.is_some_and(|secret| !fits(secret)) {
        let what = "an issuer is an https address, and a program there has an id (and perhaps a secret) of 1 to 512 \
                    letters, digits and signs";
        return Err(Refused::BadSetting(what.to_owned()).into());
    }
    let is_new = !batch
        .tx
        .accepted_issuers()
        .await?
        .iter()
        .any(|accepted| accepted.issuer == client.issuer && accepted.client_ids.contains(&client.client_id));
    if is_new && batch.tx.count_issuers().await? >= ISSUER_CLIENTS_MAX {
        return Err(Refused::LimitReached { what: "programs at issuers", limit: ISSUER_CLIENTS_MAX }.into());
    }
    batch.tx.put_issuer(client, secret, batch.rng).await?;
    Ok(Reply::Done)
}
