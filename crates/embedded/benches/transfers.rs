//! Imports a million devices from a folder and exports them again: how long
//! it takes, and how much memory, with nothing else going on.
//!
//! `cargo bench -p twinhub-embedded --bench transfers [-- COUNT]`; the disk is
//! that of the temporary folder.
#![allow(clippy::print_stdout, reason = "a bench reports to a terminal")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use twinhub_blobs::{BlobSettings, Stores};
use twinhub_core::access::{Access, Caller};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::Registry;
use twinhub_core::ids::HubName;
use twinhub_core::keys::Key;
use twinhub_core::ports::{ContainerAddress, OpenedFor};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, SystemClock};
use twinhub_core::transfer::{
    Ended, ExportRequest, ImportRequest, TransferStatus, TransferView, Transfers,
};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const ASK_EVERY: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let count: u64 = given.unwrap_or(1_000_000);
    let state = tempfile::tempdir().expect("a temporary folder can be made");
    let container = tempfile::tempdir().expect("a temporary folder can be made");
    let devices = container.path().join("devices.txt");
    write(&devices, count).expect("the file can be written");
    report(&devices, "to import");

    let sessions = Arc::new(LocalSessions::new());
    let engine = Engine::open(state.path(), sessions.clone());
    let engine = Arc::new(engine.expect("an empty folder opens"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let caller = caller(&engine, &clock).await;
    let presence = Arc::new(PresenceBook::new(clock.clone()));
    let registry = Registry::new(engine.clone(), sessions, presence, clock.clone());
    let transfers = Arc::new(Transfers::new(
        engine.clone(),
        engine.clone(),
        Arc::new(Stores::new(BlobSettings::default())),
        Arc::new(registry),
        clock,
    ));

    let uri = url::Url::from_file_path(container.path()).expect("the folder's path is absolute");
    let address = ContainerAddress::new(uri.to_string());
    let permit = caller.registry_write().expect("the owner may write");
    let import = ImportRequest {
        from: address.clone(),
        blob: "devices.txt".to_owned(),
        failures_to: address.clone(),
        failures_blob: "importErrors.log".to_owned(),
        by: OpenedFor::Operator,
    };
    let started = transfers.import(&permit, import).await;
    measure("import", count, &transfers, &caller, started).await;

    let export = ExportRequest {
        to: address,
        blob: "exported.txt".to_owned(),
        exclude_keys: false,
        by: OpenedFor::Operator,
    };
    let started = transfers.export(&permit, export).await;
    measure("export", count, &transfers, &caller, started).await;
    report(&container.path().join("exported.txt"), "exported");
    engine.close().await;
}

/// Lines as Azure has them: keys, three tags, a few desired properties.
fn write(path: &Path, count: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let (primary, secondary) = (Key::generate(), Key::generate());
    for number in 0..count {
        writeln!(
            file,
            r#"{{"id":"d{number:07}","eTag":"MA==","status":"enabled","importMode":"create","authentication":{{"symmetricKey":{{"primaryKey":"{}","secondaryKey":"{}"}},"x509Thumbprint":{{"primaryThumbprint":null,"secondaryThumbprint":null}},"type":"sas"}},"twinETag":"AAAAAAAAAAE=","tags":{{"site":{{"country":"NO","hall":{}}},"line":"l-{}"}},"properties":{{"desired":{{"interval":30,"limits":{{"low":1.5,"high":{}}},"$version":1}},"reported":{{"firmware":"1.2.3","$version":1}}}},"capabilities":{{"iotEdge":false}}}}"#,
            primary.expose(),
            secondary.expose(),
            number % 17,
            number % 1_000,
            number % 97,
        )?;
    }
    file.flush()
}

async fn caller(engine: &Arc<Engine>, clock: &Arc<dyn Clock>) -> Caller {
    let settings = HubSettings {
        host_names: vec![HOST.to_owned()],
        tier: Tier {
            sku: Sku::S3,
            units: 10,
        },
        modules_per_device: 20,
        event_retention: Duration::from_secs(24 * 3600),
    };
    let name = HubName::parse("plant").expect("it is a hub's name");
    let opened = Hubs::open(engine.clone(), vec![(name, settings)]).await;
    let (hubs, _) = opened.expect("the hub can be made");
    let hubs = Arc::new(hubs);
    let access = Access::new(
        hubs.clone(),
        engine.clone(),
        clock.clone(),
        Duration::ZERO,
        String::new(),
    );
    let hub = hubs.by_host(HOST).expect("the hub is there");
    let owner = hub.policy("iothubowner").expect("each hub has an owner");
    let key = SigningKey::from_base64(owner.keys.primary.expose()).expect("it is a key");
    let token = SasToken::sign(HOST, &key, Some("iothubowner"), u64::from(u32::MAX));
    let admitted = access.admit(&hub, &token, &[]).await;
    admitted.expect("the owner is let in")
}

async fn measure<E: std::fmt::Debug>(
    what: &str,
    count: u64,
    transfers: &Transfers,
    caller: &Caller,
    started: Result<TransferView, E>,
) {
    let begun = Instant::now();
    let started = started.expect("the job starts");
    let permit = caller.registry_read().expect("the owner may read");
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let found = transfers.job(&permit, &started.job.id).await;
        let found = found.expect("the job can be read").expect("it is there");
        if let TransferStatus::Ended { how, .. } = found.job.status {
            assert_eq!(how, Ended::Completed);
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = count as f64 / seconds;
    println!(
        "{what}: {seconds:.1} s, {rate:.0} devices/s, at most {} so far",
        memory()
    );
}

/// The most memory that this process has had.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    most.map_or_else(
        || "unknown memory".to_owned(),
        |most| most.trim().to_owned(),
    )
}

fn report(path: &Path, what: &str) {
    let bytes = fs::metadata(path).map_or(0, |found| found.len());
    println!("{what}: {} MB", bytes / 1_000_000);
}
