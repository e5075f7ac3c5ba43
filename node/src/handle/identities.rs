//! Who people are elsewhere: what of it was proved and on what that rests, and how the owner proves it of themself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use tidings_crypto::card::SignedCard;
use tidings_crypto::identity::AccountPublic;
use tidings_crypto::proof::{
    AuthorityKey, Basis, DomainKey, DomainKeyName, Evidence, Identity, IssuerKeys, KeyId, Known, MAIL_BYTES_MAX,
    MailEvidence, OidcEvidence, Proof, ProofId, ProofPolicy, Refused as ProofRefused, oidc_nonce,
};
use tokio::sync::Mutex;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{Contact, Handle, Refused, unreadable};
use crate::engine::identities::{IdentityCommand, SignedMail};
use crate::engine::{Command, Reply};
use crate::ids::AccountId;
use crate::providers::{Answered, AskError, Begun, Dns, DnsError, Http, Issuer, Program, SignInError, Wanted};
use crate::store::ProofRow;

/// Programs at issuers that are accepted, at the most. A guess: a person knows people with a few.
pub const ISSUER_CLIENTS_MAX: u64 = 64;
/// So many sign-ins are under way at once; beyond it the oldest is forgotten.
const SIGN_INS_MAX: usize = 16;
/// A sign-in is finished within this many ms: ten minutes.
const SIGN_IN_MS_MAX: u64 = 10 * 60 * 1_000;

/// A program at an issuer, and the issuer with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerClient {
    /// The issuer's identifier: an URL, exactly as its tokens have it.
    pub issuer: String,
    /// The program's name there (`client_id`).
    pub client_id: String,
    /// Whether the owner signs in as it.
    pub own: bool,
}

/// What is known of a proof that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofStanding {
    /// It holds.
    Holds {
        /// Who they are elsewhere.
        identity: Identity,
        /// On what that rests.
        basis: Basis,
        /// When it was made, by whoever signed it.
        made_at_ms: u64,
        /// From when on it holds no more.
        expires_at_ms: u64,
    },
    /// It proves nothing: why. What it says is not told.
    Refused(String),
    /// Their card names it, and it was not given to this node yet.
    Missing,
}

/// A proof of who somebody is elsewhere, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityView {
    /// Its name.
    pub id: ProofId,
    /// How it stands.
    pub standing: ProofStanding,
}

/// A sign-in that is under way.
struct Pending {
    issuer: Issuer,
    program: Program,
    begun: Begun,
    opening: [u8; 32],
    began_at_ms: u64,
}

/// The sign-ins that are under way. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct SignInsElsewhere(Arc<Mutex<BTreeMap<String, Pending>>>);

impl fmt::Debug for SignInsElsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInsElsewhere").finish_non_exhaustive()
    }
}

impl Handle {
    /// The issuers whose word counts here, and for which programs.
    pub async fn issuers(&self) -> Result<Vec<IssuerClient>, Refused> {
        self.reader.issuer_clients().await.map_err(unreadable)
    }

    /// Accepts what an issuer says to a program.
    pub async fn accept_issuer(&self, client: IssuerClient, secret: Option<String>) -> Result<(), Refused> {
        let secret = secret.map(Zeroizing::new);
        self.identity(IdentityCommand::Accept { client, secret }).await.map(drop)
    }

    /// Accepts it no longer.
    pub async fn reject_issuer(&self, issuer: String, client_id: String) -> Result<(), Refused> {
        self.identity(IdentityCommand::Reject { issuer, client_id }).await.map(drop)
    }

    /// Who I am elsewhere, as others see it.
    pub async fn identities(&self) -> Result<Vec<IdentityView>, Refused> {
        let account = self.account();
        let proofs = self.reader.proofs(account.id()).await.map_err(unreadable)?;
        self.judge(&account, proofs).await
    }

    /// Who a contact is elsewhere, as far as it is proved.
    pub async fn identities_of(&self, account: AccountId) -> Result<Vec<IdentityView>, Refused> {
        let bytes = self.reader.contact_card(account).await.map_err(unreadable)?.ok_or(Refused::UnknownContact)?;
        let Ok(card) = SignedCard::decode(&bytes) else { return Ok(Vec::new()) };
        let named = &card.card().proofs;
        let proofs = self.reader.proofs(account).await.map_err(unreadable)?;
        let missing = named.iter().filter(|id| !proofs.iter().any(|row| row.id == **id));
        let missing: Vec<IdentityView> =
            missing.map(|id| IdentityView { id: *id, standing: ProofStanding::Missing }).collect();
        let proofs = proofs.into_iter().filter(|row| named.contains(&row.id)).collect();
        let mut views = self.judge(&card.card().account, proofs).await?;
        views.extend(missing);
        Ok(views)
    }

    /// The contacts of whom it is verified here that this is what they are called elsewhere: an e-mail address in either case of
    /// letters, or an issuer's name for them. Two may have the same address by two issuers, or one after the other.
    pub async fn contacts_called(&self, identity: &str) -> Result<Vec<Contact>, Refused> {
        let proved: BTreeSet<AccountId> =
            self.reader.accounts_with_proofs().await.map_err(unreadable)?.into_iter().collect();
        let mut called = Vec::new();
        for contact in self.contacts().await?.into_iter().filter(|contact| proved.contains(&contact.account)) {
            let is_it = |view: &IdentityView| match &view.standing {
                ProofStanding::Holds { identity: theirs, basis: Basis::Verified, .. } => is_called(theirs, identity),
                _ => false,
            };
            if self.identities_of(contact.account).await?.iter().any(is_it) {
                called.push(contact);
            }
        }
        Ok(called)
    }

    /// Asks the issuers of a contact's proofs which keys they have now, those that are accepted here; then as before. What an
    /// issuer does not answer changes nothing.
    pub async fn check_identities_of(&self, account: AccountId) -> Result<Vec<IdentityView>, Refused> {
        let proofs = self.reader.proofs(account).await.map_err(unreadable)?;
        let issuers = self.reader.accepted_issuers().await.map_err(unreadable)?;
        let http = Http::new().map_err(failed)?;
        for row in &proofs {
            let Ok(proof) = Proof::decode(&row.bytes) else { continue };
            let evidence = match proof.evidence() {
                Evidence::Oidc(evidence) => evidence,
                Evidence::Mail(evidence) => {
                    self.check_domain(evidence).await?;
                    continue;
                }
            };
            // By what the token says of itself, which is not verified: it only chooses among those that are accepted.
            let claimed = issuers.iter().find(|accepted| evidence.claims_issuer(&accepted.issuer));
            if let Some(claimed) = claimed {
                let issuer = Issuer::discover(&http, &claimed.issuer).await.map_err(failed)?;
                let (keys, _) = issuer_keys(&http, &issuer).await?;
                self.identity(IdentityCommand::SawKeys(ids_of(&keys, &issuer.name))).await?;
            }
        }
        self.identities_of(account).await
    }

    /// The subject of the mail that proves an address of mine. It stays the same until one was proved.
    pub async fn begin_mail(&self) -> Result<String, Refused> {
        match self.identity(IdentityCommand::BeginMail).await? {
            Reply::MailSubject(subject) => Ok(subject),
            _ => Err(Refused::Stopped),
        }
    }

    /// Finishes it with the mail as its provider signed and delivered it: what was proved is on my card from then on.
    pub async fn finish_mail(&self, message: Vec<u8>) -> Result<IdentityView, Refused> {
        let message = with_line_ends(message);
        if message.len() > MAIL_BYTES_MAX {
            return Err(Refused::BadProof(format!("a mail that proves an address has at most {MAIL_BYTES_MAX} bytes")));
        }
        let refused = |error: ProofRefused| Refused::BadProof(error.to_string());
        let names = DomainKeyName::of_mail(&message).map_err(refused)?;
        let mut reason = None;
        for name in names {
            let record = match self.record_of(&name).await {
                Ok(record) => record,
                Err(refused) => {
                    reason = reason.or(Some(refused));
                    continue;
                }
            };
            let keys = vec![DomainKey::parse(&record).map_err(refused)?.id_at_domain(&name.domain, &name.selector)];
            let mail = Box::new(SignedMail { message: message.clone(), selector: name.selector, record });
            return match self.identity(IdentityCommand::LinkMail { mail, keys }).await {
                Ok(Reply::Proof(id)) => {
                    let views = self.identities().await?;
                    views.into_iter().find(|view| view.id == id).ok_or(Refused::UnknownIdentity)
                }
                Ok(_) => Err(Refused::Stopped),
                Err(refused) => Err(refused),
            };
        }
        Err(reason.unwrap_or(Refused::UnknownIdentity))
    }

    /// Asks a domain whether a mail's key is its own still.
    async fn check_domain(&self, evidence: &MailEvidence) -> Result<(), Refused> {
        // Where the mail says that its key is published: nothing of it is verified here, the proof's verdict is.
        let Ok(names) = DomainKeyName::of_mail(&evidence.message) else { return Ok(()) };
        let Some(name) = names.into_iter().find(|name| name.selector == evidence.selector) else { return Ok(()) };
        let record = self.record_of(&name).await?;
        if let Ok(key) = DomainKey::parse(&record) {
            let seen = vec![key.id_at_domain(&name.domain, &name.selector)];
            self.identity(IdentityCommand::SawKeys(seen)).await?;
        }
        Ok(())
    }

    async fn record_of(&self, name: &DomainKeyName) -> Result<String, Refused> {
        let failed = |error: DnsError| Refused::ProviderFailed(error.to_string());
        let dns = Dns::new(self.name_server).map_err(failed)?;
        dns.txt(&format!("{}._domainkey.{}", name.selector, name.domain)).await.map_err(failed)
    }

    /// Begins to sign in at an issuer, as the program that is the owner's there: where the browser goes. It comes back to
    /// `back`, which must be on this machine.
    pub async fn begin_identity(&self, issuer: &str, back: &str) -> Result<String, Refused> {
        let back = loopback(back)?;
        let Reply::SignInBeginning(beginning) =
            self.identity(IdentityCommand::Begin { issuer: issuer.to_owned() }).await?
        else {
            return Err(Refused::Stopped);
        };
        let http = Http::new().map_err(failed)?;
        let issuer = Issuer::discover(&http, issuer).await.map_err(failed)?;
        let [state, verifier, opening] = *beginning.chance;
        let program = Program { id: beginning.client_id, secret: beginning.client_secret };
        let wanted = Wanted {
            state: BASE64URL_NOPAD.encode(&state),
            verifier: Zeroizing::new(BASE64URL_NOPAD.encode(&verifier)),
            back,
        };
        let state = wanted.state.clone();
        let begun = issuer.begin(&program, &oidc_nonce(&self.account(), &opening), wanted);
        let url = begun.url.to_string();
        let began_at_ms = (self.clock)();
        let mut under_way = self.sign_ins.0.lock().await;
        under_way.retain(|_, pending| began_at_ms.saturating_sub(pending.began_at_ms) < SIGN_IN_MS_MAX);
        while under_way.len() >= SIGN_INS_MAX {
            let oldest =
                under_way.iter().min_by_key(|(_, pending)| pending.began_at_ms).map(|(state, _)| state.clone());
            oldest.and_then(|oldest| under_way.remove(&oldest));
        }
        under_way.insert(state, Pending { issuer, program, begun, opening, began_at_ms });
        Ok(url)
    }

    /// Finishes it with what the browser came back with: what was proved is on my card from then on.
    pub async fn finish_identity(&self, answered: Answered) -> Result<IdentityView, Refused> {
        let pending = self.sign_ins.0.lock().await.remove(&answered.state).ok_or(Refused::UnknownSignIn)?;
        if (self.clock)().saturating_sub(pending.began_at_ms) >= SIGN_IN_MS_MAX {
            return Err(Refused::UnknownSignIn);
        }
        let Pending { issuer, program, begun, opening, .. } = pending;
        let http = Http::new().map_err(failed)?;
        let tokens = issuer.finish(&http, &program, begun, &answered).await.map_err(|error| match error {
            SignInError::Ask(error) => failed(error),
            other => Refused::BadProof(other.to_string()),
        })?;
        let (keys, signer) = {
            let (keys, set) = issuer_keys(&http, &issuer).await?;
            let signer = set.signer_of(&tokens.id_token).map_err(|error| Refused::BadProof(error.to_string()))?;
            (ids_of(&keys, &issuer.name), signer.clone())
        };
        let evidence = OidcEvidence { id_token: tokens.id_token.to_string(), key: signer, opening };
        match self.identity(IdentityCommand::Link { evidence: Evidence::Oidc(evidence), keys }).await? {
            Reply::Proof(id) => {
                let views = self.identities().await?;
                views.into_iter().find(|view| view.id == id).ok_or(Refused::UnknownIdentity)
            }
            _ => Err(Refused::Stopped),
        }
    }

    /// Shows a proof of mine no longer: others are told that it is withdrawn.
    pub async fn unlink_identity(&self, id: ProofId) -> Result<(), Refused> {
        self.identity(IdentityCommand::Unlink(id)).await.map(drop)
    }

    async fn identity(&self, command: IdentityCommand) -> Result<Reply, Refused> {
        self.ask(Command::Identity(command)).await
    }

    async fn judge(&self, account: &AccountPublic, proofs: Vec<ProofRow>) -> Result<Vec<IdentityView>, Refused> {
        let issuers = self.reader.accepted_issuers().await.map_err(unreadable)?;
        let keys = self.reader.seen_keys().await.map_err(unreadable)?;
        let policy = ProofPolicy { issuers, ..ProofPolicy::default() };
        let known = Known { keys: &keys, withdrawn: &[] };
        let now_ms = (self.clock)();
        let standing = |bytes: &[u8]| match Proof::decode(bytes) {
            Err(error) => ProofStanding::Refused(error.to_string()),
            Ok(proof) => match proof.verify(account, now_ms, &known, &policy) {
                Err(refused) => ProofStanding::Refused(refused.to_string()),
                Ok(verdict) => ProofStanding::Holds {
                    identity: verdict.identity,
                    basis: verdict.basis,
                    made_at_ms: verdict.made_at_ms,
                    expires_at_ms: verdict.expires_at_ms,
                },
            },
        };
        Ok(proofs.into_iter().map(|row| IdentityView { id: row.id, standing: standing(&row.bytes) }).collect())
    }
}

fn is_called(identity: &Identity, typed: &str) -> bool {
    match identity {
        Identity::Oidc { subject, email, .. } => {
            subject == typed || email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(typed))
        }
        Identity::Mail { address } => address.eq_ignore_ascii_case(typed),
    }
}

/// A mail with its lines ended as they were when it was signed: programs that save it on this machine end them otherwise.
fn with_line_ends(message: Vec<u8>) -> Vec<u8> {
    if message.windows(2).any(|pair| pair == b"\r\n") {
        return message;
    }
    let lines: Vec<&[u8]> = message.split(|byte| *byte == b'\n').collect();
    lines.join(b"\r\n".as_slice())
}

/// The issuer's keys at this moment, and the set that they come in.
async fn issuer_keys(http: &Http, issuer: &Issuer) -> Result<(Vec<AuthorityKey>, IssuerKeys), Refused> {
    let set = issuer.keys(http).await.map_err(failed)?;
    let set = IssuerKeys::parse(&set.json).map_err(|error| Refused::ProviderFailed(error.to_string()))?;
    Ok((set.iter().cloned().collect(), set))
}

fn ids_of(keys: &[AuthorityKey], issuer: &str) -> Vec<KeyId> {
    keys.iter().map(|key| key.id_at_issuer(issuer)).collect()
}

/// Where a browser may be sent back to: this machine, by its number (RFC 8252 §7.3).
fn loopback(text: &str) -> Result<Url, Refused> {
    let refused = || {
        Refused::BadSetting("a sign-in comes back to an address of this machine: http://127.0.0.1:PORT/…".to_owned())
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if url.scheme() == "http" && is_here && is_plain { Ok(url) } else { Err(refused()) }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn failed(error: AskError) -> Refused {
    Refused::ProviderFailed(error.to_string())
}
