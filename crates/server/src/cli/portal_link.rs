//! `twinhub portal-link`

use super::{access::Access, answer::Answer, failure::Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub portal-link
  xdg-open \"$(twinhub portal-link)\"

The link counts once, for 15 minutes. Whoever opens it may do everything in the
portal, as the operator. For less, sign in to the portal with the connection
string of a policy, which has the rights of the policy.

Needs the data folder of the running hub, which holds the operator token.")]
pub struct Args {}

pub async fn run(_: &Args, access: &Access) -> Result<Answer, Failure> {
    let text = access.management()?.portal_link().await?;
    Ok(Answer::Text {
        name: "portalLink",
        text,
    })
}
