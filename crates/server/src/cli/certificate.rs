//! `twinhub certificate`

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ArgAction;
use hyper::Method;
use serde_json::{Value, json};

use super::{access::Access, answer::Answer, failure::Failure};

const COLUMNS: &[&str] = &[
    "name",
    "properties.subject",
    "properties.isVerified",
    "properties.expiry",
];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub certificate create --name plant --path ca.pem --verified
  twinhub certificate list --output table
  twinhub certificate delete --name plant

Devices with --auth-method x509_ca are let in by certificates that a verified
authority issued. Without --verified, prove that you hold its key:
  twinhub certificate create --name plant --path ca.pem
  twinhub certificate generate-verification-code --name plant
  twinhub certificate verify --name plant --path proof.pem
where proof.pem is issued by the authority and has the code as common name.

Needs the data folder of the running hub, which holds the operator token.")]
pub enum Command {
    /// Add the certificate of an authority
    Create(Create),
    /// Show one certificate
    #[command(after_help = "\
Examples:
  twinhub certificate show --name plant")]
    Show(Named),
    /// List the certificates
    #[command(after_help = "\
Examples:
  twinhub certificate list --output table")]
    List,
    /// Put another certificate in the place of one
    Update(Update),
    /// Delete a certificate; devices that it let in are cut off at once
    #[command(after_help = "\
Examples:
  twinhub certificate delete --name plant
  twinhub certificate delete -n plant --etag \"$ETAG\"")]
    Delete(Changed),
    /// Make the code with which possession is proven
    #[command(after_help = "\
Examples:
  twinhub certificate generate-verification-code --name plant")]
    GenerateVerificationCode(Changed),
    /// Prove possession with a certificate that has the code as common name
    #[command(after_help = "\
Examples:
  twinhub certificate verify --name plant --path proof.pem")]
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the certificate
    #[arg(
        long,
        short = 'n',
        visible_alias = "certificate-name",
        value_name = "NAME"
    )]
    name: String,
}

#[derive(Debug, clap::Args)]
struct File {
    /// File with the certificate, PEM or DER
    #[arg(long, short = 'p', value_name = "FILE")]
    path: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Vouching {
    /// Whether it counts without proof of possession
    #[arg(long, short = 'v', value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    verified: Option<bool>,
}

#[derive(Debug, clap::Args)]
pub struct Changed {
    #[command(flatten)]
    certificate: Named,
    /// Refuse unless the certificate has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub certificate create --name plant --path ca.pem --verified
  twinhub certificate create --name plant --path ca.pem")]
pub struct Create {
    #[command(flatten)]
    certificate: Named,
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    vouching: Vouching,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub certificate update --name plant --path new-ca.pem --verified

Another certificate must be verified anew.")]
pub struct Update {
    #[command(flatten)]
    certificate: Changed,
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    vouching: Vouching,
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    #[command(flatten)]
    certificate: Changed,
    #[command(flatten)]
    file: File,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let management = access.management()?;
    let (method, below, etag, body) = command.call()?;
    let answer = management
        .certificates(method, &below, etag.as_deref(), body.as_ref())
        .await?;
    let value = match command {
        Command::Delete(_) => return Ok(Answer::Nothing),
        Command::List => answer.get("value").cloned().unwrap_or_default(),
        _ => answer,
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

type Call<'a> = (Method, Vec<&'a str>, Option<String>, Option<Value>);

impl Command {
    /// What is sent: method, path below the certificates, etag and body.
    fn call(&self) -> Result<Call<'_>, Failure> {
        Ok(match self {
            Self::List => (Method::GET, vec![], None, None),
            Self::Show(named) => (Method::GET, vec![&named.name], None, None),
            Self::Create(create) => (
                Method::PUT,
                vec![&create.certificate.name],
                None,
                Some(document(&create.file.path, &create.vouching)?),
            ),
            Self::Update(update) => (
                Method::PUT,
                vec![&update.certificate.certificate.name],
                update.certificate.etag(),
                Some(document(&update.file.path, &update.vouching)?),
            ),
            Self::Delete(changed) => (
                Method::DELETE,
                vec![&changed.certificate.name],
                changed.etag(),
                None,
            ),
            Self::GenerateVerificationCode(changed) => (
                Method::POST,
                vec![&changed.certificate.name, "generateVerificationCode"],
                changed.etag(),
                None,
            ),
            Self::Verify(verify) => (
                Method::POST,
                vec![&verify.certificate.certificate.name, "verify"],
                verify.certificate.etag(),
                Some(json!({"certificate": contents(&verify.file.path)?})),
            ),
        })
    }
}

impl Changed {
    /// Whatever is there, if none is named.
    fn etag(&self) -> Option<String> {
        Some(self.etag.clone().unwrap_or_else(|| "*".to_owned()))
    }
}

fn document(path: &Path, vouching: &Vouching) -> Result<Value, Failure> {
    let mut properties = json!({"certificate": contents(path)?});
    if let Some(verified) = vouching.verified {
        properties["isVerified"] = json!(verified);
    }
    Ok(json!({"properties": properties}))
}

/// A file's bytes in base64, as `az` sends them.
fn contents(path: &Path) -> Result<String, Failure> {
    std::fs::read(path)
        .map(|bytes| STANDARD.encode(bytes))
        .map_err(|error| Failure::Usage(format!("could not read {}: {error}", path.display())))
}
