//! Which hub a command talks to, and with what right.
//!
//! `--login`, else the data folder of `--data-dir` or `TWINHUB_DATA_DIR`, else
//! `IOTHUB_CONNECTION_STRING`, else the platform's data folder. With a folder,
//! the operator token in it opens the management API, which gives out the
//! keys of the policies.

use std::{net::SocketAddr, path::PathBuf};

use twinhub_sas::{ConnectionString, Credential};

use super::{
    failure::Failure,
    https::{Endpoint, HttpsClient},
    hub::Hub,
    management::Management,
};
use crate::{
    certificates::read_certificates, config::Environment, data_dir::DataDir,
    operator_token::OperatorToken, running::RunningHub, trust,
};

/// The rights that the registry and twin commands need between them.
const ALL_RIGHTS: [&str; 3] = ["RegistryWrite", "ServiceConnect", "DeviceConnect"];

/// Where a command connects.
pub struct Access {
    environment: Environment,
    data_dir: DataDir,
    target: Target,
}

/// What names the hub.
pub enum Target {
    /// `--login`.
    Login(ConnectionString),
    /// `IOTHUB_CONNECTION_STRING`, while no folder is named.
    Variable(ConnectionString),
    /// A data folder.
    Folder,
}

impl Access {
    /// Applies the order of precedence.
    pub fn choose(
        login: Option<String>,
        data_dir: Option<PathBuf>,
        environment: Environment,
    ) -> Result<Self, Failure> {
        let named = data_dir.or_else(|| environment.data_dir());
        let target = match (&login, &named, environment.connection_string()) {
            (Some(login), _, _) => Target::Login(login.parse()?),
            (None, None, Some(text)) => Target::Variable(text.parse().map_err(|error| {
                Failure::Usage(format!(
                    "IOTHUB_CONNECTION_STRING is no connection string: {error}"
                ))
            })?),
            _ => Target::Folder,
        };
        let data_dir = match named {
            Some(root) => DataDir::at(std::path::absolute(root)?),
            None => DataDir::platform_default().map_err(anyhow::Error::from)?,
        };
        Ok(Self {
            environment,
            data_dir,
            target,
        })
    }

    /// The variables of this process.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The data folder: the one that was named, or the platform's.
    pub fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// What names the hub.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The data plane of the hub.
    pub async fn hub(&self) -> Result<Hub, Failure> {
        match &self.target {
            Target::Login(login) | Target::Variable(login) => self.hub_of_login(login),
            Target::Folder => {
                let policy = self.management()?.policy_with(&ALL_RIGHTS).await?;
                let credential = Credential::SharedAccessKey(policy.primary_key);
                Ok(Hub::new(
                    self.client_of_folder(&self.running()?)?,
                    Some(policy.key_name),
                    credential,
                ))
            }
        }
    }

    fn hub_of_login(&self, login: &ConnectionString) -> Result<Hub, Failure> {
        let Some(policy) = login.policy_name() else {
            return Err(Failure::Usage(
                "a device's connection string can't manage a hub: use one with SharedAccessKeyName, as `twinhub connection-string` prints it".into(),
            ));
        };
        let endpoint = Endpoint::of_hostname(login.host_name())?;
        let roots = trust::roots(&self.environment, &self.data_dir, None)?;
        Ok(Hub::new(
            HttpsClient::new(endpoint, roots, None)?,
            Some(policy.to_owned()),
            login.credential().clone(),
        ))
    }

    /// The management API of the hub that runs on the data folder.
    ///
    /// Refused with `--login`, and when `IOTHUB_CONNECTION_STRING` names
    /// another hub than the folder's: only the folder holds the token.
    pub fn management(&self) -> Result<Management, Failure> {
        let running = self.running()?;
        match &self.target {
            Target::Login(_) => {
                return Err(Failure::Usage(
                    "this needs the operator token, which is in the hub's data folder: leave --login out, and name the folder with --data-dir".into(),
                ));
            }
            Target::Variable(login) => {
                let hostname = Endpoint::of_hostname(login.host_name())?.hostname;
                if !running.hostnames.contains(&hostname.to_ascii_lowercase()) {
                    return Err(Failure::Usage(format!(
                        "IOTHUB_CONNECTION_STRING names {hostname}, and the hub of {} is {}: name the folder of the hub that is meant with --data-dir",
                        self.data_dir.root().display(),
                        running.hostname()
                    )));
                }
            }
            Target::Folder => {}
        }
        self.management_of_folder(&running)
    }

    /// The management API of a hub that is known to be the one that is meant.
    pub fn management_of_folder(&self, running: &RunningHub) -> Result<Management, Failure> {
        let Some(token) = OperatorToken::of(&self.data_dir).read()? else {
            return Err(self.no_hub());
        };
        let client = self.client_of_folder(running)?;
        Ok(Management::new(client, running.hub.clone(), token))
    }

    /// The hub that runs on the data folder.
    pub fn running(&self) -> Result<RunningHub, Failure> {
        RunningHub::read(&self.data_dir)?.ok_or_else(|| self.no_hub())
    }

    fn no_hub(&self) -> Failure {
        let folder = self.data_dir.root().display();
        Failure::NoHub(format!(
            "no hub runs on {folder}: start one with `twinhub serve`, or name another with --data-dir or --login"
        ))
    }

    fn client_of_folder(&self, running: &RunningHub) -> Result<HttpsClient, Failure> {
        let port = running.ports.https;
        let endpoint = Endpoint {
            hostname: running.hostname().to_owned(),
            port,
            address: Some(SocketAddr::new(running.address, port)),
        };
        let roots = trust::roots(&self.environment, &self.data_dir, Some(&running.ca))?;
        let own = read_certificates(&running.ca)
            .map_err(anyhow::Error::from)?
            .into_iter()
            .next();
        Ok(HttpsClient::new(endpoint, roots, own)?)
    }
}

/// The host name for the connection strings of a hub's policies, whose users
/// take a port in it.
pub fn service_hostname(running: &RunningHub) -> String {
    let endpoint = Endpoint {
        hostname: running.hostname().to_owned(),
        port: running.ports.https,
        address: None,
    };
    endpoint.to_string()
}
