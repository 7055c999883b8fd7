//! Options of librdkafka that `[kafka.librdkafka]` may not set.
//!
//! Invariants: every option that an exactly-once run depends on is listed here
//! under all of its names; so is every option that holds a secret, so that the
//! options that are passed through can be shown.

/// What to do instead of passing an option through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    /// Set this key.
    Set(&'static str),
    /// Leave it to the runtime, for this reason.
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

/// What to do instead, and the options that it is about, separated by spaces.
const OWNED: &[(Instead, &str)] = &[
    (Set("kafka.brokers"), "bootstrap.servers metadata.broker.list"),
    (Set("kafka.instance"), "client.id group.instance.id"),
    (Set("kafka.group"), "group.id"),
    (
        PARTITIONS,
        "group.protocol.type group.remote.assignor partition.assignment.strategy partitioner",
    ),
    (Set("kafka.group_protocol"), "group.protocol"),
    (Set("kafka.start"), "auto.offset.reset"),
    (Set("kafka.session_timeout"), "session.timeout.ms heartbeat.interval.ms"),
    (
        Set("kafka.transaction_timeout"),
        "transaction.timeout.ms message.timeout.ms delivery.timeout.ms",
    ),
    (Set("kafka.group, kafka.instance and kafka.delivery"), "transactional.id"),
    (Set("kafka.delivery"), "isolation.level enable.idempotence"),
    (
        ORDER,
        "enable.gapless.guarantee acks request.required.acks max.in.flight \
         max.in.flight.requests.per.connection retries message.send.max.retries \
         delivery.report.only.error",
    ),
    (
        OFFSETS,
        "enable.auto.commit auto.commit.enable enable.auto.offset.store offset.store.method \
         offset.store.path offset.store.sync.interval.ms",
    ),
    (Set("kafka.commit_interval"), "auto.commit.interval.ms"),
    (
        Nothing("a worker needs the ends of partitions to know that it has caught up"),
        "enable.partition.eof statistics.interval.ms",
    ),
    (Set("topics.create"), "allow.auto.create.topics"),
    (Set("kafka.security.protocol"), "security.protocol"),
    (Set("kafka.security.ca_file"), "ssl.ca.location ssl.ca.pem https.ca.location"),
    (
        KEY,
        "ssl.certificate.location ssl.certificate.pem ssl.key.location ssl.key.pem \
         ssl.keystore.location ssl.keystore.password",
    ),
    (Set("kafka.security.key_password or key_password_file"), "ssl.key.password"),
    (
        LOGIN,
        "sasl.mechanism sasl.mechanisms sasl.username sasl.password sasl.oauthbearer.config \
         sasl.oauthbearer.method sasl.oauthbearer.client.id \
         sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.secret \
         sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.token.endpoint.url \
         sasl.oauthbearer.scope enable.sasl.oauthbearer.unsecure.jwt \
         sasl.oauthbearer.assertion.private.key.pem \
         sasl.oauthbearer.assertion.private.key.passphrase",
    ),
    (
        CODE,
        "sasl.kerberos.kinit.cmd plugin.library.paths ssl.engine.location ssl.providers opaque \
         interceptors default_topic_conf",
    ),
];

/// Why `option` may not be set, and what to do; `None` if it may.
pub(super) fn refusal(option: &str) -> Option<String> {
    let is_listed = |options: &str| options.split(' ').any(|listed| listed == option);
    let listed = OWNED.iter().find(|(_, options)| is_listed(options)).map(|(instead, _)| *instead);
    // librdkafka may get new options: a name that suggests a secret or a call is refused.
    let secret = ["password", "passphrase", "secret", ".pem"];
    let instead = match listed {
        Some(instead) => instead,
        None if secret.iter().any(|word| option.contains(word)) => {
            Nothing("only the keys of kafka.security take secrets")
        }
        None if option.ends_with("_cb") || option.starts_with("ssl_") => CODE,
        None => return None,
    };
    Some(match instead {
        Set(setting) => format!("it cannot be passed through; set {setting} instead"),
        Nothing(reason) => format!("it cannot be set: {reason}; remove it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_listed_twice_and_tuning_is_left_to_the_operator() {
        let owned: Vec<_> = OWNED.iter().flat_map(|(_, options)| options.split(' ')).collect();
        for (at, name) in owned.iter().enumerate() {
            assert!(!owned[..at].contains(name), "{name}");
            assert!(refusal(name).is_some());
        }
        assert!(owned.len() > 60, "{owned:?}");
        for free in ["linger.ms", "fetch.min.bytes", "client.rack", "debug"] {
            assert_eq!(refusal(free), None, "{free}");
        }
        assert!(refusal("https.ca.pem").is_some());
        assert!(refusal("rebalance_cb").is_some());
        assert_eq!(
            refusal("group.id").unwrap(),
            "it cannot be passed through; set kafka.group instead"
        );
    }
}
