//! Who people are elsewhere, as the API tells it.

use tidings_node::handle::{Basis, Identity, IdentityView, IssuerClient, ProofStanding};

use crate::dto;

impl From<IdentityView> for dto::Identity {
    fn from(view: IdentityView) -> Self {
        let mut told = Self {
            identity: view.id.to_string(),
            standing: dto::IdentityStanding::Missing,
            kind: None,
            issuer: None,
            subject: None,
            email: None,
            made_at_ms: None,
            expires_at_ms: None,
            reason: None,
        };
        match view.standing {
            ProofStanding::Missing => {}
            ProofStanding::Refused(reason) => {
                (told.standing, told.reason) = (dto::IdentityStanding::Refused, Some(reason));
            }
            ProofStanding::Holds { identity, basis, made_at_ms, expires_at_ms } => {
                told.standing = match basis {
                    Basis::Verified => dto::IdentityStanding::Verified,
                    Basis::Carried => dto::IdentityStanding::Carried,
                };
                (told.made_at_ms, told.expires_at_ms) = (Some(made_at_ms), Some(expires_at_ms));
                match identity {
                    Identity::Oidc { issuer, subject, email } => {
                        told.kind = Some(dto::IdentityKind::Oidc);
                        (told.issuer, told.subject, told.email) = (Some(issuer), Some(subject), email);
                    }
                    Identity::Mail { address } => {
                        (told.kind, told.email) = (Some(dto::IdentityKind::Mail), Some(address));
                    }
                }
            }
        }
        told
    }
}

impl From<IssuerClient> for dto::Issuer {
    fn from(client: IssuerClient) -> Self {
        Self { issuer: client.issuer, client_id: client.client_id, own: client.own }
    }
}
