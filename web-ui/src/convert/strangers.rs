//! Strangers, who is blocked and who was verified.

use tidings_node::handle;

use crate::dto;

impl From<handle::StrangerRequest> for dto::StrangerRequest {
    fn from(request: handle::StrangerRequest) -> Self {
        Self {
            conversation: request.conversation.to_string(),
            account: request.account.to_string(),
            fingerprint: request.fingerprint,
            name: request.name,
            at_ms: request.at_ms,
            direct: request.direct,
            group_name: request.group_name,
            people: request.people,
            messages: request.messages,
            met_in: request.met_in,
        }
    }
}

impl From<handle::Blocked> for dto::Blocked {
    fn from(blocked: handle::Blocked) -> Self {
        Self { account: blocked.account.to_string(), name: blocked.name, at_ms: blocked.at_ms }
    }
}

impl From<handle::Contact> for dto::Verification {
    fn from(contact: handle::Contact) -> Self {
        Self {
            contact: contact.account.to_string(),
            safety_number: contact.safety_number,
            how: contact.verified_at_ms.map(|_| dto::VerifiedHow::InPerson),
            verified_at_ms: contact.verified_at_ms,
        }
    }
}
