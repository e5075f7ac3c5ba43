//! One file a resource: each route reads its request, makes one call of the node, and turns the answer into JSON.

pub(crate) mod status;
pub(crate) mod storage;
pub(crate) mod strangers;

pub(crate) mod profile;

pub(crate) mod card;

pub(crate) mod contacts;

pub(crate) mod conversations;

pub(crate) mod groups;
pub(crate) mod identities;

pub(crate) mod invites;

pub(crate) mod join;

pub(crate) mod qr;

pub(crate) mod backups;
pub(crate) mod bundles;

pub(crate) mod mailboxes;

pub(crate) mod messages;

pub(crate) mod events;

pub(crate) mod sign_in;

pub(crate) mod sessions;

pub(crate) mod tokens;

pub(crate) mod openapi;
