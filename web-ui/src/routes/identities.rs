//! Who people are elsewhere: what was proved, and how I prove it of myself (PROTOCOL §7).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use data_encoding::BASE64;
use tidings_node::handle::IssuerClient;
use tidings_node::ids::ProofId;
use tidings_node::providers::Answered;

use crate::convert::account_from;
use crate::dto;
use crate::error::{Error, RequestError};
use crate::extract::{Body, PathId, PathText, Query};
use crate::router::App;

type Identities = Json<Vec<dto::Identity>>;

/// Who I am elsewhere, as it stands.
#[utoipa::path(
    get, path = "/identities", tag = "identities", operation_id = "identities",
    responses((status = 200, body = Vec<dto::Identity>))
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Identities, Error> {
    Ok(told(app.handle.identities().await?))
}

/// Begins to sign in elsewhere, to prove who I am there.
#[utoipa::path(
    post, path = "/identities/begin", tag = "identities", operation_id = "begin_identity",
    request_body = dto::NewIdentity, responses((status = 200, body = dto::IdentityBegun))
)]
pub(crate) async fn begin(
    State(app): State<App>,
    Body(new): Body<dto::NewIdentity>,
) -> Result<Json<dto::IdentityBegun>, Error> {
    let url = app.handle.begin_identity(&new.issuer, &new.back).await?;
    Ok(Json(dto::IdentityBegun { url }))
}

/// Finishes it with what the browser came back with: the proof is on my card from then on.
#[utoipa::path(
    post, path = "/identities/finish", tag = "identities", operation_id = "finish_identity",
    request_body = dto::IdentityAnswer, responses((status = 200, body = dto::Identity))
)]
pub(crate) async fn finish(
    State(app): State<App>,
    Body(answer): Body<dto::IdentityAnswer>,
) -> Result<Json<dto::Identity>, Error> {
    let answered = Answered::new(answer.code, answer.state, answer.iss);
    Ok(Json(app.handle.finish_identity(answered).await?.into()))
}

/// How to prove an address: with which subject a mail is to go from it. It stays the same until one was proved.
#[utoipa::path(
    post, path = "/identities/mail/begin", tag = "identities", operation_id = "begin_mail",
    responses((status = 200, body = dto::MailBegun))
)]
pub(crate) async fn begin_mail(State(app): State<App>) -> Result<Json<dto::MailBegun>, Error> {
    Ok(Json(dto::MailBegun { subject: app.handle.begin_mail().await? }))
}

/// Proves an address by a mail that went from it, with the signature of its domain: it is on my card from then on.
#[utoipa::path(
    post, path = "/identities/mail/finish", tag = "identities", operation_id = "finish_mail",
    request_body = dto::DeliveredMail, responses((status = 200, body = dto::Identity))
)]
pub(crate) async fn finish_mail(
    State(app): State<App>,
    Body(mail): Body<dto::DeliveredMail>,
) -> Result<Json<dto::Identity>, Error> {
    let message = BASE64.decode(mail.message.as_bytes());
    let message = message.map_err(|_| RequestError::BadRequest("the mail is not in base64".to_owned()))?;
    Ok(Json(app.handle.finish_mail(message).await?.into()))
}

/// Shows a proof no longer: others are told that it is withdrawn.
#[utoipa::path(
    delete, path = "/identities/{identity}", tag = "identities", operation_id = "unlink_identity",
    params(("identity" = String, Path, description = "The proof's name")),
    responses((status = 204, description = "It is shown no longer"))
)]
pub(crate) async fn unlink(State(app): State<App>, PathId(id): PathId<ProofId>) -> Result<StatusCode, Error> {
    app.handle.unlink_identity(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who a contact is elsewhere, as far as it is proved.
#[utoipa::path(
    get, path = "/contacts/{contact}/identities", tag = "identities", operation_id = "identities_of",
    params(("contact" = String, Path, description = "The contact's account")),
    responses((status = 200, body = Vec<dto::Identity>))
)]
pub(crate) async fn of_contact(State(app): State<App>, PathText(contact): PathText) -> Result<Identities, Error> {
    Ok(told(app.handle.identities_of(account_from(&contact)?).await?))
}

/// Asks the issuers themselves which keys they have now, those that are accepted here; then as before.
#[utoipa::path(
    post, path = "/contacts/{contact}/identities/check", tag = "identities", operation_id = "check_identities_of",
    params(("contact" = String, Path, description = "The contact's account")),
    responses((status = 200, body = Vec<dto::Identity>))
)]
pub(crate) async fn check(State(app): State<App>, PathText(contact): PathText) -> Result<Identities, Error> {
    Ok(told(app.handle.check_identities_of(account_from(&contact)?).await?))
}

/// The issuers whose word counts here, and to which programs.
#[utoipa::path(
    get, path = "/issuers", tag = "identities", operation_id = "issuers",
    responses((status = 200, body = Vec<dto::Issuer>))
)]
pub(crate) async fn issuers(State(app): State<App>) -> Result<Json<Vec<dto::Issuer>>, Error> {
    Ok(Json(app.handle.issuers().await?.into_iter().map(dto::Issuer::from).collect()))
}

/// Accepts what an issuer says to a program; one that is mine takes the place of the one before.
#[utoipa::path(
    put, path = "/issuers", tag = "identities", operation_id = "accept_issuer",
    request_body = dto::NewIssuer, responses((status = 204, description = "It is accepted"))
)]
pub(crate) async fn accept(State(app): State<App>, Body(new): Body<dto::NewIssuer>) -> Result<StatusCode, Error> {
    let client = IssuerClient { issuer: new.issuer, client_id: new.client_id, own: new.own };
    app.handle.accept_issuer(client, new.client_secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts it no longer.
#[utoipa::path(
    delete, path = "/issuers", tag = "identities", operation_id = "reject_issuer",
    params(dto::IssuerQuery), responses((status = 204, description = "It is accepted no longer"))
)]
pub(crate) async fn reject(State(app): State<App>, Query(which): Query<dto::IssuerQuery>) -> Result<StatusCode, Error> {
    app.handle.reject_issuer(which.issuer, which.client_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn told(views: Vec<tidings_node::handle::IdentityView>) -> Identities {
    Json(views.into_iter().map(dto::Identity::from).collect())
}
