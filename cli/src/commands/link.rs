//! `link`: a fresh sign-in link for the browser.

use crate::api::Api;
use crate::failure::Failure;
use crate::output::{Output, lines};

pub(super) async fn run(api: &Api, output: &Output) -> Result<(), Failure> {
    let link = api.sign_in_link().await?;
    if output.is_json() {
        return output.object(&lines::Link { sign_in: &link.url });
    }
    output.text(&link.url)?;
    output.remark("Open it in a browser on this machine. It works once, within an hour.");
    Ok(())
}
