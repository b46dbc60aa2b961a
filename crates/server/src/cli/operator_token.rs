//! `twinhub operator-token`

use std::time::Duration;

use super::{
    access::{Access, Target},
    answer::Answer,
    failure::Failure,
};
use crate::operator_token::OperatorToken;

/// A running hub looks at the token's file every two seconds.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub operator-token show
  twinhub operator-token rotate --data-dir /var/lib/twinhub")]
pub enum Command {
    /// Print the token
    #[command(after_help = "\
Examples:
  twinhub operator-token show")]
    Show,
    /// Replace the token, and wait until a running hub takes the new one
    #[command(after_help = "\
Examples:
  twinhub operator-token rotate")]
    Rotate,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    if matches!(access.target(), Target::Login(_)) {
        return Err(Failure::Usage(
            "the operator token is in the hub's data folder: leave --login out, and name the folder with --data-dir".into(),
        ));
    }
    let token = OperatorToken::of(access.data_dir());
    let Some(present) = token.read()? else {
        return Err(Failure::NoHub(format!(
            "no hub was ever started on {}: start one with `twinhub serve`, or name another folder with --data-dir",
            access.data_dir().root().display()
        )));
    };
    let text = match command {
        Command::Show => present,
        Command::Rotate => {
            let fresh = token.rotate()?;
            if !is_taken(access).await {
                eprintln!(
                    "note: the hub did not confirm the new token: a running one takes it within 2 seconds"
                );
            }
            fresh
        }
    };
    Ok(Answer::Text {
        name: "operatorToken",
        text,
    })
}

/// Waits until the hub that runs on the folder, if one does, knows its token.
async fn is_taken(access: &Access) -> bool {
    let Ok(running) = access.running() else {
        return true;
    };
    let Ok(management) = access.management_of_folder(&running) else {
        return false;
    };
    let asking = async {
        loop {
            match management.knows_token().await {
                Ok(true) => return true,
                Ok(false) => tokio::time::sleep(ASK_EVERY).await,
                Err(_) => return false,
            }
        }
    };
    tokio::time::timeout(TAKEN_WITHIN, asking)
        .await
        .unwrap_or(false)
}
