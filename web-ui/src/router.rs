//! Every route on one screen, what stands in front of them at each door, and what they share.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state, map_response_with_state};
use axum::response::Response;
use tidings_node::handle::Handle;
use tidings_node::ids::AccountId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::assets;
use crate::error::RequestError;
use crate::extract::BODY_BYTES_MAX;
use crate::routes::{
    backups, bundles, card, contacts, conversations, events, groups, identities, invites, join, mailboxes, messages,
    openapi, profile, sessions, sign_in, status, storage, strangers, tokens,
};
use crate::session::tokens::{Opens, WrongTokens, refuse_tokens};
use crate::session::{self, Door, SignIns};

/// Where the API lives.
pub(crate) const API: &str = "/api/v1";

/// What every route may use.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) account: AccountId,
    pub(crate) door: Arc<Door>,
    pub(crate) sign_ins: Arc<SignIns>,
    pub(crate) wrong_tokens: Arc<WrongTokens>,
    pub(crate) streams: Arc<events::Streams>,
    /// Where what comes in lies until all of it is here.
    pub(crate) spool: PathBuf,
}

/// The routes for the owner alone: closed to API tokens, as everything is that is not named below.
fn owners() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(status::show))
        .routes(routes!(status::doctor))
        .routes(routes!(profile::change))
        .routes(routes!(card::show))
        .routes(routes!(card::qr))
        .routes(routes!(contacts::list, contacts::add))
        .routes(routes!(strangers::list))
        .routes(routes!(strangers::accept))
        .routes(routes!(strangers::refuse))
        .routes(routes!(strangers::blocked))
        .routes(routes!(strangers::block, strangers::unblock))
        .routes(routes!(strangers::verification, strangers::verify, strangers::unverify))
        .routes(routes!(strangers::verification_qr))
        .routes(routes!(conversations::create))
        .routes(routes!(groups::change))
        .routes(routes!(groups::set_picture, groups::drop_picture))
        .routes(routes!(groups::add_members))
        .routes(routes!(groups::remove_member))
        .routes(routes!(groups::remove_members))
        .routes(routes!(groups::set_role))
        .routes(routes!(groups::leave))
        .routes(routes!(invites::create))
        .routes(routes!(invites::revoke))
        .routes(routes!(invites::qr))
        .routes(routes!(join::join))
        .routes(routes!(join::decide))
        .routes(routes!(mailboxes::list, mailboxes::add))
        .routes(routes!(mailboxes::remove))
        .routes(routes!(mailboxes::link))
        .routes(routes!(identities::list))
        .routes(routes!(identities::begin))
        .routes(routes!(identities::finish))
        .routes(routes!(identities::begin_mail))
        .routes(routes!(identities::finish_mail))
        .routes(routes!(identities::unlink))
        .routes(routes!(identities::of_contact))
        .routes(routes!(identities::check))
        .routes(routes!(identities::issuers, identities::accept, identities::reject))
        .routes(routes!(storage::show, storage::change))
        .routes(routes!(backups::make))
        .routes(routes!(bundles::out, bundles::take))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::revoke))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(sign_in::create_link))
}

/// The routes for tokens that may read, too. Where the path names a conversation the door looks whether the token reaches
/// it; the first four go across conversations, and leave out themselves what it does not reach.
fn read() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(conversations::list))
        .routes(routes!(messages::show))
        .routes(routes!(events::follow))
        .routes(routes!(events::live))
        .routes(routes!(conversations::show))
        .routes(routes!(groups::show))
        .routes(routes!(groups::picture))
        .routes(routes!(messages::history))
}

/// The routes for tokens that may write, too: the path names the conversation.
fn write() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(messages::send)).routes(routes!(messages::seen))
}

/// The routes for whoever is signed in.
fn signed_in() -> OpenApiRouter<App> {
    owners().merge(read()).merge(write())
}

/// The route for who wants to be.
fn signing_in() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_in::sign_in))
}

/// The routes for everybody who gets as far as the door.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(openapi::show))
}

/// The OpenAPI document of all of them.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let described =
        OpenApiRouter::with_openapi(openapi::beginning()).nest(API, signed_in().merge(signing_in()).merge(open()));
    openapi::finish(described.into_openapi())
}

/// What answers on the TCP port: this node's own page, in a browser that is signed in, and programs with API tokens.
pub(crate) fn browser(app: App) -> Router {
    let door = app.door.clone();
    let guarded = |routes: OpenApiRouter<App>, opens| {
        Router::from(routes).layer(from_fn_with_state((app.clone(), opens), session::check_visitor))
    };
    let api = guarded(owners(), Opens::ForNobody)
        .merge(guarded(read(), Opens::Reading))
        .merge(guarded(write(), Opens::Writing))
        .merge(Router::from(signing_in()).layer(from_fn(refuse_tokens)))
        .merge(Router::from(open()))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(door.clone(), session::check_site));
    whole(api, app).layer(from_fn_with_state(door, session::check_host))
}

/// What answers on the unix socket: whoever may open it is the person.
pub(crate) fn socket(app: App) -> Router {
    whole(
        Router::from(signed_in().merge(signing_in()).merge(open())).method_not_allowed_fallback(method_not_allowed),
        app,
    )
}

fn whole(api: Router<App>, app: App) -> Router {
    Router::new().nest(API, api).fallback(assets::serve).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(app)
}

async fn method_not_allowed() -> RequestError {
    RequestError::MethodNotAllowed
}

/// Puts the headers on every answer of the browser's door, those of the guards included.
pub(crate) fn fenced(router: Router, door: &Door) -> Router {
    let policy = assets::content_security_policy(door);
    router.layer(map_response_with_state(policy, async |axum::extract::State(policy), response: Response| {
        assets::fence(response, &policy)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn these_are_all_the_routes() {
        let document = document();
        let mut found = Vec::new();
        for (path, item) in &document.paths.paths {
            let methods = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
            for (method, operation) in methods {
                if operation.is_some() {
                    found.push(format!("{method} {}", path.strip_prefix(API).unwrap()));
                }
            }
        }
        found.sort();
        let promised = [
            "DELETE /blocked/{account}",
            "DELETE /contacts/{contact}/verification",
            "DELETE /conversations/{conversation}/invites/{invite}",
            "DELETE /conversations/{conversation}/members/{account}",
            "DELETE /conversations/{conversation}/picture",
            "DELETE /identities/{identity}",
            "DELETE /issuers",
            "DELETE /mailboxes/{peer}",
            "DELETE /requests/{conversation}",
            "DELETE /sessions/{session}",
            "DELETE /tokens/{token}",
            "GET /blocked",
            "GET /bundle",
            "GET /card",
            "GET /card/qr.svg",
            "GET /contacts",
            "GET /contacts/{contact}/identities",
            "GET /contacts/{contact}/verification",
            "GET /contacts/{contact}/verification/qr.svg",
            "GET /conversations",
            "GET /conversations/{conversation}",
            "GET /conversations/{conversation}/group",
            "GET /conversations/{conversation}/invites/{invite}/qr.svg",
            "GET /conversations/{conversation}/messages",
            "GET /conversations/{conversation}/picture",
            "GET /events",
            "GET /identities",
            "GET /issuers",
            "GET /live",
            "GET /mailbox-link",
            "GET /mailboxes",
            "GET /messages/{message}",
            "GET /openapi.json",
            "GET /requests",
            "GET /sessions",
            "GET /status",
            "GET /storage",
            "GET /tokens",
            "POST /backup",
            "POST /bundle",
            "POST /contacts",
            "POST /contacts/{contact}/identities/check",
            "POST /conversations",
            "POST /conversations/{conversation}/invites",
            "POST /conversations/{conversation}/leave",
            "POST /conversations/{conversation}/members",
            "POST /conversations/{conversation}/messages",
            "POST /conversations/{conversation}/removals",
            "POST /conversations/{conversation}/requests/{account}",
            "POST /conversations/{conversation}/seen",
            "POST /doctor",
            "POST /identities/begin",
            "POST /identities/finish",
            "POST /identities/mail/begin",
            "POST /identities/mail/finish",
            "POST /join",
            "POST /mailboxes",
            "POST /requests/{conversation}/accept",
            "POST /sign-in",
            "POST /sign-in-links",
            "POST /sign-out",
            "POST /tokens",
            "PUT /blocked/{account}",
            "PUT /contacts/{contact}/verification",
            "PUT /conversations/{conversation}/group",
            "PUT /conversations/{conversation}/members/{account}/role",
            "PUT /conversations/{conversation}/picture",
            "PUT /issuers",
            "PUT /profile",
            "PUT /storage",
        ];
        assert_eq!(found, promised);
    }
}
