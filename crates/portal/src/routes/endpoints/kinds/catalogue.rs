//! All kinds of endpoints, and what is set of each.

use super::{Input, Kind, Setting};

const fn setting(
    name: &'static str,
    label: &'static str,
    input: Input,
    hint: &'static str,
) -> Setting {
    Setting {
        name,
        label,
        hint,
        input,
        is_needed: false,
        initial: "",
    }
}

impl Setting {
    const fn needed(self) -> Self {
        Setting {
            is_needed: true,
            ..self
        }
    }

    const fn initially(self, initial: &'static str) -> Self {
        Setting { initial, ..self }
    }
}

const BUS_CONNECTION: Setting = setting(
    "connectionString",
    "Connection string",
    Input::Secret,
    "Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY",
)
.needed();

/// All kinds, in the order in which they are offered.
pub static KINDS: [Kind; 7] = [
    Kind {
        list: "storageContainers",
        title: "Storage container",
        about: "Blobs of Avro or JSON lines, in a storage account or a folder of the hub's machine.",
        settings: &[
            setting(
                "connectionString",
                "Connection string",
                Input::Secret,
                "A storage account's, or the https:// address of a container with its signature, \
                 or file:/// and a folder of the hub's machine",
            )
            .needed(),
            setting(
                "containerName",
                "Container",
                Input::Text,
                "3 to 63 lower-case letters, digits and hyphens; may be empty with an address",
            ),
            setting(
                "encoding",
                "Encoding",
                Input::FirstChoice(&["Avro", "AvroDeflate", "JSON"]),
                "It can't be changed later",
            )
            .initially("JSON"),
            setting(
                "fileNameFormat",
                "Blob name format",
                Input::Text,
                "Holds each of {iothub} {partition} {YYYY} {MM} {DD} {HH} {mm}",
            )
            .initially("{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}"),
            setting(
                "batchFrequencyInSeconds",
                "Batch frequency (seconds)",
                Input::Number,
                "60 to 720: how long a blob collects events",
            )
            .initially("300"),
            setting(
                "maxChunkSizeInBytes",
                "Chunk size (bytes)",
                Input::Number,
                "10485760 to 524288000: how large a blob grows",
            )
            .initially("314572800"),
        ],
    },
    Kind {
        list: "serviceBusQueues",
        title: "Service Bus queue",
        about: "A queue of Azure Service Bus, or of its emulator.",
        settings: &[
            BUS_CONNECTION,
            setting(
                "entityPath",
                "Queue",
                Input::Text,
                "May be empty if the connection string has an EntityPath",
            ),
        ],
    },
    Kind {
        list: "serviceBusTopics",
        title: "Service Bus topic",
        about: "A topic of Azure Service Bus, or of its emulator.",
        settings: &[
            BUS_CONNECTION,
            setting(
                "entityPath",
                "Topic",
                Input::Text,
                "May be empty if the connection string has an EntityPath",
            ),
        ],
    },
    Kind {
        list: "eventHubs",
        title: "Event hub",
        about: "An event hub of Azure, or anything that speaks its protocol.",
        settings: &[
            BUS_CONNECTION,
            setting(
                "entityPath",
                "Event hub",
                Input::Text,
                "May be empty if the connection string has an EntityPath",
            ),
        ],
    },
    Kind {
        list: "webhooks",
        title: "Webhook",
        about: "Somebody who takes CloudEvents or Event Grid's events by HTTPS.",
        settings: &[
            setting(
                "url",
                "URL",
                Input::Secret,
                "https://, or http:// on this machine; it must agree to be sent events",
            )
            .needed(),
            setting(
                "schema",
                "Schema",
                Input::Choice(&["cloudEvents", "eventGrid"]),
                "How events are written and how the receiver is asked",
            )
            .initially("cloudEvents"),
            setting(
                "headers",
                "Headers",
                Input::Headers,
                "Name: value, one a line, sent with each request; **** stands for the stored value",
            ),
        ],
    },
    Kind {
        list: "natsSubjects",
        title: "NATS subject",
        about: "A subject of NATS, with JetStream or without.",
        settings: &[
            setting(
                "servers",
                "Servers",
                Input::Secret,
                "nats:// or tls:// addresses with commas between them; user and password may \
                 stand in them",
            )
            .needed(),
            setting(
                "subject",
                "Subject",
                Input::Text,
                "{iothub}, {deviceid} and {moduleid} may stand in it",
            )
            .needed()
            .initially("{iothub}.{deviceid}"),
            setting(
                "jetStream",
                "JetStream: an event is delivered when a stream has acknowledged it",
                Input::Box,
                "",
            ),
        ],
    },
    Kind {
        list: "amqpQueues",
        title: "AMQP queue",
        about: "An address of any broker that speaks AMQP 1.0, such as RabbitMQ or Artemis.",
        settings: &[
            setting(
                "connectionString",
                "Connection string",
                Input::Secret,
                "amqps://USER:PASSWORD@HOST or amqp://HOST",
            )
            .needed(),
            setting(
                "address",
                "Address",
                Input::Text,
                "What the broker calls the queue, such as orders or /queues/orders",
            )
            .needed(),
        ],
    },
];
