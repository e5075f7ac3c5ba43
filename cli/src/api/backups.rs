//! Backups over the local API: a body that is streamed into a file.

use std::path::Path;

use http_body_util::{BodyExt as _, Full};
use hyper::Method;
use hyper::body::Bytes;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::{Api, unwritten};
use crate::failure::Failure;

#[derive(Serialize)]
struct NewBackup<'a> {
    passphrase: &'a str,
}

impl Api {
    /// Writes a backup that the node made; how many bytes it has.
    pub(crate) async fn backup(&self, passphrase: &str, file: &mut File, path: &Path) -> Result<u64, Failure> {
        let asked = serde_json::to_vec(&NewBackup { passphrase });
        let asked = asked.map_err(|error| Failure::Usage(format!("that cannot be asked of a node: {error}")))?;
        let how = (Method::POST, "application/json");
        let (response, _driving) = self.streamed(how, "backup", Full::new(Bytes::from(asked))).await?;
        let mut body = response.into_body();
        let mut bytes = 0_u64;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.cut_off(&error))?;
            let Some(piece) = frame.data_ref() else { continue };
            file.write_all(piece).await.map_err(|error| unwritten(path, &error))?;
            bytes = bytes.saturating_add(piece.len() as u64);
        }
        file.flush().await.map_err(|error| unwritten(path, &error))?;
        file.sync_all().await.map_err(|error| unwritten(path, &error))?;
        Ok(bytes)
    }
}
