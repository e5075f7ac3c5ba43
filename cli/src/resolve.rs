//! What a typed word names: an id, the beginning of one, or a name.

use std::fmt::Write as _;

use crate::api::{
    Api, Blocked, Contact, Conversation, Invite, JoinRequest, Member, MessageDetail, StrangerRequest, Token,
};
use crate::failure::Failure;
use crate::output::text::one_line;

/// The beginning of an id is at least this many characters.
const PREFIX_CHARS_MIN: usize = 6;
/// A list of candidates shows at most this many.
const CANDIDATES_SHOWN_MAX: usize = 10;

/// A conversation by its id or name, or by the contact of a direct one.
pub(crate) async fn conversation(api: &Api, typed: &str) -> Result<Conversation, Failure> {
    let conversations = api.conversations().await?;
    let named: Vec<Named> = conversations.iter().map(Named::from).collect();
    match pick_named(typed, &named) {
        Ok(at) => taken(conversations, at),
        Err(Unresolved::Ambiguous(which)) => Err(ambiguous(typed, "conversations", &named, &which)),
        Err(Unresolved::Unknown) => {
            let contact = match find_contact(api, typed).await {
                Err(Failure::NotFound(_)) if !is_address(typed) => return Err(unknown_conversation(typed)),
                found => found?,
            };
            conversations.into_iter().find(|c| contact.conversation.as_ref() == Some(&c.id)).ok_or_else(|| {
                Failure::NotFound(format!(
                    "there is no conversation with {} yet; `tidings new {}` starts it",
                    one_line(&contact.name),
                    short(&contact.account)
                ))
            })
        }
    }
}

/// As [`conversation`], and where a contact is named, the direct conversation with them is started if need be.
pub(crate) async fn conversation_to_write_to(api: &Api, typed: &str) -> Result<String, Failure> {
    let conversations = api.conversations().await?;
    let named: Vec<Named> = conversations.iter().map(Named::from).collect();
    match pick_named(typed, &named) {
        Ok(at) => Ok(taken(conversations, at)?.id),
        Err(Unresolved::Ambiguous(which)) => Err(ambiguous(typed, "conversations", &named, &which)),
        Err(Unresolved::Unknown) => match find_contact(api, typed).await {
            Ok(contact) => Ok(api.create_conversation(&[contact.account], None).await?.id),
            Err(Failure::NotFound(_)) if !is_address(typed) => Err(unknown_conversation(typed)),
            Err(failure) => Err(failure),
        },
    }
}

/// A contact by their account id or name.
pub(crate) async fn contact(api: &Api, typed: &str) -> Result<Contact, Failure> {
    find_contact(api, typed).await
}

/// A member of a conversation by their account id or name.
pub(crate) fn member<'a>(members: &'a [Member], typed: &str) -> Result<&'a Member, Failure> {
    among(members, typed, "members", |typed| format!("there is no member “{typed}” here; `tidings members` lists them"))
}

/// Somebody who asks to join a conversation.
pub(crate) fn request<'a>(requests: &'a [JoinRequest], typed: &str) -> Result<&'a JoinRequest, Failure> {
    among(requests, typed, "people who ask", |typed| {
        format!("nobody called “{typed}” asks to join; `tidings members` lists who does")
    })
}

/// What a stranger began: by their account or name, or by the conversation's id.
pub(crate) fn stranger<'a>(requests: &'a [StrangerRequest], typed: &str) -> Result<&'a StrangerRequest, Failure> {
    let by_id = requests.iter().map(|it| Named { id: it.conversation.clone(), name: String::new() });
    if let Ok(at) = pick(typed, &by_id.collect::<Vec<_>>())
        && let Some(found) = requests.get(at)
    {
        return Ok(found);
    }
    among(requests, typed, "requests", |typed| {
        format!("there is no request of “{typed}”; `tidings requests` lists them")
    })
}

/// Somebody who is blocked.
pub(crate) fn blocked<'a>(blocked: &'a [Blocked], typed: &str) -> Result<&'a Blocked, Failure> {
    among(blocked, typed, "blocked accounts", |typed| {
        format!("nobody called “{typed}” is blocked; `tidings block` lists who is")
    })
}

/// A person, by account and name: a contact, who began a request, or anybody by the whole id.
pub(crate) async fn person(api: &Api, typed: &str) -> Result<(String, String), Failure> {
    let mut named: Vec<Named> = api.contacts().await?.iter().map(Named::from).collect();
    for request in &api.requests().await? {
        if !named.iter().any(|known| known.id == request.account) {
            named.push(Named::from(request));
        }
    }
    match pick(typed, &named) {
        Ok(at) => named
            .get(at)
            .map(|found| (found.id.clone(), found.name.clone()))
            .ok_or_else(|| Failure::NotFound("it is gone".to_owned())),
        Err(Unresolved::Ambiguous(which)) => Err(ambiguous(typed, "people", &named, &which)),
        Err(Unresolved::Unknown) if typed.len() == 64 && is_hexadecimal(typed) => {
            let id = typed.to_ascii_lowercase();
            Ok((id.clone(), short(&id).to_owned()))
        }
        Err(Unresolved::Unknown) => Err(Failure::NotFound(format!(
            "there is nobody “{}”; `tidings contacts` and `tidings requests` list people, and a whole account id does, too",
            one_line(typed)
        ))),
    }
}

/// An invite by its id or the beginning of it.
pub(crate) fn invite<'a>(invites: &'a [Invite], typed: &str) -> Result<&'a Invite, Failure> {
    among(invites, typed, "invites", |typed| {
        format!("there is no invite “{typed}” here; `tidings invite --list` lists them")
    })
}

/// A token by its name, its id or the beginning of it.
pub(crate) fn token<'a>(tokens: &'a [Token], typed: &str) -> Result<&'a Token, Failure> {
    among(tokens, typed, "tokens", |typed| format!("there is no token “{typed}” here; `tidings token list` lists them"))
}

fn among<'a, T>(
    list: &'a [T],
    typed: &str,
    what: &str,
    unknown: impl FnOnce(String) -> String,
) -> Result<&'a T, Failure>
where
    Named: From<&'a T>,
{
    let named: Vec<Named> = list.iter().map(Named::from).collect();
    let at = pick(typed, &named).map_err(|unresolved| match unresolved {
        Unresolved::Ambiguous(which) => ambiguous(typed, what, &named, &which),
        Unresolved::Unknown => Failure::NotFound(unknown(one_line(typed))),
    })?;
    list.get(at).ok_or_else(|| Failure::NotFound("it is gone".to_owned()))
}

async fn find_contact(api: &Api, typed: &str) -> Result<Contact, Failure> {
    if is_address(typed) {
        return find_by_identity(api, typed).await;
    }
    let contacts = api.contacts().await?;
    let named: Vec<Named> = contacts.iter().map(Named::from).collect();
    match pick(typed, &named) {
        Ok(at) => taken(contacts, at),
        Err(Unresolved::Ambiguous(which)) => Err(ambiguous(typed, "contacts", &named, &which)),
        Err(Unresolved::Unknown) => Err(Failure::NotFound(format!(
            "there is no contact “{}”; `tidings contacts` lists them, `tidings add LINK` adds one",
            one_line(typed)
        ))),
    }
}

/// Whether an e-mail address was typed. Everybody chooses their own name, so nobody is found by a name like that.
fn is_address(typed: &str) -> bool {
    let parts = typed.rsplit_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()) && !typed.contains(char::is_whitespace)
}

/// As [`pick`], but what somebody or something is called leads nowhere if it looks like an address.
fn pick_named(typed: &str, named: &[Named]) -> Result<usize, Unresolved> {
    if is_address(typed) { Err(Unresolved::Unknown) } else { pick(typed, named) }
}

/// A contact by an address that was proved: one that is only claimed leads nobody to the wrong person.
async fn find_by_identity(api: &Api, typed: &str) -> Result<Contact, Failure> {
    let called = api.contacts_called(typed).await?;
    let named: Vec<Named> = called.iter().map(Named::from).collect();
    match called.len() {
        0 => Err(Failure::NotFound(format!(
            "of no contact it is verified here that they are “{}”; `tidings identity verify CONTACT` asks who vouches for it",
            one_line(typed)
        ))),
        1 => taken(called, 0),
        count => Err(ambiguous(typed, "contacts", &named, &(0..count).collect::<Vec<_>>())),
    }
}

/// A message by its id or the beginning of it.
pub(crate) async fn message(api: &Api, typed: &str) -> Result<MessageDetail, Failure> {
    let id = typed.to_ascii_lowercase();
    if !is_hexadecimal(&id) || !(PREFIX_CHARS_MIN..=32).contains(&id.len()) {
        return Err(Failure::NotFound(format!(
            "“{}” is no message id: that is {PREFIX_CHARS_MIN} to 32 of the characters 0–9 and a–f",
            one_line(typed)
        )));
    }
    api.message(&id).await
}

/// What can be named.
#[derive(Debug, Clone)]
struct Named {
    id: String,
    name: String,
}

impl From<&Conversation> for Named {
    fn from(conversation: &Conversation) -> Self {
        Self { id: conversation.id.clone(), name: conversation.name.clone() }
    }
}

impl From<&Contact> for Named {
    fn from(contact: &Contact) -> Self {
        Self { id: contact.account.clone(), name: contact.name.clone() }
    }
}

impl From<&Member> for Named {
    fn from(member: &Member) -> Self {
        Self { id: member.account.clone(), name: member.name.clone() }
    }
}

impl From<&JoinRequest> for Named {
    fn from(request: &JoinRequest) -> Self {
        Self { id: request.account.clone(), name: request.name.clone() }
    }
}

impl From<&Token> for Named {
    fn from(token: &Token) -> Self {
        Self { id: token.id.clone(), name: token.name.clone() }
    }
}

impl From<&StrangerRequest> for Named {
    fn from(request: &StrangerRequest) -> Self {
        Self { id: request.account.clone(), name: request.name.clone() }
    }
}

impl From<&Blocked> for Named {
    fn from(blocked: &Blocked) -> Self {
        Self { id: blocked.account.clone(), name: blocked.name.clone() }
    }
}

impl From<&Invite> for Named {
    fn from(invite: &Invite) -> Self {
        Self { id: invite.id.clone(), name: String::new() }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Unresolved {
    Unknown,
    Ambiguous(Vec<usize>),
}

/// Which one is meant. A whole id wins; a name that looks like the beginning of another's id is ambiguous,
/// so that nobody can take a name in order to be written to in somebody's place.
fn pick(typed: &str, named: &[Named]) -> Result<usize, Unresolved> {
    let typed = typed.trim();
    let id = typed.to_ascii_lowercase();
    let matching = |fits: &dyn Fn(&Named) -> bool| -> Vec<usize> {
        named.iter().enumerate().filter(|(_, named)| fits(named)).map(|(at, _)| at).collect()
    };
    if let [one] = matching(&|named| named.id == id).as_slice() {
        return Ok(*one);
    }
    let is_prefix = id.len() >= PREFIX_CHARS_MIN && is_hexadecimal(&id);
    let exact = matching(&|named| named.name == typed || (is_prefix && named.id.starts_with(&id)));
    let lowercase = typed.to_lowercase();
    let found = if exact.is_empty() { matching(&|named| named.name.to_lowercase() == lowercase) } else { exact };
    match found.as_slice() {
        [] => Err(Unresolved::Unknown),
        [one] => Ok(*one),
        _ => Err(Unresolved::Ambiguous(found)),
    }
}

fn taken<T>(mut list: Vec<T>, at: usize) -> Result<T, Failure> {
    if at < list.len() { Ok(list.swap_remove(at)) } else { Err(Failure::NotFound("it is gone".to_owned())) }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Enough of an id to name it by.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn ambiguous(typed: &str, what: &str, named: &[Named], which: &[usize]) -> Failure {
    let mut sentence = format!("“{}” names several {what}; use the id of the one you mean:", one_line(typed));
    for named in which.iter().filter_map(|at| named.get(*at)).take(CANDIDATES_SHOWN_MAX) {
        // Writing to a string cannot fail.
        let _written = write!(sentence, "\n  {}  {}", named.id, one_line(&named.name));
    }
    if which.len() > CANDIDATES_SHOWN_MAX {
        let _written = write!(sentence, "\n  and {} more", which.len() - CANDIDATES_SHOWN_MAX);
    }
    Failure::Refused(sentence)
}

fn unknown_conversation(typed: &str) -> Failure {
    Failure::NotFound(format!(
        "there is no conversation “{}”; `tidings list` shows them, `tidings new CONTACT` starts one",
        one_line(typed)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(list: &[(&str, &str)]) -> Vec<Named> {
        list.iter().map(|(id, name)| Named { id: (*id).to_owned(), name: (*name).to_owned() }).collect()
    }

    #[test]
    fn an_id_its_beginning_and_a_unique_name_all_name_it() {
        let list = named(&[("aaaaaa11", "Alice"), ("aaaaaa22", "Bob"), ("cccccc33", "Carol")]);
        assert_eq!(pick("aaaaaa22", &list), Ok(1));
        assert_eq!(pick("AAAAAA22", &list), Ok(1));
        assert_eq!(pick("cccccc", &list), Ok(2));
        assert_eq!(pick("Bob", &list), Ok(1));
        assert_eq!(pick("bob", &list), Ok(1));
        assert_eq!(pick("BOB ", &list), Ok(1));
    }

    #[test]
    fn who_calls_themselves_an_address_is_not_found_by_it() {
        let list = named(&[("aaaaaa11", "ada@example.org"), ("bbbbbb22", "@ada"), ("cccccc33", "meet @ noon")]);
        assert_eq!(pick_named("ada@example.org", &list), Err(Unresolved::Unknown));
        assert_eq!(pick_named("aaaaaa11", &list), Ok(0));
        assert_eq!(pick_named("@ada", &list), Ok(1));
        assert_eq!(pick_named("meet @ noon", &list), Ok(2));
    }

    #[test]
    fn a_beginning_must_be_six_characters_and_fit_only_one() {
        let list = named(&[("aaaaaa11", "Alice"), ("aaaaaa22", "Bob")]);
        assert_eq!(pick("aaaaa", &list), Err(Unresolved::Unknown));
        assert_eq!(pick("aaaaaa", &list), Err(Unresolved::Ambiguous(vec![0, 1])));
        assert_eq!(pick("aaaaaa1", &list), Ok(0));
        assert_eq!(pick("", &list), Err(Unresolved::Unknown));
    }

    #[test]
    fn two_of_one_name_are_ambiguous_but_a_difference_in_case_decides() {
        let list = named(&[("aaaaaa11", "Bob"), ("bbbbbb22", "Bob"), ("cccccc33", "carol"), ("dddddd44", "Carol")]);
        assert_eq!(pick("Bob", &list), Err(Unresolved::Ambiguous(vec![0, 1])));
        assert_eq!(pick("carol", &list), Ok(2));
        assert_eq!(pick("Carol", &list), Ok(3));
        assert_eq!(pick("CAROL", &list), Err(Unresolved::Ambiguous(vec![2, 3])));
    }

    #[test]
    fn a_name_cannot_take_the_place_of_somebody_elses_id() {
        let list = named(&[("abcdef11", "Alice"), ("bbbbbb22", "abcdef"), ("cccccc33", "abcdef11")]);
        assert_eq!(pick("abcdef", &list), Err(Unresolved::Ambiguous(vec![0, 1])));
        assert_eq!(pick("abcdef11", &list), Ok(0));
    }

    #[test]
    fn candidates_are_listed_with_their_ids_and_without_control_characters() {
        let list = named(&[("aaaaaa11", "Bob"), ("bbbbbb22", "Bob\u{1b}[2J")]);
        let failure = ambiguous("Bob", "contacts", &list, &[0, 1]);
        assert_eq!(failure.exit_code(), 1);
        let sentence = failure.to_string();
        assert!(sentence.contains("\n  aaaaaa11  Bob\n  bbbbbb22  Bob"), "{sentence}");
        assert!(!sentence.contains('\u{1b}'));
    }
}
