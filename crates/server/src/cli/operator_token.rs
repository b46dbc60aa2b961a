//! `twinhub operator-token`

use super::{
    access::{Access, Target},
    answer::Answer,
    failure::Failure,
};
use crate::operator_token::OperatorToken;

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
    /// Replace the token; the old one is void at once, also for a running hub
    #[command(after_help = "\
Examples:
  twinhub operator-token rotate")]
    Rotate,
}

pub fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
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
        Command::Rotate => token.rotate()?,
    };
    Ok(Answer::Text {
        name: "operatorToken",
        text,
    })
}
