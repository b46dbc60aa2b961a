//! The lines of import and export blobs.

use bytes::Bytes;
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::time::Timestamp;
use twinhub_core::transfer::lines::{self, Failure, LineSplitter, Split};
use twinhub_core::twins::Twin;

const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

/// Where pieces end makes no difference; what is refused is told in one line
/// of its own; what is taken can be exported, and the export imported.
pub fn transfer_lines(bytes: &[u8]) {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let whole = split(&[bytes]);
    assert_eq!(split(&[one, other]), whole);
    for line in whole {
        if let Split::Line(line) = line {
            import(&line);
        }
    }
}

fn split(pieces: &[&[u8]]) -> Vec<Split> {
    let mut splitter = LineSplitter::default();
    let mut found = Vec::new();
    for piece in pieces {
        splitter.push(Bytes::copy_from_slice(piece));
        found.extend(std::iter::from_fn(|| splitter.next_line()));
    }
    found.extend(splitter.finish());
    found
}

fn import(line: &[u8]) {
    let item = match lines::parse(line) {
        Ok(item) => item,
        Err(refused) => {
            let mut told = Vec::new();
            Failure::of_line(&refused, 1).write(&mut told);
            assert_eq!(told.iter().filter(|byte| **byte == b'\n').count(), 1);
            return;
        }
    };
    let mut twin = Twin::new(item.device.clone().into(), NOW);
    if twin.import(&item.twin, NOW).is_err() {
        return;
    }
    let device = DeviceIdentity {
        id: item.device,
        generation: NOW,
        version: 1,
        authentication: Authentication::CertificateAuthority,
        status: Status::Enabled,
        status_reason: item.status_reason,
        status_updated: NOW,
        edge: item.edge,
        scope: item.scope,
        parent_scopes: item.parent_scopes,
    };
    let mut exported = Vec::new();
    lines::write(&Identity::Device(device), &twin, true, &mut exported);
    let exported = exported.trim_ascii_end();
    let again = lines::parse(exported).expect("what is exported can be read");
    let mut copy = Twin::new(again.device.into(), NOW);
    copy.import(&again.twin, NOW)
        .expect("a twin that keeps the rules keeps them elsewhere");
}
