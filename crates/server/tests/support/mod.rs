//! A hub made of canned answers, and the program run against it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};
use twinhub::{
    certificates::{CertificateSource, ClientCertificates, ServerCertificate, server_config},
    clock,
    config::{Config, Ports},
    data_dir::DataDir,
    operator_token::OperatorToken,
    running::{RunningHub, RunningNotice},
};

pub const OWNER_KEY: &str = "b3duZXIta2V5LW93bmVyLWtleS1vd25lci1rZXkt";

/// A request as the hub got it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET /devices/a?api-version=...`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A hub on a data folder of its own, which answers what it was told to.
pub struct CannedHub {
    dir: tempfile::TempDir,
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    _notice: RunningNotice,
}

type Canned = (&'static str, u16, Value);

impl CannedHub {
    /// Starts a hub. Each answer has the beginning of the request line that it
    /// is for; the first that fits is given, else 404.
    pub fn start(answers: impl IntoIterator<Item = Canned>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(dir.path());
        drop(data_dir.open_for_serving().unwrap());
        OperatorToken::of(&data_dir).create_if_missing().unwrap();
        let source = CertificateSource::of(&Config::default(), &data_dir);
        let ca = source.trusted_by_clients();
        let certificate = ServerCertificate::prepare(source, clock::now()).unwrap();
        let tls = server_config(certificate, &["http/1.1"], ClientCertificates::NotAsked).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();

        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = seen.clone();
        let mut canned: Vec<Canned> = answers.into_iter().collect();
        canned.push(("POST /subscriptions/local/resourceGroups/local/providers/Microsoft.Devices/IotHubs/localhost/listkeys?", 200, policies()));
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(tls.clone()).unwrap();
                // A client may turn away, from a certificate for example.
                let _ = answer(StreamOwned::new(connection, stream), &canned, &record);
            }
        });
        let running = RunningHub {
            pid: std::process::id(),
            hub: "localhost".into(),
            hostnames: vec!["localhost".into()],
            address: "127.0.0.1".parse().unwrap(),
            ports: Ports {
                https: port,
                ..Ports::default()
            },
            ca,
        };
        let notice = running.announce(&data_dir).unwrap();
        Self {
            dir,
            port,
            seen,
            _notice: notice,
        }
    }

    pub fn data_dir(&self) -> DataDir {
        DataDir::at(self.dir.path())
    }

    /// Runs a command on the hub's data folder.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let folder = self.dir.path().display().to_string();
        twinhub(&[arguments, &["--data-dir", &folder]].concat(), &[])
    }

    /// What was asked, without the look-up of the policies.
    pub fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|request| !request.line.contains("/listkeys?"))
            .cloned()
            .collect()
    }

    pub fn seen_all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connection_string(&self) -> String {
        format!(
            "HostName=localhost:{};SharedAccessKeyName=iothubowner;SharedAccessKey={OWNER_KEY}",
            self.port
        )
    }
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Runs the program with nothing but `variables` in its environment.
pub fn twinhub(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_twinhub"))
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ran {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

fn answer(
    mut stream: StreamOwned<ServerConnection, std::net::TcpStream>,
    canned: &[Canned],
    record: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let request = read(&mut stream)?;
    let found = canned
        .iter()
        .find(|(start, _, _)| request.line.starts_with(start));
    let (status, body) = match found {
        Some((_, status, body)) => (*status, body.clone()),
        None => (
            404,
            json!({"Message": "ErrorCode:DeviceNotFound;none", "ExceptionMessage": ""}),
        ),
    };
    record.lock().unwrap().push(request);
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn read(stream: &mut StreamOwned<ServerConnection, std::net::TcpStream>) -> std::io::Result<Seen> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Seen {
        line: lines[0].clone(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

fn policies() -> Value {
    let policy = |name: &str, key: &str, rights: &str| json!({"keyName": name, "primaryKey": key, "secondaryKey": "c2Vjb25kYXJ5LWtleS1zZWNvbmRhcnkt", "rights": rights});
    json!({"value": [
        policy("service", "c2VydmljZS1rZXktc2VydmljZS1rZXkt", "ServiceConnect"),
        policy("iothubowner", OWNER_KEY, "RegistryWrite, ServiceConnect, DeviceConnect"),
    ]})
}
