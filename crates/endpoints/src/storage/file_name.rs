//! How blobs are named.

use twinhub_core::events::PartitionId;
use twinhub_core::ids::HubName;
use twinhub_core::routing::{StorageEncoding, StorageTarget};
use twinhub_core::time::Timestamp;

/// How the blobs of a partition are named: by a format whose tokens are the
/// hub, the partition and the moment, in UTC. What encodes them says what
/// their names end with.
pub(super) struct FileNames {
    format: String,
    extension: &'static str,
}

impl FileNames {
    /// The names of a partition's blobs.
    pub(super) fn new(hub: &HubName, target: &StorageTarget, partition: PartitionId) -> Self {
        let extension = match target.encoding {
            StorageEncoding::Json => ".json",
            StorageEncoding::Avro | StorageEncoding::AvroDeflate => ".avro",
        };
        FileNames::of(&target.file_name_format, extension, hub.as_str(), partition)
    }

    fn of(format: &str, extension: &'static str, hub: &str, partition: PartitionId) -> Self {
        let format = format.strip_suffix(extension).unwrap_or(format);
        // Stores take no names with nothing between two slashes.
        let parts: Vec<_> = format.split('/').filter(|part| !part.is_empty()).collect();
        let format = parts.join("/");
        FileNames {
            format: format
                .replace("{iothub}", hub)
                .replace("{partition}", &partition.to_string()),
            extension,
        }
    }

    /// The name of a blob that is begun now: the `nth`, from 0, of those that
    /// would have the same.
    pub(super) fn name(&self, now: Timestamp, nth: usize) -> String {
        let date = now.to_string();
        let part = |range| date.get(range).unwrap_or_default();
        let name = self
            .format
            .replace("{YYYY}", part(0..4))
            .replace("{MM}", part(5..7))
            .replace("{DD}", part(8..10))
            .replace("{HH}", part(11..13))
            .replace("{mm}", part(14..16));
        match nth {
            0 => format!("{name}{}", self.extension),
            _ => format!("{name}-{nth}{}", self.extension),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(format: &str, nth: usize) -> String {
        let now = Timestamp::parse("2026-03-07T21:05:59Z").unwrap();
        FileNames::of(format, ".avro", "plant", PartitionId(3)).name(now, nth)
    }

    #[test]
    fn every_token_stands_for_something() {
        assert_eq!(
            name("{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", 0),
            "plant/3/2026/03/07/21/05.avro"
        );
        assert_eq!(
            name("raw/{mm}-{HH}_{DD}{MM}{YYYY}.{partition}.{iothub}", 0),
            "raw/05-21_07032026.3.plant.avro"
        );
    }

    #[test]
    fn more_blobs_of_one_minute_are_counted() {
        assert_eq!(name("{iothub}/{mm}", 1), "plant/05-1.avro");
        assert_eq!(name("{iothub}/{mm}", 12), "plant/05-12.avro");
    }

    #[test]
    fn a_name_has_one_extension_and_no_empty_parts() {
        assert_eq!(name("/{iothub}//{mm}.avro", 1), "plant/05-1.avro");
    }
}
