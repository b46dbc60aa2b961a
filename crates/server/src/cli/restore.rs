//! `twinhub restore`

use std::path::PathBuf;

use serde_json::json;

use super::{
    access::{Access, Target},
    answer::Answer,
    backup::progress_bar,
    failure::Failure,
    shell_quoted,
};
use crate::backup::{Manifest, restore};

const COLUMNS: &[&str] = &["dataFolder", "hub", "moment", "bytes"];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub restore /backups/twinhub-2026-01-31
  twinhub restore /backups/twinhub-2026-01-31 --data-dir /var/lib/twinhub-new

The data folder must be missing or empty, so no hub runs on it. Every file is
checked, and the data folder appears once all are there: a restore that is
broken off leaves none.

Devices and back ends know the restored hub: it has the same keys and the same
certificate authority. Don't run it beside the one that was backed up.")]
pub struct Args {
    /// Folder that `twinhub backup` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub async fn run(args: &Args, access: &Access) -> Result<Answer, Failure> {
    if matches!(access.target(), Target::Login(_)) {
        return Err(Failure::Usage(
            "a restore makes a data folder: leave --login out, and name the folder with --data-dir"
                .into(),
        ));
    }
    let folder = std::path::absolute(&args.folder)?;
    let data_dir = access.data_dir().clone();
    let bar = progress_bar();
    bar.set_length(
        Manifest::read(&folder)
            .map_err(anyhow::Error::from)?
            .bytes(),
    );
    let restoring = {
        let (bar, data_dir) = (bar.clone(), data_dir.clone());
        move || restore(&folder, &data_dir, |bytes| bar.inc(bytes))
    };
    let restored = tokio::task::spawn_blocking(restoring)
        .await
        .map_err(anyhow::Error::from)?;
    bar.finish_and_clear();
    let manifest = restored.map_err(anyhow::Error::from)?;
    let root = data_dir.root().display().to_string();
    eprintln!(
        "The hub {} is restored; start it with the settings it had: twinhub serve --data-dir {}",
        manifest.hub,
        shell_quoted(&root)
    );
    Ok(Answer::Documents {
        value: json!({
            "dataFolder": root,
            "hub": manifest.hub,
            "moment": manifest.moment,
            "madeBy": manifest.made_by,
            "bytes": manifest.bytes(),
        }),
        columns: COLUMNS,
    })
}
