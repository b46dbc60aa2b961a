//! Containers that are slow to answer, or never do.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use twinhub_blobs::{BlobSettings, Stores, TimeLimits};
use twinhub_core::ports::{
    BlobReader, Container, ContainerAddress, ContainerError, Containers as _, OpenedFor,
};

const BLOB: &[u8] = b"one\ntwo\nthree\n";
const MILLIS: Duration = Duration::from_millis(1);

/// Limits that a test can wait for.
fn limits() -> TimeLimits {
    TimeLimits {
        connect: 500 * MILLIS,
        answer: 200 * MILLIS,
        block: Duration::from_secs(60),
        again_for: 700 * MILLIS,
        briefly: 50 * MILLIS,
    }
}

/// What the server does with a request for bytes of the blob, which is the
/// n-th of them.
type Answer = fn(nth: usize) -> Given;

/// So many bytes of what was asked for, and then silence or the end.
struct Given {
    bytes: usize,
    is_silent: bool,
}

const ALL: Given = Given {
    bytes: usize::MAX,
    is_silent: false,
};

/// A container that has [`BLOB`] and gives it as `answer` says.
async fn container(answer: Answer) -> Arc<dyn Container> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut nth = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let Some(head) = request(&mut stream).await else {
                continue;
            };
            let is_silent = serve(&mut stream, &head, || {
                nth += 1;
                answer(nth)
            });
            if is_silent.await {
                // Held open, so that the other side hears nothing at all.
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    drop(stream);
                });
            }
        }
    });
    let address = format!("http://{here}/account/container?sp=rwd&sig=c2VjcmV0");
    let stores = Stores::new(BlobSettings::default()).within(limits());
    let address = ContainerAddress::new(address);
    stores.open(&address, OpenedFor::BackEnd).unwrap()
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = vec![0; 8192];
    let read = stream.read(&mut head).await.ok().filter(|read| *read > 0)?;
    Some(String::from_utf8_lossy(&head[..read]).into_owned())
}

/// Whether to say no more.
async fn serve(stream: &mut TcpStream, head: &str, given: impl FnOnce() -> Given) -> bool {
    let about = "etag: \"1\"\r\nlast-modified: Sat, 21 Nov 2026 20:00:00 GMT\r\nconnection: close";
    if head.starts_with("HEAD") {
        let size = BLOB.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n{about}\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
        return false;
    }
    if !head.starts_with("GET") {
        return true;
    }
    let given = given();
    if given.bytes == 0 {
        return given.is_silent;
    }
    let start = head.split("bytes=").nth(1).unwrap();
    let start: usize = start.split('-').next().unwrap().parse().unwrap();
    let (rest, end, all) = (BLOB.len() - start, BLOB.len() - 1, BLOB.len());
    let answer = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {rest}\r\n\
         content-range: bytes {start}-{end}/{all}\r\n{about}\r\n\r\n"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let bytes = given.bytes.min(rest);
    let _ = stream.write_all(&BLOB[start..start + bytes]).await;
    let _ = stream.flush().await;
    given.is_silent
}

async fn all_of(mut reader: Box<dyn BlobReader>) -> Result<Vec<u8>, ContainerError> {
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn is_late(refused: &ContainerError) -> bool {
    refused.to_string().contains("did not answer, in time")
}

#[tokio::test]
async fn somebody_who_waits_is_told_of_silence_after_one_time_limit() {
    let container = container(|_| ALL).await;
    let began = Instant::now();

    let probed = container.probe().await;
    let made = container.put_empty("importErrors.log").await;

    assert!(is_late(&probed.unwrap_err()));
    assert!(is_late(&made.unwrap_err()));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn bytes_are_told_as_they_come() {
    let container = container(|nth| match nth {
        1 => Given {
            bytes: 4,
            is_silent: true,
        },
        _ => ALL,
    })
    .await;
    let mut reader = container.read("devices.txt").await.unwrap();

    let first = reader.next().await.unwrap().unwrap();

    assert_eq!(&first[..], b"one\n");
    let rest = all_of(reader).await.unwrap();
    assert_eq!(rest, &BLOB[4..]);
}

#[tokio::test]
async fn silence_and_broken_connections_in_the_middle_are_overcome() {
    let container = container(|nth| Given {
        bytes: if nth % 3 == 0 { 0 } else { 2 },
        is_silent: nth % 4 == 0,
    })
    .await;

    let reader = container.read("devices.txt").await.unwrap();

    assert_eq!(all_of(reader).await.unwrap(), BLOB);
}

#[tokio::test]
async fn silence_that_lasts_is_told_once_time_is_up() {
    let container = container(|nth| Given {
        bytes: if nth == 1 { 4 } else { 0 },
        is_silent: true,
    })
    .await;
    let reader = container.read("devices.txt").await.unwrap();
    let began = Instant::now();

    let refused = all_of(reader).await.unwrap_err();

    assert!(is_late(&refused), "{refused}");
    assert!(!refused.to_string().contains("c2VjcmV0"));
    assert!((limits().again_for..Duration::from_secs(10)).contains(&began.elapsed()));
}
