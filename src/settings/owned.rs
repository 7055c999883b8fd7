//! Options of librdkafka that a configuration may not set by themselves.
//!
//! Invariants: whatever an exactly-once run depends on is here, aliases
//! included; so is every option that holds a secret, so that what is passed
//! through may be shown.

/// What to do instead of setting an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    /// A typed setting says it.
    Set(&'static str),
    /// The runtime sets it, for this reason.
    Nothing(&'static str),
}

use Instead::{Nothing, Set};

const OFFSETS: Instead = Nothing("offsets are committed together with results");
const PARTITIONS: Instead =
    Nothing("events, windows and state of a credential must meet in the same worker");
const ORDER: Instead = Nothing("results must be written once and in order");
const CODE: Instead = Nothing("a configuration may not load or call code");
const LOGIN: Instead = Set("kafka.security.sasl");
const KEY: Instead = Set("kafka.security.certificate_file and key_file");

/// Options and what to do instead.
const OWNED: &[(&str, Instead)] = &[
    ("bootstrap.servers", Set("kafka.brokers")),
    ("metadata.broker.list", Set("kafka.brokers")),
    ("client.id", Set("kafka.instance")),
    ("group.id", Set("kafka.group")),
    ("group.instance.id", Set("kafka.instance")),
    ("group.protocol", PARTITIONS),
    ("group.protocol.type", PARTITIONS),
    ("group.remote.assignor", PARTITIONS),
    ("partition.assignment.strategy", PARTITIONS),
    ("partitioner", PARTITIONS),
    ("auto.offset.reset", Set("kafka.start")),
    ("session.timeout.ms", Set("kafka.session_timeout")),
    ("heartbeat.interval.ms", Set("kafka.session_timeout")),
    ("transaction.timeout.ms", Set("kafka.transaction_timeout")),
    ("message.timeout.ms", Set("kafka.transaction_timeout")),
    ("delivery.timeout.ms", Set("kafka.transaction_timeout")),
    ("transactional.id", Set("kafka.group, kafka.instance and kafka.delivery")),
    ("isolation.level", Set("kafka.delivery")),
    ("enable.idempotence", Set("kafka.delivery")),
    ("enable.gapless.guarantee", ORDER),
    ("acks", ORDER),
    ("request.required.acks", ORDER),
    ("max.in.flight", ORDER),
    ("max.in.flight.requests.per.connection", ORDER),
    ("retries", ORDER),
    ("message.send.max.retries", ORDER),
    ("delivery.report.only.error", ORDER),
    ("enable.auto.commit", OFFSETS),
    ("auto.commit.enable", OFFSETS),
    ("auto.commit.interval.ms", Set("kafka.commit_interval")),
    ("enable.auto.offset.store", OFFSETS),
    ("offset.store.method", OFFSETS),
    ("offset.store.path", OFFSETS),
    ("offset.store.sync.interval.ms", OFFSETS),
    ("enable.partition.eof", Nothing("the ends of partitions tell when a worker has caught up")),
    ("allow.auto.create.topics", Set("topics.create")),
    ("security.protocol", Set("kafka.security.protocol")),
    ("ssl.ca.location", Set("kafka.security.ca_file")),
    ("ssl.ca.pem", Set("kafka.security.ca_file")),
    ("ssl.certificate.location", KEY),
    ("ssl.certificate.pem", KEY),
    ("ssl.key.location", KEY),
    ("ssl.key.pem", KEY),
    ("ssl.key.password", Set("kafka.security.key_password or key_password_file")),
    ("ssl.keystore.location", KEY),
    ("ssl.keystore.password", KEY),
    ("sasl.mechanism", LOGIN),
    ("sasl.mechanisms", LOGIN),
    ("sasl.username", LOGIN),
    ("sasl.password", LOGIN),
    ("sasl.oauthbearer.config", LOGIN),
    ("sasl.oauthbearer.method", LOGIN),
    ("sasl.oauthbearer.client.id", LOGIN),
    ("sasl.oauthbearer.client.credentials.client.id", LOGIN),
    ("sasl.oauthbearer.client.secret", LOGIN),
    ("sasl.oauthbearer.client.credentials.client.secret", LOGIN),
    ("sasl.oauthbearer.token.endpoint.url", LOGIN),
    ("sasl.oauthbearer.scope", LOGIN),
    ("enable.sasl.oauthbearer.unsecure.jwt", LOGIN),
    ("https.ca.location", Set("kafka.security.ca_file")),
    ("sasl.oauthbearer.assertion.private.key.pem", LOGIN),
    ("sasl.oauthbearer.assertion.private.key.passphrase", LOGIN),
    ("sasl.kerberos.kinit.cmd", CODE),
    ("plugin.library.paths", CODE),
    ("ssl.engine.location", CODE),
    ("ssl.providers", CODE),
    ("opaque", CODE),
    ("interceptors", CODE),
    ("default_topic_conf", CODE),
];

/// Why `option` may not be set, and what to do; `None` if it may.
pub(super) fn refusal(option: &str) -> Option<String> {
    let listed = OWNED.iter().find(|(name, _)| *name == option).map(|(_, instead)| *instead);
    // librdkafka's own options may grow; what sounds like a secret or a call is one.
    let secret = ["password", "passphrase", "secret", ".pem"];
    let instead = match listed {
        Some(instead) => instead,
        None if secret.iter().any(|word| option.contains(word)) => {
            Nothing("secrets are only taken by the typed settings of kafka.security")
        }
        None if option.ends_with("_cb") || option.starts_with("ssl_") => CODE,
        None => return None,
    };
    Some(match instead {
        Set(setting) => format!("may not be passed through; set {setting} instead"),
        Nothing(reason) => format!("may not be set: {reason}; remove it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_listed_twice_and_tuning_is_left_to_the_operator() {
        for (at, (name, _)) in OWNED.iter().enumerate() {
            assert!(OWNED[..at].iter().all(|(other, _)| other != name), "{name}");
            assert!(refusal(name).is_some());
        }
        for free in ["linger.ms", "fetch.min.bytes", "client.rack", "debug"] {
            assert_eq!(refusal(free), None, "{free}");
        }
        assert!(refusal("https.ca.pem").is_some());
        assert!(refusal("rebalance_cb").is_some());
        assert_eq!(
            refusal("group.id").unwrap(),
            "may not be passed through; set kafka.group instead"
        );
    }
}
