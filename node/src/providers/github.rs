//! GitHub, or a server that speaks as it does: who somebody is there, and what they published.

use serde::Deserialize;
use url::Url;

use super::http::{AskError, Http, checked, host};
use super::oauth::{Answered, Begun, Program, SignInError, Wanted, access_token, begin, finish};

/// So many keys of a user are looked at, and so many files of a gist.
const LISTED_MAX: usize = 100;

/// The two addresses of a GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHub {
    web: Url,
    api: Url,
}

/// A user. The number stays when the name changes, and is not given to anybody else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GitHubUser {
    /// The number.
    pub id: u64,
    /// The name, at this moment.
    pub login: String,
}

#[derive(Deserialize)]
struct SigningKey {
    key: String,
}

#[derive(Deserialize)]
struct Gist {
    owner: GitHubUser,
    files: std::collections::BTreeMap<String, GistFile>,
}

#[derive(Deserialize)]
struct GistFile {
    #[serde(default)]
    truncated: bool,
    content: Option<String>,
}

impl GitHub {
    /// GitHub itself has `https://github.com` and `https://api.github.com`.
    ///
    /// # Errors
    /// [`AskError::NotSecure`].
    pub fn new(web: &str, api: &str) -> Result<Self, AskError> {
        Ok(Self { web: checked(web)?, api: checked(api)? })
    }

    /// Begins a sign-in. No right is asked for: who somebody is is public.
    ///
    /// # Errors
    /// [`AskError::NotSecure`], never for an address that [`GitHub::new`] took.
    pub fn begin(&self, program: &Program, wanted: Wanted) -> Result<Begun, AskError> {
        let authorization = at(&self.web, &["login", "oauth", "authorize"])?;
        let token = at(&self.web, &["login", "oauth", "access_token"])?;
        Ok(begin(program, (&authorization, &token), &[], &[], wanted))
    }

    /// Changes the code for who signed in.
    ///
    /// # Errors
    /// Any [`SignInError`].
    pub async fn finish(
        &self,
        http: &Http,
        program: &Program,
        begun: Begun,
        answered: &Answered,
    ) -> Result<GitHubUser, SignInError> {
        let granted = finish(http, program, begun, answered).await?;
        Ok(http.json(&at(&self.api, &["user"])?, Some(&access_token(&granted))).await?)
    }

    /// The user with this number, by their name of today.
    ///
    /// # Errors
    /// Any [`AskError`]; [`AskError::Refused`] with 404 where there is none.
    pub async fn user(&self, http: &Http, id: u64) -> Result<GitHubUser, AskError> {
        let url = at(&self.api, &["user", &id.to_string()])?;
        let user: GitHubUser = http.json(&url, None).await?;
        if user.id != id {
            return Err(AskError::Unexpected { host: host(&url), reason: "it is another user".to_owned() });
        }
        Ok(user)
    }

    /// The public keys with which a user signs, each as an OpenSSH line.
    ///
    /// # Errors
    /// Any [`AskError`].
    pub async fn signing_keys(&self, http: &Http, login: &str) -> Result<Vec<String>, AskError> {
        let mut url = at(&self.api, &["users", login, "ssh_signing_keys"])?;
        url.query_pairs_mut().append_pair("per_page", &LISTED_MAX.to_string());
        let keys: Vec<SigningKey> = http.json(&url, None).await?;
        Ok(keys.into_iter().take(LISTED_MAX).map(|key| key.key).collect())
    }

    /// Who owns a gist, and its files.
    ///
    /// # Errors
    /// Any [`AskError`].
    pub async fn gist(&self, http: &Http, id: &str) -> Result<(GitHubUser, Vec<String>), AskError> {
        let gist: Gist = http.json(&at(&self.api, &["gists", id])?, None).await?;
        let whole = gist.files.into_values().filter(|file| !file.truncated).take(LISTED_MAX);
        Ok((gist.owner, whole.filter_map(|file| file.content).collect()))
    }
}

fn at(base: &Url, path: &[&str]) -> Result<Url, AskError> {
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| AskError::NotSecure(base.to_string()))?.pop_if_empty().extend(path);
    Ok(url)
}
