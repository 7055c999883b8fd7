//! Checks of what is asked of Kafka: times, names, options.

use super::Check;
use crate::settings::file::{KafkaTable, TopicsTable};
use crate::settings::owned;
use crate::settings::value::{SpanText, Word};
use crate::settings::{Kafka, Topics};
use crate::time::Span;

/// The broker's limit on a topic's name.
const TOPIC_NAME_MAX: usize = 249;
/// Names of ours are parts of ids that the broker keeps.
const NAME_MAX: usize = 128;
/// As long as librdkafka lets a consumer be silent between two polls.
const SESSION_MAX: Span = Span::from_mins(5);
/// What librdkafka takes at least.
const TRANSACTION_MIN: Span = Span::from_secs(1);
/// A run that waits longer than this to begin or to end has failed.
const WAIT_MAX: Span = Span::from_mins(60);

impl Check<'_> {
    pub(super) fn kafka(&mut self, table: &KafkaTable) -> Kafka {
        let default = Kafka::default();
        let kafka = Kafka {
            brokers: self.brokers(table.brokers.as_deref()),
            group: table.group.clone().unwrap_or(default.group),
            instance: table.instance.clone(),
            start: table.start.map_or(default.start, |Word(start)| start),
            delivery: table.delivery.map_or(default.delivery, |Word(delivery)| delivery),
            commit_interval: self.kafka_span(
                "commit_interval",
                table.commit_interval,
                default.commit_interval,
            ),
            session_timeout: self.kafka_span(
                "session_timeout",
                table.session_timeout,
                default.session_timeout,
            ),
            transaction_timeout: self.kafka_span(
                "transaction_timeout",
                table.transaction_timeout,
                default.transaction_timeout,
            ),
            startup_timeout: self.kafka_span(
                "startup_timeout",
                table.startup_timeout,
                default.startup_timeout,
            ),
            shutdown_timeout: self.kafka_span(
                "shutdown_timeout",
                table.shutdown_timeout,
                default.shutdown_timeout,
            ),
            security: self.security(&table.security.clone().unwrap_or_default()),
            librdkafka: table.librdkafka.clone().unwrap_or_default().0,
        };
        self.name("group", &kafka.group);
        if let Some(instance) = &kafka.instance {
            self.name("instance", instance);
        }
        self.times(&kafka);
        for option in kafka.librdkafka.keys() {
            if let Some(why) = owned::refusal(option) {
                self.fault(&["kafka", "librdkafka", option], why);
            }
        }
        kafka
    }

    fn kafka_span(&mut self, name: &str, given: Option<SpanText>, default: Span) -> Span {
        self.positive(&["kafka", name], given, default)
    }

    fn times(&mut self, kafka: &Kafka) {
        let show = |span| SpanText(span).to_string();
        let half = Span::from_millis(kafka.transaction_timeout.as_millis() / 2);
        for (name, span, max) in [
            ("session_timeout", kafka.session_timeout, SESSION_MAX),
            ("startup_timeout", kafka.startup_timeout, WAIT_MAX),
            ("shutdown_timeout", kafka.shutdown_timeout, WAIT_MAX),
        ] {
            if span > max {
                self.fault(&["kafka", name], format!("too long; set {} at most", show(max)));
            }
        }
        if kafka.transaction_timeout >= kafka.session_timeout {
            self.fault(
                &["kafka", "transaction_timeout"],
                format!(
                    "must be shorter than kafka.session_timeout ({}), so that whoever takes over \
                     never waits for a transaction left open; lower it or raise the other",
                    show(kafka.session_timeout)
                ),
            );
        }
        if kafka.transaction_timeout < TRANSACTION_MIN {
            let least = show(TRANSACTION_MIN);
            self.fault(&["kafka", "transaction_timeout"], format!("too short; {least} is least"));
        }
        if kafka.commit_interval >= half {
            self.fault(
                &["kafka", "commit_interval"],
                format!(
                    "must be shorter than half of kafka.transaction_timeout ({}), or transactions \
                     time out before they are committed; lower it or raise the other",
                    show(half)
                ),
            );
        }
    }

    fn brokers(&mut self, given: Option<&str>) -> String {
        const KEY: &[&str] = &["kafka", "brokers"];
        let brokers = given.unwrap_or_default();
        if brokers.is_empty() {
            self.fault(KEY, "no broker; set it to host:port, several with commas between them");
        } else if !brokers.split(',').all(is_broker) {
            self.fault(
                KEY,
                "not a list of brokers; write host:port, several with commas between them, nothing \
                 else: no scheme, no login, no spaces",
            );
        }
        brokers.to_owned()
    }

    fn name(&mut self, what: &str, name: &str) {
        let fine = (1..=NAME_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !fine {
            self.fault(
                &["kafka", what],
                format!("write 1 to {NAME_MAX} of the characters a-z, A-Z, 0-9, `.`, `_` and `-`"),
            );
        }
    }

    pub(super) fn topics(&mut self, table: &TopicsTable) -> Topics {
        let default = Topics::default();
        let topics = Topics {
            prefix: table.prefix.clone().unwrap_or(default.prefix),
            create: table.create.unwrap_or(default.create),
            partitions: self.whole(
                &["topics", "partitions"],
                table.partitions,
                default.partitions,
                1..=100_000,
            ),
            replication_factor: match table.replication_factor {
                Some(number) if number.0 == -1 => -1,
                given => self.whole(
                    &["topics", "replication_factor"],
                    given,
                    default.replication_factor,
                    1..=i64::from(i16::MAX),
                ),
            },
        };
        if topics.prefix.is_empty() {
            self.fault(&["topics", "prefix"], "empty; give the topics a name to begin with");
        } else if let Some((_, longest)) = topics.all().max_by_key(|(_, name)| name.len()) {
            self.topic_name(&["topics", "prefix"], &longest);
        }
        topics
    }

    pub(super) fn topic_name(&mut self, key: &[&str], name: &str) {
        let fine = (1..=TOPIC_NAME_MAX).contains(&name.len())
            && ![".", ".."].contains(&name)
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !fine {
            self.fault(
                key,
                format!(
                    "no name for a topic; Kafka takes a-z, A-Z, 0-9, `.`, `_` and `-`, at most \
                     {TOPIC_NAME_MAX} of them, and neither `.` nor `..` alone"
                ),
            );
        }
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn is_broker(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                match port.strip_prefix(':') {
                    Some(port) => (address, Some(port)),
                    None if port.is_empty() => (address, None),
                    None => return false,
                }
            }
            _ => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host_fine = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    host_fine && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::is_broker;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for broker in
            ["a:1", "kafka-1.example.org:9092", "kafka", "10.0.0.1:9092", "[::1]:9092", "[::1]"]
        {
            assert!(is_broker(broker), "{broker}");
        }
        for other in [
            "",
            ":1",
            "a:",
            "a:0",
            "a:65536",
            "a b:1",
            "ssl://a:1",
            "u:p@a:1",
            "[::1",
            "[x]:1",
            "[::1]1",
        ] {
            assert!(!is_broker(other), "{other}");
        }
    }
}
