//! Somebody who takes requests, and answers as tests wish.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
    /// It was answered with 2xx.
    pub(super) was_taken: bool,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Requests = Arc<Mutex<Vec<Request>>>;

pub(super) struct Receiver {
    port: u16,
    requests: Requests,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Answers with a status line, and perhaps headers.
    pub(super) async fn start(
        answer: impl Fn(&Request) -> &'static str + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(move |request| (answer(request), String::new())).await
    }

    /// Answers with a status line and a body.
    pub(super) async fn start_with(
        answer: impl Fn(&Request) -> (&'static str, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Requests::default();
        let seen = requests.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, &answer, &seen).await;
            }
        });
        Receiver {
            port,
            requests,
            task,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in?code=hidden", self.port)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection, request by request.
async fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&Request) -> (&'static str, String),
    seen: &Requests,
) {
    let mut read = Vec::new();
    while let Some(mut request) = next_request(&mut stream, &mut read).await {
        let (head, body) = answer(&request);
        request.was_taken = head.starts_with('2');
        seen.lock().unwrap().push(request);
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(read.drain(..end).collect()).unwrap();
    let mut lines = head.lines();
    let method = lines.next()?.split(' ').next()?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut request = Request {
        method,
        headers: headers.collect(),
        body: String::new(),
        was_taken: false,
    };
    let length = request.header("content-length").unwrap_or("0");
    let length: usize = length.parse().unwrap();
    while read.len() < length {
        stream.read_buf(read).await.ok()?;
    }
    request.body = String::from_utf8(read.drain(..length).collect()).unwrap();
    Some(request)
}
