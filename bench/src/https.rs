//! A lean HTTP/1.1 client: one connection, one request in flight.
//!
//! It costs the generator's processor a small part of what the hub spends on
//! the same request, so that the hub is what is measured. It reads answers
//! that tell their length, as the hub's do, and refuses others.

use std::{fmt, io::Write as _};

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

const MAX_HEADERS: usize = 64;

/// A connection that is kept alive.
pub struct HttpsConnection {
    stream: TlsStream<TcpStream>,
    /// The headers that every request has.
    standing: String,
    outbox: Vec<u8>,
    inbox: BytesMut,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the hub did what it was asked for.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer, unless the hub refused.
    pub fn accepted(self) -> Result<Self, String> {
        if self.is_success() {
            Ok(self)
        } else {
            Err(self.to_string())
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "status {} {body}", self.status)
    }
}

impl HttpsConnection {
    /// Requests over `stream`.
    pub fn new(stream: TlsStream<TcpStream>, hostname: &str, authorization: &str) -> Self {
        Self {
            stream,
            standing: format!(
                "Host: {hostname}\r\nAuthorization: {authorization}\r\nContent-Type: application/json\r\n"
            ),
            outbox: Vec::new(),
            inbox: BytesMut::new(),
        }
    }

    /// Sends a request and waits for the whole answer. `headers` are lines that
    /// end with a line break.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        self.outbox.clear();
        write!(
            self.outbox,
            "{method} {path} HTTP/1.1\r\n{}{headers}Content-Length: {}\r\n\r\n",
            self.standing,
            body.len()
        )?;
        self.outbox.extend_from_slice(body);
        self.stream.write_all(&self.outbox).await?;
        self.stream.flush().await?;
        loop {
            if let Some(answer) = take_answer(&mut self.inbox)? {
                return Ok(answer);
            }
            let read = self.stream.read_buf(&mut self.inbox).await?;
            ensure!(read > 0, "the hub has closed the connection");
        }
    }
}

/// Takes a whole answer off the front of `inbox`.
fn take_answer(inbox: &mut BytesMut) -> anyhow::Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_length) = head.parse(inbox)? else {
        return Ok(None);
    };
    let status = head.code.context("an answer without status")?;
    let body_length = body_length(status, head.headers)?;
    if inbox.len() < head_length + body_length {
        return Ok(None);
    }
    inbox.advance(head_length);
    let body = inbox.split_to(body_length).freeze();
    Ok(Some(Answer { status, body }))
}

fn body_length(status: u16, headers: &[httparse::Header<'_>]) -> anyhow::Result<usize> {
    if status == 204 || status == 304 {
        return Ok(0);
    }
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            return Ok(std::str::from_utf8(header.value)?.trim().parse()?);
        }
    }
    bail!("an answer with status {status} that does not tell its length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_when_it_is_whole_and_what_follows_stays() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        for cut in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..cut]);
            assert!(take_answer(&mut part).unwrap().is_none());
        }
        let mut inbox = BytesMut::from(&whole[..]);
        inbox.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");

        let first = take_answer(&mut inbox).unwrap().unwrap();
        let second = take_answer(&mut inbox).unwrap().unwrap();

        assert_eq!((first.status, &first.body[..]), (200, &b"hello"[..]));
        assert_eq!((second.status, second.body.len()), (204, 0));
        assert!(inbox.is_empty());
    }

    #[test]
    fn an_answer_of_unknown_length_is_refused() {
        let mut inbox =
            BytesMut::from(&b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..]);

        assert!(take_answer(&mut inbox).is_err());
    }
}
