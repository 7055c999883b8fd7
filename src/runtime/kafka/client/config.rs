//! The configuration that all clients of librdkafka share, made from the settings.
//!
//! Invariants: a typed setting wins over a passed-through option; librdkafka knows every
//! key; no error quotes a value.

use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::settings::{Kafka, Protocol, Sasl, Secret};

/// The client id in the brokers' logs.
const CLIENT_ID: &str = "shutterlag";

/// Makes librdkafka search for the system's authorities where distributions keep them. The
/// built-in OpenSSL only knows the path it was built with, and would silently trust nobody.
const SYSTEM_AUTHORITIES: &str = "probe";

/// What consumers, producers and admin clients have in common: brokers, client id,
/// encryption, login, and the options that the operator passes through.
pub fn base(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (option, value) in &kafka.librdkafka {
        config.set(option, value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    config.set(
        "client.id",
        match &kafka.instance {
            Some(instance) => format!("{CLIENT_ID}-{instance}"),
            None => CLIENT_ID.to_owned(),
        },
    );
    let security = &kafka.security;
    config.set("security.protocol", security.protocol.as_str());
    let path = |path: &Path| path.display().to_string();
    if matches!(security.protocol, Protocol::Ssl | Protocol::SaslSsl) {
        let authorities = security.ca_file.as_deref().map(path);
        config.set("ssl.ca.location", authorities.unwrap_or_else(|| SYSTEM_AUTHORITIES.to_owned()));
    }
    set(&mut config, "ssl.certificate.location", security.certificate_file.as_deref().map(path));
    set(&mut config, "ssl.key.location", security.key_file.as_deref().map(path));
    set(&mut config, "ssl.key.password", security.key_password.as_ref().map(Secret::reveal));
    if let Some(sasl) = &security.sasl {
        login(&mut config, sasl);
    }
    config
}

/// What all producers that write our own topics have in common. `record_bytes` is the largest
/// record that they send. How long batches wait is for each to say.
pub(crate) fn producer(kafka: &Kafka, record_bytes: usize) -> ClientConfig {
    let mut config = base(kafka);
    config
        // All in-sync replicas acknowledge a record, and a record that is sent again is not
        // written twice.
        .set("enable.idempotence", "true")
        // The default of Java's producers, so that topics written by either align.
        .set("partitioner", "murmur2_random");
    unless_set(&mut config, "message.max.bytes", &record_bytes.max(RECORD_BYTES).to_string());
    unless_set(&mut config, "compression.type", "lz4");
    unless_set(&mut config, "queue.buffering.max.messages", "1000000");
    unless_set(&mut config, "queue.buffering.max.kbytes", "262144");
    config
}

/// What all transactional producers have in common: as [`producer`], with this transactional id.
pub(crate) fn transactional(kafka: &Kafka, record_bytes: usize, id: &str) -> ClientConfig {
    let mut config = producer(kafka, record_bytes);
    let timeout = kafka.transaction_timeout.as_millis().to_string();
    config
        .set("transactional.id", id)
        .set("transaction.timeout.ms", &timeout)
        // A request that is answered late must not reach into the next transaction: it times out
        // when the transaction does.
        .set("socket.timeout.ms", &timeout)
        .set("message.timeout.ms", &timeout);
    // After brokers were restarted, librdkafka 2.12.1 may wait for the coordinator of a group and
    // never ask for it again; `send_offsets_to_transaction` then does not return. It asks again
    // when a connection closes, so idle connections are closed.
    unless_set(&mut config, "connections.max.idle.ms", &timeout);
    config
}

/// librdkafka's own bound on a record.
const RECORD_BYTES: usize = 1_000_000;

/// Sets an option that the operator does not pass through.
pub(crate) fn unless_set(config: &mut ClientConfig, option: &str, value: &str) {
    if config.get(option).is_none() {
        config.set(option, value);
    }
}

/// The consumer group of a stage.
pub(crate) fn group(kafka: &Kafka, stage: &str) -> String {
    format!("{}.{stage}", kafka.group)
}

fn login(config: &mut ClientConfig, sasl: &Sasl) {
    config.set("sasl.mechanism", sasl.mechanism.as_str());
    set(config, "sasl.username", sasl.username.as_deref());
    set(config, "sasl.password", sasl.password.as_ref().map(Secret::reveal));
    // With OAUTHBEARER librdkafka asks the client's context for tokens.
}

fn set(config: &mut ClientConfig, key: &str, value: Option<impl Into<String>>) {
    if let Some(value) = value {
        config.set(key, value);
    }
}

/// Checks that librdkafka knows every option and accepts its value. Makes no client and no
/// connection.
///
/// # Errors
/// Which option it refuses, and why.
pub fn verify(kafka: &Kafka) -> Result<(), String> {
    match base(kafka).create_native_config() {
        Ok(_) => Ok(()),
        // The error also holds the value, which must not be shown.
        Err(KafkaError::ClientConfig(_, why, option, _))
            if kafka.librdkafka.contains_key(&option) =>
        {
            let why = why.lines().next().unwrap_or_default();
            let known = if why.starts_with("No such configuration property") {
                "librdkafka knows no such option"
            } else {
                "librdkafka does not take this value"
            };
            Err(format!(
                "kafka.librdkafka.{option:?}: {known}; see its CONFIGURATION.md, or remove the option"
            ))
        }
        Err(KafkaError::ClientConfig(_, _, option, _)) => {
            Err(format!("kafka: librdkafka refuses what the settings make of its option {option}"))
        }
        Err(error) => Err(format!("kafka: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rdkafka::consumer::BaseConsumer;
    use rdkafka::producer::BaseProducer;

    use super::*;
    use crate::settings::{Mechanism, Protocol, Security};

    fn kafka(security: Security) -> Kafka {
        // Nothing listens there, and nothing needs to.
        Kafka { brokers: "127.0.0.1:1".to_owned(), security, ..Kafka::default() }
    }

    fn sasl(mechanism: Mechanism) -> Sasl {
        let by_token = mechanism == Mechanism::OauthBearer;
        let text = |wanted: bool, text: &str| wanted.then(|| text.to_owned());
        let secret = |wanted: bool| wanted.then(|| Secret::new("canary"));
        Sasl {
            mechanism,
            username: text(!by_token, "shutterlag"),
            password: secret(!by_token),
            client_id: text(by_token, "shutterlag"),
            client_secret: secret(by_token),
            token_endpoint_url: text(by_token, "https://127.0.0.1:1/token"),
            scope: text(by_token, "kafka"),
        }
    }

    /// librdkafka itself takes the configuration, for both kinds of client.
    fn accepted(kafka: &Kafka) {
        verify(kafka).unwrap();
        let mut config = base(kafka);
        config.set("group.id", &kafka.group);
        // Nobody reads what it has to say of the broker that is not there.
        config.set("log_level", "0");
        config.create::<BaseConsumer>().unwrap();
        let mut config = base(kafka);
        config.set("log_level", "0");
        config.create::<BaseProducer>().unwrap();
    }

    #[test]
    fn every_way_to_connect_is_one_that_librdkafka_knows() {
        for protocol in Protocol::ALL {
            let logins: Vec<Option<Sasl>> = match protocol {
                Protocol::Plaintext | Protocol::Ssl => vec![None],
                _ => Mechanism::ALL.iter().map(|mechanism| Some(sasl(*mechanism))).collect(),
            };
            for sasl in logins {
                let security = Security { protocol: *protocol, sasl, ..Security::default() };
                accepted(&kafka(security));
            }
        }
    }

    #[test]
    fn authorities_are_the_operators_or_those_of_the_system() {
        let mut kafka = kafka(Security {
            protocol: Protocol::SaslSsl,
            sasl: Some(sasl(Mechanism::OauthBearer)),
            ..Security::default()
        });
        let authorities = |kafka: &Kafka| base(kafka).get("ssl.ca.location").map(str::to_owned);
        assert_eq!(authorities(&kafka).as_deref(), Some("probe"));
        kafka.security.ca_file = Some("brokers.pem".into());
        assert_eq!(authorities(&kafka).as_deref(), Some("brokers.pem"));
        kafka = self::kafka(Security::default());
        assert_eq!(authorities(&kafka), None);
    }

    /// A file that is not there shows which option librdkafka would read it for.
    #[test]
    fn each_file_is_read_for_what_it_is() {
        let nowhere = || Some("nowhere.pem".into());
        let password = Some(Secret::new("canary"));
        let with =
            Security { protocol: Protocol::Ssl, key_password: password, ..Default::default() };
        for (security, option) in [
            (Security { ca_file: nowhere(), ..with.clone() }, "ssl.ca.location"),
            (Security { certificate_file: nowhere(), ..with.clone() }, "ssl.certificate.location"),
            (Security { key_file: nowhere(), ..with.clone() }, "ssl.key.location"),
        ] {
            let kafka = kafka(security);
            verify(&kafka).unwrap();
            let mut config = base(&kafka);
            assert_eq!(config.get("ssl.key.password"), Some("canary"));
            config.set("log_level", "0");
            let why = config.create::<BaseProducer>().err().unwrap().to_string();
            assert!(why.contains(option) && !why.contains("canary"), "{why}");
        }
    }

    #[test]
    fn typed_settings_win_and_wrong_options_are_reported_without_their_value() {
        let mut kafka = kafka(Security::default());
        kafka.instance = Some("a-1".to_owned());
        kafka.librdkafka = BTreeMap::from([
            ("bootstrap.servers".to_owned(), "elsewhere:1".to_owned()),
            ("linger.ms".to_owned(), "7".to_owned()),
        ]);
        let config = base(&kafka);
        assert_eq!(config.get("bootstrap.servers"), Some("127.0.0.1:1"));
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(config.get("client.id"), Some("shutterlag-a-1"));
        for (option, why) in [
            ("linger.mss", "librdkafka knows no such option"),
            ("linger.ms", "librdkafka does not take this value"),
        ] {
            kafka.librdkafka = BTreeMap::from([(option.to_owned(), "canary".to_owned())]);
            let error = verify(&kafka).unwrap_err();
            assert!(error.contains(why) && error.contains(option), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
