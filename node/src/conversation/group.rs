//! What a person does with a group (PROTOCOL §6.9): who is in it, who may do what, what it is called and shows.

use tidings_crypto::card::{SignedCard, valid_name};
use tidings_crypto::group::{
    CommitError, DISAPPEARING_S_MAX, Forbidden, GROUP_PICTURE_BYTES_MAX, GROUP_TOPIC_BYTES_MAX, GroupId,
    Kind as GroupKind, MEMBERS_MAX, Policy, Suite as MlsSuite, picture_media_type,
};

use super::intents::{Field, Intent, picture_hash};
use super::wishes::Tried;
use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::handle::{
    Conversation, GroupDetail, History, InviteView, Picture, PolicyPatch, Refused, Role, Standing, Suite, Who,
};
use crate::ids::{AccountId, ConversationId, InviteId};
use crate::store::StoreError;

impl State {
    /// The group that carries a conversation in which this account can do something.
    pub(crate) async fn group_of(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<(GroupId, Policy), Halt> {
        let conversation = self.conversation(batch, id).await?.ok_or(Refused::UnknownConversation)?;
        match conversation.row.standing {
            Standing::Member | Standing::ComingBack => {}
            Standing::Joining => return Err(Refused::NotJoinedYet.into()),
            Standing::Left | Standing::Removed => return Err(Refused::NotAMember.into()),
        }
        let group = *conversation.groups.first().ok_or(Refused::NotAMember)?;
        let loaded = self.group(batch, group).await?.ok_or(Refused::NotAMember)?;
        let policy = loaded.group.policy().cloned().ok_or(Refused::NotAMember)?;
        Ok((group, policy))
    }

    /// As [`Self::group_of`], but not for direct conversations: they have nobody to add, no roles and no name.
    async fn many(&mut self, batch: &mut Batch<'_, '_>, id: ConversationId) -> Result<(GroupId, Policy), Halt> {
        let (group, policy) = self.group_of(batch, id).await?;
        if policy.kind == GroupKind::Direct {
            let what = "a direct conversation stays between two people; start a group instead".to_owned();
            return Err(Refused::NotAllowed { what }.into());
        }
        Ok((group, policy))
    }

    fn is_in(&self, group: GroupId, account: &AccountId) -> bool {
        let members = self.groups.get(&group).map(|loaded| loaded.group.members()).unwrap_or_default();
        members.iter().any(|member| member.account == *account)
    }

    /// Does what was asked, or says why not; then the group as it is.
    pub(crate) async fn change_group(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        group: GroupId,
        intent: &Intent,
    ) -> Result<GroupDetail, Halt> {
        self.has_room_for(group, intent).map_err(|limit| Refused::LimitReached {
            what: "changes under way in one group",
            limit: u64::try_from(limit).unwrap_or(u64::MAX),
        })?;
        match self.want(batch, group, intent).await? {
            Tried::Done | Tried::Committed(_) => {}
            Tried::Dropped(why) => return Err(Refused::NotNow { why }.into()),
            // A mailbox of theirs may be away only for now.
            Tried::Later if matches!(intent, Intent::Add(of) if of.iter().any(|one| self.has_mailbox(one))) => {
                self.want_once_keys_come(batch, group, intent).await?;
            }
            Tried::Later => {
                let why =
                    "their keys for this conversation are not here; they come as soon as you can reach each other";
                return Err(Refused::NotNow { why: why.to_owned() }.into());
            }
            Tried::Failed(error) => return Err(refused(&error).into()),
        }
        self.group_detail(batch, id).await
    }

    /// Adds people.
    pub(crate) async fn add_members(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        accounts: Vec<AccountId>,
    ) -> Result<GroupDetail, Halt> {
        let (group, _) = self.many(batch, id).await?;
        if accounts.is_empty() {
            return Err(Refused::NobodyNamed.into());
        }
        for account in &accounts {
            if self.is_in(group, account) {
                return Err(Refused::AlreadyMember.into());
            }
            self.card_of(account)?;
        }
        // For all at once, before some are added and others cannot be.
        let nodes_of = |account| self.card_of(account).map_or(0, |card| card.card().nodes.len());
        let here = self.groups.get(&group).map_or(0, |loaded| loaded.group.members().len());
        if accounts.iter().map(nodes_of).sum::<usize>().saturating_add(here) > MEMBERS_MAX {
            return Err(Refused::LimitReached { what: "devices in a group", limit: MEMBERS_MAX as u64 }.into());
        }
        let mut steps = self.steps_to_add(&accounts, self.suite_of(group), here).into_iter();
        let Some(first) = steps.next() else { return Err(Refused::NobodyNamed.into()) };
        let detail = self.change_group(batch, id, group, &Intent::Add(first)).await?;
        if steps.len() == 0 {
            return Ok(detail);
        }
        for step in steps {
            self.add_or_want(batch, group, Intent::Add(step)).await?;
        }
        self.group_detail(batch, id).await
    }

    /// The card of a person that this node can add.
    pub(crate) fn card_of(&self, account: &AccountId) -> Result<SignedCard, Refused> {
        let contact = self.contacts.get(account).ok_or(Refused::UnknownContact)?;
        contact.card.clone().ok_or(Refused::CardIncomplete)
    }

    /// Removes people.
    pub(crate) async fn remove_members(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        accounts: Vec<AccountId>,
    ) -> Result<GroupDetail, Halt> {
        let (group, _) = self.many(batch, id).await?;
        for account in &accounts {
            if *account == self.me.account_id() {
                return Err(Refused::OwnRemoval.into());
            }
            if !self.is_in(group, account) {
                return Err(Refused::NoSuchMember.into());
            }
        }
        if accounts.is_empty() {
            return Err(Refused::NobodyNamed.into());
        }
        self.change_group(batch, id, group, &Intent::Remove(accounts)).await
    }

    /// Says what a member may do.
    pub(crate) async fn set_role(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        account: AccountId,
        role: Role,
    ) -> Result<GroupDetail, Halt> {
        let (group, policy) = self.many(batch, id).await?;
        if !self.is_in(group, &account) {
            return Err(Refused::NoSuchMember.into());
        }
        self.change_group(batch, id, group, &Intent::Role(account, policy.role(&account), role)).await
    }

    /// Changes what a group is called, shows and allows.
    pub(crate) async fn set_policy(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        patch: PolicyPatch,
    ) -> Result<GroupDetail, Halt> {
        let (group, policy) = self.group_of(batch, id).await?;
        let fields = fields_of(patch, &policy)?;
        if fields.is_empty() {
            return self.group_detail(batch, id).await;
        }
        self.change_group(batch, id, group, &Intent::Patch(fields)).await
    }

    /// A group's picture.
    pub(crate) async fn picture(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<Option<Picture>, Halt> {
        let conversation = self.conversation(batch, id).await?.ok_or(Refused::UnknownConversation)?;
        let Some(group) = conversation.groups.first().copied() else { return Ok(None) };
        let Some(loaded) = self.group(batch, group).await? else { return Ok(None) };
        let bytes = loaded.group.policy().map(|policy| policy.picture.clone()).unwrap_or_default();
        Ok(picture_media_type(&bytes).map(|media_type| Picture { media_type, bytes }))
    }

    /// Everything about a group.
    pub(crate) async fn group_detail(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<GroupDetail, Halt> {
        let groups = self.conversation(batch, id).await?.ok_or(Refused::UnknownConversation)?.groups.clone();
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        let conversation = view.ok_or(Refused::UnknownConversation)?;
        let policy = match groups.first() {
            Some(group) => self.group(batch, *group).await?.and_then(|loaded| loaded.group.policy().cloned()),
            None => None,
        };
        let (pending, given_up) = self.wishes_of(&groups, &conversation);
        let Some((policy, group)) = policy.zip(groups.first().copied()) else {
            return Ok(GroupDetail {
                conversation,
                history: History::Nothing,
                disappearing_s: 0,
                may_invite: Who::Admins,
                may_edit: Who::Admins,
                invites: Vec::new(),
                suite: Suite::Classic,
                could_be_hybrid: false,
                requests: Vec::new(),
                pending,
                given_up,
            });
        };
        Ok(GroupDetail {
            history: policy.history,
            disappearing_s: policy.disappearing_s,
            may_invite: policy.may_invite,
            may_edit: policy.may_edit,
            invites: self.invite_views(batch, group, &policy).await?,
            suite: match self.suite_of(group) {
                MlsSuite::Classic => Suite::Classic,
                MlsSuite::Hybrid => Suite::Hybrid,
            },
            could_be_hybrid: self.groups.get(&group).is_some_and(|loaded| loaded.group.could_be_hybrid()),
            requests: self.join_requests(batch, group).await?,
            pending,
            given_up,
            conversation,
        })
    }

    /// Own changes that are being made again, and those that were given up lately, as sentences.
    fn wishes_of(&self, groups: &[GroupId], conversation: &Conversation) -> (Vec<String>, Vec<String>) {
        let (mut pending, mut given_up) = (Vec::new(), Vec::new());
        for row in self.intents.iter().filter(|row| groups.contains(&row.group)) {
            if !row.dropped.is_empty() {
                given_up.push(row.dropped.clone());
            } else if row.due_ms.is_some()
                && let Ok(intent) = Intent::decode(&row.body)
                && let Some(wish) = self.wish(&intent)
            {
                let why = if self.mailboxes.asking.awaiting.contains(&row.id) {
                    "waits for their keys: neither they nor a mailbox of theirs could be reached yet"
                } else {
                    "is made again, because the group went on without it"
                };
                pending.push(format!("{wish} {why}."));
            }
        }
        if conversation.standing == Standing::Joining {
            pending.extend(self.refused_so_far(conversation.id));
        }
        (pending, given_up)
    }

    /// The invites of a policy, as people see them.
    pub(crate) async fn invite_views(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        policy: &Policy,
    ) -> Result<Vec<InviteView>, StoreError> {
        let mut views = Vec::with_capacity(policy.invites.len());
        let now_ms = batch.now_ms;
        for invite in policy.invites.iter().filter(|invite| invite.expires_at_ms > now_ms) {
            let id = InviteId(invite.id().0);
            views.push(InviteView {
                id,
                creator: invite.creator,
                creator_name: self.name_of(&invite.creator),
                expires_at_ms: invite.expires_at_ms,
                uses: invite.uses,
                role: invite.role,
                approval: invite.approval,
                link: self.invite_link(batch, group, id).await?,
            });
        }
        Ok(views)
    }
}

/// Why a commit was refused, for people.
pub(crate) fn refused(error: &CommitError) -> Refused {
    match error {
        CommitError::NotAMember => Refused::NotAMember,
        CommitError::AlreadyMember => Refused::AlreadyMember,
        CommitError::NoSuchMember => Refused::NoSuchMember,
        CommitError::OwnRemoval => Refused::OwnRemoval,
        CommitError::Policy(malformed) => Refused::BadSetting(format!("the group cannot be changed so: {malformed}")),
        CommitError::Forbidden(
            Forbidden::TooManyMembers | Forbidden::TooManyNodes | Forbidden::LastOwner | Forbidden::Evidence(_),
        ) => Refused::NotNow { why: error.to_string() },
        CommitError::Forbidden(forbidden) => Refused::NotAllowed { what: forbidden.to_string() },
        _ => Refused::NotNow { why: error.to_string() },
    }
}

/// The fields that a patch changes, each with what it is now.
fn fields_of(patch: PolicyPatch, policy: &Policy) -> Result<Vec<Field>, Refused> {
    let mut fields = Vec::new();
    if let Some(name) = patch.name {
        if !name.is_empty() && !valid_name(&name) {
            return Err(Refused::BadName);
        }
        fields.push(Field::Name(policy.name.clone(), name));
    }
    if let Some(topic) = patch.topic {
        if topic.len() > GROUP_TOPIC_BYTES_MAX || topic.chars().any(char::is_control) {
            return Err(Refused::BadTopic);
        }
        fields.push(Field::Topic(policy.topic.clone(), topic));
    }
    if let Some(picture) = patch.picture {
        let picture = picture.unwrap_or_default();
        let is_image = picture.is_empty() || picture_media_type(&picture).is_some();
        if !is_image || picture.len() > GROUP_PICTURE_BYTES_MAX {
            return Err(Refused::BadPicture);
        }
        fields.push(Field::Picture(picture_hash(&policy.picture), picture));
    }
    if let Some(history) = patch.history {
        if history == History::Days(0) {
            return Err(Refused::BadSetting("a history of days has at least one".to_owned()));
        }
        fields.push(Field::History(policy.history, history));
    }
    if let Some(seconds) = patch.disappearing_s {
        if seconds > DISAPPEARING_S_MAX {
            return Err(Refused::BadSetting("messages disappear within a year, or never".to_owned()));
        }
        fields.push(Field::Disappearing(policy.disappearing_s, seconds));
    }
    if let Some(who) = patch.may_invite {
        fields.push(Field::MayInvite(policy.may_invite, who));
    }
    if let Some(who) = patch.may_edit {
        fields.push(Field::MayEdit(policy.may_edit, who));
    }
    Ok(fields)
}
