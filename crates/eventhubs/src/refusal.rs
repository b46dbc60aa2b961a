//! Why a link of the Event Hubs side is refused or ended, and what its peer is
//! told.

use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_server::HubError;
use twinhub_amqp_server::errors::codes;
use twinhub_core::access::Refused;
use twinhub_core::ports::LogError;

use crate::beginning::UnknownFilter;
use crate::conditions::{ARGUMENT_ERROR, ARGUMENT_OUT_OF_RANGE};
use crate::places::{NoPlace, ReaderName};

/// Why a link is refused or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such entity, group or partition.
    // Clients for Node and .NET know it by these words.
    #[error("The messaging entity '{0}' could not be found.")]
    NotFound(String),
    /// The peer has shown nothing that opens this, or it counts no more.
    #[error("{0}")]
    Unauthorized(#[from] Refused),
    /// The hub itself is the only one that sends here.
    #[error("events come from devices: no client may send to '{0}'")]
    Producer(String),
    /// The filter can't be understood.
    #[error("{0}")]
    Filter(#[from] UnknownFilter),
    /// The epoch is none.
    #[error("the epoch must be a whole number from 0")]
    Epoch,
    /// Such an event was never there: the position is of another hub, or of a
    /// log that was replaced.
    #[error(
        "the supplied {what} '{asked}' is invalid: the last one of the partition is '{last}'; \
         begin elsewhere, or delete the checkpoint it came from"
    )]
    BeyondEnd {
        what: &'static str,
        asked: u64,
        last: String,
    },
    /// Others are there.
    #[error("{0}")]
    NoPlace(#[from] NoPlace),
    /// Another reader took the place.
    #[error(
        "reader {by} was opened for the same partition and consumer group, \
         hence reader {ousted} is disconnected"
    )]
    Ousted { ousted: ReaderName, by: ReaderName },
    /// The log could not be read.
    #[error("{0}")]
    Log(#[from] LogError),
    /// Questions come faster than their answers are taken.
    #[error("too many answers wait for a receiver that takes them")]
    TooManyAnswers,
}

impl From<&Refusal> for HubError {
    fn from(refusal: &Refusal) -> Self {
        let (condition, code) = match refusal {
            Refusal::NotFound(_) => (condition::NOT_FOUND, codes::GENERIC_NOT_FOUND),
            Refusal::Unauthorized(refused) => return refused.into(),
            Refusal::Producer(_) => (condition::UNAUTHORIZED_ACCESS, codes::UNAUTHORIZED_ACCESS),
            Refusal::Filter(_) | Refusal::Epoch => (ARGUMENT_ERROR, codes::ARGUMENT_INVALID),
            Refusal::BeyondEnd { .. } => (ARGUMENT_OUT_OF_RANGE, codes::ARGUMENT_INVALID),
            Refusal::NoPlace(NoPlace::Outranked { .. }) | Refusal::Ousted { .. } => {
                (condition::STOLEN, codes::ARGUMENT_INVALID)
            }
            Refusal::NoPlace(NoPlace::Full) | Refusal::TooManyAnswers => {
                (condition::RESOURCE_LIMIT_EXCEEDED, codes::ARGUMENT_INVALID)
            }
            // The hub is stopping: come again.
            Refusal::Log(LogError::Closed) => (condition::DETACH_FORCED, codes::SERVER_ERROR),
            Refusal::Log(LogError::Full | LogError::Damaged { .. } | LogError::Failed(_)) => {
                (condition::INTERNAL_ERROR, codes::SERVER_ERROR)
            }
        };
        HubError::new(condition, code, refusal.message())
    }
}

impl Refusal {
    /// What the peer is told. Where files lie is for the operator alone.
    fn message(&self) -> String {
        match self {
            Refusal::Log(LogError::Damaged {
                partition,
                sequence_number,
                ..
            }) => format!(
                "event {sequence_number} of partition {partition} is damaged and can't be read; \
                 readers may begin behind it"
            ),
            Refusal::Log(LogError::Failed(_)) => "the event log could not be read".to_owned(),
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::events::PartitionId;

    use super::*;

    fn told(refusal: &Refusal) -> (String, String) {
        let error = HubError::from(refusal);
        (error.condition.to_string(), error.message)
    }

    #[test]
    fn what_is_not_there_is_told_in_the_words_that_clients_look_for() {
        let (condition, message) = told(&Refusal::NotFound("sb://h/plant".to_owned()));

        assert_eq!(condition, "amqp:not-found");
        assert_eq!(
            message,
            "The messaging entity 'sb://h/plant' could not be found."
        );
    }

    #[test]
    fn a_damaged_event_is_named_and_its_file_is_not() {
        let (condition, message) = told(&Refusal::Log(LogError::Damaged {
            partition: PartitionId(3),
            sequence_number: 12,
            detail: "/var/lib/twinhub/0.log at byte 7".to_owned(),
        }));

        assert_eq!(condition, "amqp:internal-error");
        assert!(message.contains("event 12 of partition 3"), "{message}");
        assert!(!message.contains("/var"), "{message}");
    }

    #[test]
    fn each_way_to_be_refused_has_its_condition() {
        let name = |epoch| ReaderName {
            name: "r".to_owned(),
            epoch,
        };
        for (refusal, expected) in [
            (
                Refusal::Unauthorized(Refused::Expired),
                "amqp:unauthorized-access",
            ),
            (
                Refusal::Producer("plant".to_owned()),
                "amqp:unauthorized-access",
            ),
            (Refusal::Epoch, "com.microsoft:argument-error"),
            (
                Refusal::BeyondEnd {
                    what: "offset",
                    asked: 7,
                    last: "3".to_owned(),
                },
                "com.microsoft:argument-out-of-range",
            ),
            (
                Refusal::NoPlace(NoPlace::Full),
                "amqp:resource-limit-exceeded",
            ),
            (
                Refusal::Ousted {
                    ousted: name(Some(1)),
                    by: name(Some(2)),
                },
                "amqp:link:stolen",
            ),
            (Refusal::Log(LogError::Closed), "amqp:link:detach-forced"),
        ] {
            assert_eq!(told(&refusal).0, expected, "{refusal}");
        }
    }
}
