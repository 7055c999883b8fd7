//! What can go wrong with Kafka, and what is to be done about it.
//!
//! Invariants: every message says what failed and what to do; an error that no
//! waiting mends ends the process, any other ends only what one worker was at.

use std::fmt;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::runtime::stages::Fault;

impl Fault {
    /// Sorts librdkafka's error by whether waiting may mend it.
    pub(crate) fn of(doing: &str, error: &KafkaError) -> Fault {
        Fault::of_code(doing, error.rdkafka_error_code(), error)
    }

    /// As [`Fault::of`], where code and words come apart.
    pub(crate) fn of_code(
        doing: &str,
        code: Option<RDKafkaErrorCode>,
        words: &dyn fmt::Display,
    ) -> Fault {
        match code.and_then(advice) {
            // librdkafka says so as well when a connection is lost on the way to being one.
            Some(advice)
                if matches!(
                    code,
                    Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)
                ) =>
            {
                Fault::Doubtful(format!("{doing}: {words}; {advice}"))
            }
            Some(advice) => Fault::Lasting(format!("{doing}: {words}; {advice}")),
            None if code.is_some_and(is_fenced) => Fault::Passing(format!(
                "{doing}: {words}; somebody else goes on in this place: after a pause that is as \
                 it should be, otherwise see that no two processes have the same [kafka] instance"
            )),
            None => Fault::Passing(format!("{doing}: {words}")),
        }
    }
}

/// Whether another member or producer has taken this one's place.
fn is_fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Fenced | Code::ProducerFenced | Code::FencedInstanceId | Code::InvalidProducerEpoch
    )
}

/// What to do about an error that lasts; `None` for one that may pass.
pub(crate) fn advice(code: RDKafkaErrorCode) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;
    Some(match code {
        Code::TopicAuthorizationFailed => {
            "allow this user to read and write the topic (ACLs Read, Write, Describe)"
        }
        Code::GroupAuthorizationFailed => "allow this user the consumer group (ACL Read on Group)",
        Code::TransactionalIdAuthorizationFailed => {
            "allow this user the transactional id (ACLs Write, Describe on TransactionalId)"
        }
        Code::ClusterAuthorizationFailed => {
            "allow this user to act on the cluster (ACL IdempotentWrite or Create on Cluster)"
        }
        Code::SaslAuthenticationFailed | Code::Authentication => {
            "check [kafka.security.sasl]: mechanism, name and password, or what the broker asks of \
             tokens"
        }
        Code::UnsupportedSASLMechanism => {
            "choose a mechanism in [kafka.security] that the broker offers"
        }
        Code::SSL => "check [kafka.security] ca_file and the broker's certificate",
        Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::NoOffset => {
            "records were deleted before they were read; move the group's offsets on \
             purpose, for example with kafka-consumer-groups --reset-offsets --to-earliest"
        }
        Code::MessageSizeTooLarge => {
            "a record is larger than is allowed: lower [windows] credential_bytes, or raise \
             max.message.bytes of the topic"
        }
        Code::InvalidTransactionTimeout => {
            "lower [kafka] transaction_timeout below the broker's transaction.max.timeout.ms"
        }
        Code::InvalidSessionTimeout => {
            "choose a [kafka] session_timeout between the broker's group.min.session.timeout.ms \
             and group.max.session.timeout.ms"
        }
        Code::UnsupportedVersion | Code::UnsupportedFeature => {
            "use Apache Kafka 2.5 or later, and 4.0 or later with [kafka] group_protocol = \
             \"consumer\""
        }
        _ => return None,
    })
}

/// Why a client could not be made, in the words of the settings.
pub(super) fn starting(what: &str, error: &KafkaError) -> Fault {
    const FILES: &[(&str, &str)] = &[
        ("ssl.ca.location", "ca_file"),
        ("ssl.certificate.location", "certificate_file"),
        ("ssl.key.location", "key_file"),
    ];
    let words = error.to_string();
    let file = FILES.iter().find(|(option, _)| words.contains(option));
    let advice = file.map(|(_, setting)| format!("; check [kafka.security] {setting}"));
    Fault::Lasting(format!("starting {what}: {words}{}", advice.unwrap_or_default()))
}

/// The error as one that waiting does not mend.
pub(super) fn lasting(doing: &str, error: &KafkaError) -> Fault {
    match Fault::of(doing, error) {
        Fault::Passing(why) | Fault::Doubtful(why) | Fault::Lasting(why) => Fault::Lasting(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lost_connection_also_looks_like_is_doubtful_until_the_broker_says_so() {
        let of = |code| Fault::of_code("reading", Some(code), &"words");
        let lost = of(RDKafkaErrorCode::Authentication);
        assert!(matches!(lost, Fault::Doubtful(why) if why.contains("[kafka.security.sasl]")));
        let handshake = of(RDKafkaErrorCode::SSL);
        assert!(matches!(handshake, Fault::Doubtful(why) if why.contains("ca_file")));
        let refused = of(RDKafkaErrorCode::SaslAuthenticationFailed);
        assert!(matches!(refused, Fault::Lasting(_)));
        assert!(matches!(of(RDKafkaErrorCode::BrokerTransportFailure), Fault::Passing(_)));
    }
}
