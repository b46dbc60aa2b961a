//! `twinhub policy`

use clap::ValueEnum;
use serde_json::json;

use super::{
    access::Access,
    answer::Answer,
    failure::Failure,
    management::{Policy, no_such_policy},
    refusal::Refusal,
};

const COLUMNS: &[&str] = &["keyName", "rights", "primaryKey", "secondaryKey"];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub policy list -o table
  twinhub policy create --name dashboards --rights RegistryRead,ServiceConnect
  twinhub policy renew-key --name dashboards --key secondary
  twinhub policy delete --name dashboards

Needs the data folder of the running hub, which holds the operator token.")]
pub enum Command {
    /// List the policies with their keys
    #[command(after_help = "\
Examples:
  twinhub policy list --output table")]
    List,
    /// Show one policy with its keys
    #[command(after_help = "\
Examples:
  twinhub policy show --name service")]
    Show(Named),
    /// Create a policy; the hub makes its keys
    Create(Create),
    /// Make a key anew; the other keeps working
    RenewKey(RenewKey),
    /// Delete a policy; its tokens are void at once
    #[command(after_help = "\
Examples:
  twinhub policy delete --name dashboards")]
    Delete(Named),
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the policy
    #[arg(long, short = 'n', visible_aliases = ["policy-name", "pn"], value_name = "NAME")]
    name: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub policy create --name dashboards --rights RegistryRead,ServiceConnect")]
pub struct Create {
    #[command(flatten)]
    policy: Named,
    /// What its holders may do
    #[arg(long, visible_alias = "permissions", value_enum, value_delimiter = ',', num_args = 1.., required = true)]
    rights: Vec<Right>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub policy renew-key --name service --key primary")]
pub struct RenewKey {
    #[command(flatten)]
    policy: Named,
    /// Which key
    #[arg(long, visible_aliases = ["renew-key", "rk"], value_enum)]
    key: Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Right {
    /// Read identities
    RegistryRead,
    /// Read and write identities
    RegistryWrite,
    /// Twins, methods, messages to devices, and reading events
    ServiceConnect,
    /// Act as any device
    DeviceConnect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Key {
    /// The primary key
    Primary,
    /// The secondary key
    Secondary,
    /// None: the two change places
    Swap,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let management = access.management()?;
    let value = match command {
        Command::List => json!(management.policies().await?),
        Command::Show(named) => json!(management.policy(&named.name).await?),
        Command::Create(create) => {
            let name = &create.policy.name;
            let policy = create.policy();
            let policies = management
                .change_policies(|policies| add(policies, policy))
                .await?;
            json!(find(policies, name)?)
        }
        Command::RenewKey(renew) => {
            let name = &renew.policy.name;
            let policies = management
                .change_policies(|policies| renew_key(policies, name, renew.key))
                .await?;
            json!(find(policies, name)?)
        }
        Command::Delete(named) => {
            management
                .change_policies(|policies| remove(policies, &named.name))
                .await?;
            return Ok(Answer::Nothing);
        }
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

impl Create {
    fn policy(&self) -> Policy {
        let rights: Vec<String> = self
            .rights
            .iter()
            .map(|right| format!("{right:?}"))
            .collect();
        Policy {
            key_name: self.policy.name.clone(),
            primary_key: String::new(),
            secondary_key: String::new(),
            rights: rights.join(", "),
        }
    }
}

fn add(policies: &mut Vec<Policy>, policy: Policy) -> Result<(), Failure> {
    if policies.iter().any(|old| old.key_name == policy.key_name) {
        return Err(Failure::Refused(Refusal {
            status: 409,
            code: Some("PolicyAlreadyExists".into()),
            message: Some(format!("there is a policy {:?}", policy.key_name)),
        }));
    }
    policies.push(policy);
    Ok(())
}

/// The new key is made here, as `az` does: the hub's document has no word for
/// "make one".
fn renew_key(policies: &mut [Policy], name: &str, key: Key) -> Result<(), Failure> {
    let policy = policies
        .iter_mut()
        .find(|policy| policy.key_name == name)
        .ok_or_else(|| no_such_policy(name))?;
    match key {
        Key::Primary => policy.primary_key = twinhub_sas::generate_key(),
        Key::Secondary => policy.secondary_key = twinhub_sas::generate_key(),
        Key::Swap => std::mem::swap(&mut policy.primary_key, &mut policy.secondary_key),
    }
    Ok(())
}

fn remove(policies: &mut Vec<Policy>, name: &str) -> Result<(), Failure> {
    let before = policies.len();
    policies.retain(|policy| policy.key_name != name);
    if policies.len() == before {
        return Err(no_such_policy(name));
    }
    Ok(())
}

fn find(policies: Vec<Policy>, name: &str) -> Result<Policy, Failure> {
    policies
        .into_iter()
        .find(|policy| policy.key_name == name)
        .ok_or_else(|| no_such_policy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> Policy {
        Policy {
            key_name: name.into(),
            primary_key: "a".into(),
            secondary_key: "b".into(),
            rights: "ServiceConnect".into(),
        }
    }

    #[test]
    fn a_renewed_key_is_new_and_the_other_stays() {
        let mut policies = vec![policy("x"), policy("y")];

        renew_key(&mut policies, "y", Key::Primary).unwrap();

        assert_eq!(policies[0], policy("x"));
        assert!(twinhub_sas::is_valid_key(&policies[1].primary_key));
        assert_eq!(policies[1].secondary_key, "b");
    }

    #[test]
    fn a_policy_is_created_once_and_deleted_once() {
        let mut policies = vec![policy("x")];

        assert_eq!(add(&mut policies, policy("x")).unwrap_err().exit_code(), 5);
        add(&mut policies, policy("y")).unwrap();
        remove(&mut policies, "y").unwrap();
        assert_eq!(remove(&mut policies, "y").unwrap_err().exit_code(), 3);

        assert_eq!(policies, [policy("x")]);
    }

    #[test]
    fn rights_are_written_as_azure_writes_them() {
        let create = Create {
            policy: Named { name: "x".into() },
            rights: vec![Right::RegistryRead, Right::ServiceConnect],
        };

        assert_eq!(create.policy().rights, "RegistryRead, ServiceConnect");
    }
}
