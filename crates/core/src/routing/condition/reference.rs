//! What names in a condition stand for.

use serde_json::Value as Json;

use crate::messages::SystemProperty;
use crate::twins::Twin;

/// A system property that conditions can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemName {
    /// One that senders may set.
    Sent(SystemProperty),
    /// When the hub took the message.
    EnqueuedTime,
    /// The device that sent it.
    DeviceId,
    /// The module that sent it.
    ModuleId,
    /// One that the hub does not know: no event has it.
    Unknown(Box<str>),
}

impl SystemName {
    /// Names as conditions spell them, or as readers of events see them; in
    /// any case.
    ///
    /// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-routing-query-syntax#system-properties>
    pub fn parse(name: &str) -> Self {
        let spelt = |known: &(&str, SystemName)| known.0.eq_ignore_ascii_case(name);
        if let Some((_, known)) = Self::spellings().into_iter().find(spelt) {
            return known;
        }
        let mut sent = SystemProperty::ALL.into_iter();
        let sent = sent.find(|property| property.name().eq_ignore_ascii_case(name));
        sent.map_or_else(|| SystemName::Unknown(name.into()), SystemName::Sent)
    }

    fn spellings() -> [(&'static str, SystemName); 17] {
        use SystemProperty as Sent;
        [
            ("contentType", SystemName::Sent(Sent::ContentType)),
            ("iothub-content-type", SystemName::Sent(Sent::ContentType)),
            ("contentEncoding", SystemName::Sent(Sent::ContentEncoding)),
            (
                "iothub-content-encoding",
                SystemName::Sent(Sent::ContentEncoding),
            ),
            ("messageId", SystemName::Sent(Sent::MessageId)),
            ("userId", SystemName::Sent(Sent::UserId)),
            ("correlationId", SystemName::Sent(Sent::CorrelationId)),
            ("creationTimeUtc", SystemName::Sent(Sent::CreationTime)),
            ("expiryTimeUtc", SystemName::Sent(Sent::AbsoluteExpiry)),
            ("outputName", SystemName::Sent(Sent::OutputName)),
            ("messageSchema", SystemName::Sent(Sent::Schema)),
            ("enqueuedTime", SystemName::EnqueuedTime),
            ("iothub-enqueuedtime", SystemName::EnqueuedTime),
            ("connectionDeviceId", SystemName::DeviceId),
            ("iothub-connection-device-id", SystemName::DeviceId),
            ("connectionModuleId", SystemName::ModuleId),
            ("iothub-connection-module-id", SystemName::ModuleId),
        ]
    }
}

/// A part of a twin that conditions can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwinSection {
    /// `$twin.tags`
    Tags,
    /// `$twin.properties.desired`
    Desired,
    /// `$twin.properties.reported`
    Reported,
}

impl TwinSection {
    /// The section of a twin.
    pub(in crate::routing) fn of(self, twin: &Twin) -> &serde_json::Map<String, Json> {
        match self {
            TwinSection::Tags => &twin.tags,
            TwinSection::Desired => &twin.desired.properties,
            TwinSection::Reported => &twin.reported.properties,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    /// The application property that goes before what the name means, if
    /// there is one.
    pub application: Option<Box<str>>,
    pub otherwise: Otherwise,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Otherwise {
    Nothing,
    System(SystemName),
    /// The body as a whole has no path, and no value.
    Body(Option<BodyPath>),
    Twin(TwinSection, Path),
}

impl Reference {
    pub(super) fn application(name: &str) -> Self {
        Reference {
            application: Some(name.into()),
            otherwise: Otherwise::Nothing,
        }
    }

    /// `name` is without its `$`. Or what is wrong with it.
    pub(super) fn system(name: &str, or_application: bool) -> Result<Self, String> {
        Ok(Reference {
            application: or_application.then(|| format!("${name}").into()),
            otherwise: Otherwise::parse(name)?,
        })
    }

    pub(super) fn is_of_body(&self) -> bool {
        matches!(self.otherwise, Otherwise::Body(_))
    }

    pub(super) fn is_of_twin(&self) -> bool {
        matches!(self.otherwise, Otherwise::Twin(..))
    }
}

impl Otherwise {
    fn parse(name: &str) -> Result<Self, String> {
        let (root, rest) = match name.find(['.', '[']) {
            Some(end) => name.split_at(end),
            None => (name, ""),
        };
        if root.eq_ignore_ascii_case("body") {
            let path = match rest.strip_prefix('.') {
                Some(path) => Some(BodyPath {
                    path: Path::parse(path)?,
                    slot: None,
                }),
                // The whole body, or an element of it, has no value.
                None if rest.is_empty() || index(rest).is_some() => None,
                None => return Err(wrong_path(rest)),
            };
            return Ok(Otherwise::Body(path));
        }
        if root.eq_ignore_ascii_case("twin") {
            return twin(rest).ok_or_else(|| {
                "of a twin, $twin.tags, $twin.properties.desired and $twin.properties.reported \
                 can be named, with a path below them"
                    .to_owned()
            })?;
        }
        if name.contains(['[', ']']) {
            return Err("the name of a system property has no brackets".to_owned());
        }
        Ok(Otherwise::System(SystemName::parse(name)))
    }
}

/// `None` if it is in none of the sections.
fn twin(rest: &str) -> Option<Result<Otherwise, String>> {
    const SECTIONS: [(&str, TwinSection); 3] = [
        (".tags.", TwinSection::Tags),
        (".properties.desired.", TwinSection::Desired),
        (".properties.reported.", TwinSection::Reported),
    ];
    let mut found = SECTIONS
        .into_iter()
        .filter_map(|(prefix, section)| Some((section, rest.strip_prefix(prefix)?)));
    let (section, path) = found.next()?;
    Some(Path::parse(path).map(|path| Otherwise::Twin(section, path)))
}

/// A part of the body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BodyPath {
    pub path: Path,
    /// Its place among the parts that are read of a body.
    pub slot: Option<usize>,
}

/// A part of a twin, as enrichments name it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::routing) struct TwinPath(TwinSection, Path);

impl TwinPath {
    /// `None` if the text names no part of a twin.
    pub(in crate::routing) fn parse(text: &str) -> Option<Self> {
        match Otherwise::parse(text.strip_prefix('$')?) {
            Ok(Otherwise::Twin(section, path)) => Some(TwinPath(section, path)),
            _ => None,
        }
    }

    /// What the twin has there.
    pub(in crate::routing) fn follow<'a>(&self, twin: &'a Twin) -> Option<&'a Json> {
        match self.1.follow(self.0.of(twin)) {
            Found::Value(value) => Some(value),
            Found::Absent | Found::Nowhere => None,
        }
    }
}

/// Where in a document something is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
struct Step {
    key: Box<str>,
    index: Option<usize>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found<'a> {
    /// A value.
    Value(&'a Json),
    /// An object lacks the key, or an array the element.
    Absent,
    /// It leads into something that has no parts.
    Nowhere,
}

impl Path {
    fn parse(text: &str) -> Result<Self, String> {
        let step = |text: &str| {
            let (key, rest) = match text.find('[') {
                Some(end) => text.split_at(end),
                None => (text, ""),
            };
            let index = match rest {
                "" => Some(None),
                rest => index(rest).map(Some),
            };
            let is_key = !key.is_empty() && !key.contains(']');
            index
                .filter(|_| is_key)
                .map(|index| Step {
                    key: key.into(),
                    index,
                })
                .ok_or_else(|| wrong_path(text))
        };
        text.split('.')
            .map(step)
            .collect::<Result<_, _>>()
            .map(Path)
    }

    /// Keys, and the elements that follow some of them.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        self.0.iter().map(|step| (&*step.key, step.index))
    }

    pub(super) fn follow<'a>(&self, root: &'a serde_json::Map<String, Json>) -> Found<'a> {
        let mut parts = Some(root);
        let mut found = Found::Nowhere;
        for step in &self.0 {
            let Some(object) = parts else {
                return Found::Nowhere;
            };
            let Some(mut value) = object.get(&*step.key) else {
                return Found::Absent;
            };
            if let Some(index) = step.index {
                let Json::Array(elements) = value else {
                    return Found::Nowhere;
                };
                match elements.get(index) {
                    Some(element) => value = element,
                    None => return Found::Absent,
                }
            }
            parts = value.as_object();
            found = Found::Value(value);
        }
        found
    }
}

/// The number of `[number]`.
fn index(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('[')?.strip_suffix(']')?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits)
}

fn wrong_path(text: &str) -> String {
    let shown: String = text.chars().take(64).collect();
    format!("'{shown}' is no part of a path: names are separated by '.', elements written name[0]")
}
