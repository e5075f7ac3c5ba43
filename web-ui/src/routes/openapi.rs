//! The API's description of itself (OpenAPI 3.1), for scripts and for whoever writes one.

use axum::Json;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, Ref, ResponseBuilder};

use crate::dto;
use crate::router;

/// What the routes do not say themselves.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tidings",
        description = "The local API of a Tidings node. On its unix socket whoever may open it is the person; on its \
            TCP port a browser signs in by a one-time link and holds a cookie, and a program brings an API token.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(dto::Problem, dto::Frame)),
    tags(
        (name = "node", description = "Who I am and how things stand"),
        (name = "contacts", description = "People"),
        (name = "identities", description = "Who people are elsewhere"),
        (name = "strangers", description = "What people began whom I do not know, and who is blocked"),
        (name = "conversations", description = "Conversations"),
        (name = "groups", description = "Who is in a group, what its members agreed on, how others join"),
        (name = "messages", description = "Messages"),
        (name = "events", description = "What happens, as it happens"),
        (name = "sign-in", description = "Browsers that are signed in, and programs with API tokens")
    )
)]
struct Described;

/// The document that the routes' own descriptions are added to.
pub(crate) fn beginning() -> OpenApi {
    Described::openapi()
}

/// Says of every route that it may refuse, and how: all refusals have one shape.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            add_refusals(operation);
        }
    }
    document
}

fn add_refusals(operation: &mut Operation) {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let refused = ResponseBuilder::new()
        .description("Refused: a code for programs and a sentence for people (RFC 9457)")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.insert("default".to_owned(), refused.into());
}

/// The OpenAPI document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "node", operation_id = "openapi",
    responses((status = 200, description = "The document", body = Object))
)]
pub(crate) async fn show() -> Json<OpenApi> {
    Json(router::document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_openapi_document_is_that_of_the_routes() {
        let text = router::document().to_pretty_json().unwrap();
        crate::generated::assert_fresh("../docs/openapi.json", &format!("{text}\n"));
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = serde_json::to_value(router::document()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut waiting = vec![&document];
        while let Some(value) = waiting.pop() {
            if let Some(name) = value.get("$ref").and_then(|to| to.as_str()) {
                let name = name.strip_prefix("#/components/schemas/").unwrap();
                assert!(schemas.contains_key(name), "{name}");
            }
            waiting.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            waiting.extend(value.as_array().into_iter().flatten());
        }
    }
}
