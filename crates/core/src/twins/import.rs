//! Twins as another hub, or this one at another time, has written them down.

use serde_json::{Map, Value};

use super::metadata::Metadata;
use super::rules::{InvalidProperties, Place};
use super::section::Section;
use super::{Twin, TwinPatch};
use crate::time::Timestamp;

/// The parts of a twin that are given; each overwrites what is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportedTwin {
    /// Tags.
    pub tags: Option<Map<String, Value>>,
    /// Desired properties.
    pub desired: Option<ImportedSection>,
    /// Reported properties.
    pub reported: Option<ImportedSection>,
}

/// Properties, and when they were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportedSection {
    /// The properties, without `$metadata` and `$version`.
    pub properties: Map<String, Value>,
    /// When each was written, where that is given; the others are written now.
    pub written: WrittenTimes,
}

/// When properties were written: a tree like theirs, with holes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrittenTimes(Map<String, Value>);

impl ImportedSection {
    /// From the form in which clients read a section.
    pub fn from_json(mut section: Map<String, Value>) -> Self {
        let written = match section.remove("$metadata") {
            Some(Value::Object(metadata)) => WrittenTimes(metadata),
            _ => WrittenTimes::default(),
        };
        section.remove("$version");
        ImportedSection {
            properties: section,
            written,
        }
    }
}

impl ImportedTwin {
    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.tags.is_none() && self.desired.is_none() && self.reported.is_none()
    }
}

/// What a back end writes, which is written now.
impl From<TwinPatch> for ImportedTwin {
    fn from(patch: TwinPatch) -> Self {
        ImportedTwin {
            tags: patch.tags,
            desired: patch.desired.map(|properties| ImportedSection {
                properties,
                written: WrittenTimes::default(),
            }),
            reported: None,
        }
    }
}

impl Twin {
    /// Overwrites the parts that are given, and tells what of it devices see:
    /// all desired properties, if there were some. Nothing changes if a rule
    /// is broken. ETag, version and the sections' versions move as with any
    /// other write: the imported ones count another hub's writes.
    pub fn import(
        &mut self,
        from: &ImportedTwin,
        now: Timestamp,
    ) -> Result<Option<Value>, InvalidProperties> {
        let mut next = self.clone();
        if let Some(reported) = &from.reported {
            next.reported.import(reported, Place::Reported, now)?;
        }
        let seen = if from.tags.is_none() && from.desired.is_none() {
            None
        } else {
            next.write(|twin| {
                if let Some(tags) = &from.tags {
                    twin.replace_tags(tags)?;
                }
                let Some(desired) = &from.desired else {
                    return Ok(None);
                };
                twin.desired.import(desired, Place::Desired, now)?;
                Ok(Some(twin.desired.for_device()))
            })?
        };
        *self = next;
        Ok(seen)
    }
}

impl Section {
    /// As [`replace`](Self::replace): on an error it is left half-written.
    fn import(
        &mut self,
        from: &ImportedSection,
        place: Place,
        now: Timestamp,
    ) -> Result<(), InvalidProperties> {
        self.replace(&from.properties, place, now)?;
        take_times(&mut self.metadata, &from.written.0);
        Ok(())
    }
}

/// Puts given times where the tree has a place for them.
fn take_times(metadata: &mut Metadata, given: &Map<String, Value>) {
    let time = given.get("$lastUpdated").and_then(Value::as_str);
    if let Some(time) = time.and_then(Timestamp::parse) {
        metadata.last_updated = time;
    }
    for (key, child) in &mut metadata.children {
        if let Some(Value::Object(given)) = given.get(key) {
            take_times(child, given);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::DeviceId;

    const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

    fn twin() -> Twin {
        Twin::new(DeviceId::parse("pump-7").unwrap().into(), NOW)
    }

    fn section(json: Value) -> ImportedSection {
        match json {
            Value::Object(object) => ImportedSection::from_json(object),
            _ => panic!("not an object"),
        }
    }

    #[test]
    fn times_that_are_given_are_kept_and_the_others_are_now() {
        let mut twin = twin();
        let desired = section(json!({
            "speed": {"max": 3, "min": 1},
            "$version": 77,
            "$metadata": {
                "$lastUpdated": "2020-09-13T12:26:40Z", "$lastUpdatedVersion": 77,
                "speed": {"max": {"$lastUpdated": "2020-09-13T12:26:40Z"}},
                "gone": {"$lastUpdated": "2020-09-13T12:26:40Z"}
            }
        }));

        let from = ImportedTwin {
            desired: Some(desired),
            ..ImportedTwin::default()
        };
        twin.import(&from, NOW).unwrap();

        let then = Timestamp::parse("2020-09-13T12:26:40Z").unwrap();
        let speed = &twin.desired.metadata.children["speed"];
        assert_eq!(twin.desired.metadata.last_updated, then);
        assert_eq!(speed.last_updated, NOW);
        assert_eq!(speed.children["max"].last_updated, then);
        assert_eq!(speed.children["min"].last_updated, NOW);
        assert!(!twin.desired.metadata.children.contains_key("gone"));
    }

    #[test]
    fn versions_are_this_hubs_own() {
        let mut twin = twin();
        let desired = section(json!({
            "a": 1, "$version": 77,
            "$metadata": {"$lastUpdatedVersion": 77, "a": {"$lastUpdatedVersion": 76}}
        }));

        let from = ImportedTwin {
            desired: Some(desired),
            ..ImportedTwin::default()
        };
        twin.import(&from, NOW).unwrap();

        assert_eq!((twin.version, twin.desired.version), (2, 2));
        assert_eq!(
            twin.desired.metadata.children["a"].last_updated_version,
            Some(2)
        );
    }

    #[test]
    fn reported_properties_alone_move_neither_etag_nor_version() {
        let mut twin = twin();
        let from = ImportedTwin {
            reported: Some(section(json!({"on": true}))),
            ..ImportedTwin::default()
        };

        let seen = twin.import(&from, NOW).unwrap();

        assert_eq!(seen, None);
        assert_eq!((twin.etag, twin.version), (1, 1));
        assert_eq!(
            Value::Object(twin.reported.properties.clone()),
            json!({"on": true})
        );
    }

    #[test]
    fn a_part_that_is_absent_stays_and_a_part_that_is_given_replaces() {
        let mut twin = twin();
        let tags = json!({"site": "NO"}).as_object().cloned();
        let before = ImportedTwin {
            tags,
            desired: Some(section(json!({"old": 1}))),
            reported: None,
        };
        twin.import(&before, NOW).unwrap();

        let after = ImportedTwin {
            desired: Some(section(json!({"new": 1}))),
            ..ImportedTwin::default()
        };
        twin.import(&after, NOW).unwrap();

        assert_eq!(
            Value::Object(twin.desired.properties.clone()),
            json!({"new": 1})
        );
        assert_eq!(Value::Object(twin.tags.clone()), json!({"site": "NO"}));
    }

    #[test]
    fn a_broken_rule_in_one_part_changes_none() {
        let mut twin = twin();
        let before = twin.clone();
        let from = ImportedTwin {
            tags: json!({"bad.key": 1}).as_object().cloned(),
            desired: None,
            reported: Some(section(json!({"on": true}))),
        };

        assert!(twin.import(&from, NOW).is_err());
        assert_eq!(twin, before);
    }
}
