//! Where a container's answers can't lead the hub to.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use twinhub_blobs::{BlobSettings, Stores};
use twinhub_core::ports::{ContainerAddress, Containers as _, OpenedFor};

/// A server that gives everyone the same answer; tells where it is, and how
/// many have asked.
async fn server(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::<AtomicUsize>::default();
    let counted = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

#[tokio::test]
async fn an_answer_leads_nowhere_else() {
    let (elsewhere, led) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{elsewhere}/a/b/devices.txt\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (here, asked) = server(answer).await;
    let address = format!("http://{here}/account/container?sp=rwd&sig=c2VjcmV0");
    let address = ContainerAddress::new(address);
    let stores = Stores::new(BlobSettings::default());
    let container = stores.open(&address, OpenedFor::BackEnd).unwrap();

    let read = container.read("devices.txt").await.map(drop);
    let probed = container.probe().await;

    for refused in [read.unwrap_err(), probed.unwrap_err()] {
        assert!(!refused.to_string().contains("c2VjcmV0"), "{refused}");
    }
    assert!(asked.load(Ordering::SeqCst) >= 2);
    assert_eq!(led.load(Ordering::SeqCst), 0);
}
