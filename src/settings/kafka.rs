//! Settings of Kafka: the cluster, the topics, what is promised.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::address::{is_broker, is_exposed};
use super::declare::settings;
use super::secret::Secret;
use super::values::word;
use crate::event::words;
use crate::formats::Format;
use crate::time::Span;

/// The broker's limit on a topic's name.
const TOPIC_NAME_MAX: usize = 249;
/// What to say where no broker is given.
pub(super) const NO_BROKER: &str = "no broker; set it to host:port, several separated by commas";
/// Our names are parts of ids that the broker keeps.
const NAME_MAX: usize = 128;
/// The shortest span where zero makes no sense.
const SHORTEST: Span = Span::from_millis(1);
/// librdkafka lets a consumer be silent between two polls for as long.
const SESSION_MAX: Span = Span::from_mins(5);
/// librdkafka's minimum.
const TRANSACTION_MIN: Span = Span::from_secs(1);
/// A run that takes longer to start or to stop has failed.
const WAIT_MAX: Span = Span::from_mins(60);

settings! {
    /// How Kafka is reached, and what is asked of it.
    pub struct Kafka {
        /// `host:port` of some of the cluster's brokers, separated by commas. Without it there is
        /// no Kafka: everything is kept in the file of `[store]`.
        brokers: String, check brokers;
        /// The consumer group, and the prefix of every transactional id; processes of one
        /// group share the work. 1 to 128 of the characters `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`.
        group: String = "shutterlag".to_owned(), check name;
        /// A stable name of this process, different for each process of the group, with the
        /// same characters: after a restart within `session_timeout` the process gets its
        /// partitions back, with `group_protocol = "classic"`.
        instance: Option<String>, check name;
        /// What this process does: `all` takes deliveries, runs the stages and shows the windows;
        /// `receiver` only takes deliveries, so that it reads no topic and needs no partitions.
        role: Role = Role::All;
        /// Where the group starts in a source in which it has no committed offsets: `earliest`
        /// is the oldest record there is, `latest` the next one to arrive.
        start: Start = Start::Earliest;
        /// `exactly_once` commits offsets, results and state in one transaction;
        /// `at_least_once` loses nothing, but after a crash some results appear twice.
        delivery: Delivery = Delivery::ExactlyOnce;
        /// The time between two commits, in which results are collected; less than half of
        /// `transaction_timeout`. What comes after a pause as long as that is committed soon. Where
        /// commits are slow they come less often, so that a worker spends about a fifth of its time
        /// in them at most.
        commit_interval: Span = Span::from_millis(25), in SHORTEST..;
        /// How the processes of a group share the work: `classic` is Kafka's first protocol;
        /// `consumer` is that of KIP-848, where brokers (Apache Kafka 4.0 or later) assign
        /// partitions and say how long a session and a heartbeat interval are.
        group_protocol: GroupProtocol = GroupProtocol::Classic;
        /// How long a process may be silent before others take over its partitions; the
        /// broker's own limits (6 s to 30 min unless changed) apply as well. Only with
        /// `group_protocol = "classic"`.
        session_timeout: Span = Span::from_secs(10), in SHORTEST..=SESSION_MAX;
        /// How long a transaction may stay open before the broker aborts it; shorter than
        /// `session_timeout`, so that a process that takes over never waits for it. A delivery to
        /// a receiver waits as long for the brokers.
        transaction_timeout: Span = Span::from_secs(8), in TRANSACTION_MIN..;
        /// How long the brokers may be unreachable at the start.
        startup_timeout: Span = Span::from_secs(30), in SHORTEST..=WAIT_MAX;
        /// How long finishing and committing may take at the end.
        shutdown_timeout: Span = Span::from_secs(20), in SHORTEST..=WAIT_MAX;
        /// Encryption and authentication.
        security: Security;
        /// Options handed to librdkafka unchanged, see below.
        librdkafka: BTreeMap<String, String>;
    }

    /// Encryption and authentication.
    pub struct Security {
        /// `plaintext` is neither encrypted nor authenticated, `ssl` is TLS,
        /// `sasl_plaintext` a login without encryption, `sasl_ssl` a login over TLS.
        protocol: Protocol = Protocol::Plaintext;
        /// PEM certificates of the authorities that sign the brokers' certificates, instead of
        /// the system's authorities; a token endpoint is checked against both.
        ca_file: Option<PathBuf>;
        /// The client's PEM certificate, for brokers that ask for one; together with `key_file`.
        certificate_file: Option<PathBuf>;
        /// The private key of the certificate.
        key_file: Option<PathBuf>;
        /// The passphrase of the private key.
        key_password: Option<Secret>;
        /// The login.
        sasl: Option<Sasl>;
    }

    /// How to log in.
    pub struct Sasl {
        /// The SASL mechanism.
        mechanism: Mechanism = Mechanism::Plain,
            required "no mechanism; set it to \"PLAIN\", \"SCRAM-SHA-256\", \"SCRAM-SHA-512\" or \"OAUTHBEARER\"";
        /// The user, for `PLAIN` and `SCRAM`.
        username: Option<String>;
        /// The user's password.
        password: Option<Secret>;
        /// The client at the token server (OAuth 2.0 client credentials), for `OAUTHBEARER`.
        client_id: Option<String>;
        /// The client's secret.
        client_secret: Option<Secret>;
        /// Where tokens are fetched: `https://…`, or `http://…` on this machine
        /// (`localhost`, `127.0.0.1`, `[::1]`).
        token_endpoint_url: Option<String>, check token_endpoint;
        /// The scope of the tokens, if the token server asks for one.
        scope: Option<String>;
    }

    /// The topics that belong to shutterlag: `<prefix>.events` and so on.
    pub struct Topics {
        /// What the names of the topics begin with.
        prefix: String = "shutterlag".to_owned(), check prefix;
        /// Whether missing topics are created at the start.
        create: bool = true;
        /// Partitions of each topic, except `.reviews`, `.reviewers` and `.findings`, which have
        /// one; they limit the workers of a group, and cannot be changed once there is state.
        partitions: u32 = 12, in 1..=100_000;
        /// Replicas of each partition; `-1` leaves it to the broker.
        replication_factor: i32 = -1, in -1..=i32::from(i16::MAX), check replication;
    }

    /// A topic that is read.
    pub struct Source {
        /// The topic's name.
        topic: String, required "no topic; set it to the name of the topic to read", check topic_name;
        /// The format of its records; `auto` recognises it record by record.
        format: Format = Format::Auto;
        /// Whether its records are keyed by credential id already, so that they can go straight
        /// to the windows stage.
        prekeyed: bool;
    }
}

words! {
    /// What a process does.
    Role {
        /// It takes deliveries, runs the stages and shows the windows.
        All = "all",
        /// It takes deliveries and hands them to the brokers.
        Receiver = "receiver",
    }
}

words! {
    /// Where a group without committed offsets begins.
    Start {
        /// With the oldest record that is still there.
        Earliest = "earliest",
        /// With the next record that arrives.
        Latest = "latest",
    }
}

words! {
    /// What is promised of each record.
    Delivery {
        /// Offsets, results and state are committed in one transaction.
        ExactlyOnce = "exactly_once",
        /// Nothing is lost; after a crash some results may appear twice.
        AtLeastOnce = "at_least_once",
    }
}

words! {
    /// The protocol of consumer groups.
    GroupProtocol {
        /// The members assign partitions among themselves.
        Classic = "classic",
        /// The brokers do (KIP-848).
        Consumer = "consumer",
    }
}

words! {
    /// Whether the connection is encrypted, and whether there is a login.
    Protocol {
        /// Neither encrypted nor authenticated.
        Plaintext = "plaintext",
        /// TLS.
        Ssl = "ssl",
        /// A login without encryption.
        SaslPlaintext = "sasl_plaintext",
        /// A login over TLS.
        SaslSsl = "sasl_ssl",
    }
}

impl Protocol {
    /// Whether the connection is encrypted.
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Protocol::Ssl | Protocol::SaslSsl)
    }

    /// Whether there is a login.
    pub const fn has_login(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }
}

words! {
    /// How a login works, in the words of SASL.
    Mechanism {
        /// Name and password as they are.
        Plain = "PLAIN",
        /// Salted challenge and response over SHA-256.
        ScramSha256 = "SCRAM-SHA-256",
        /// Salted challenge and response over SHA-512.
        ScramSha512 = "SCRAM-SHA-512",
        /// A token from an OpenID Connect server.
        OauthBearer = "OAUTHBEARER",
    }
}

word!(Role, Start, Delivery, GroupProtocol, Protocol, Mechanism);

impl Topics {
    /// Events keyed by credential: from intake to windows.
    pub fn events(&self) -> String {
        self.named("events")
    }

    /// The ledger: one record for each revision of a window.
    pub fn windows(&self) -> String {
        self.named("windows")
    }

    /// Alerts as they begin and end.
    pub fn alerts(&self) -> String {
        self.named("alerts")
    }

    /// Reviews keyed by reviewer: from windows to oversight.
    pub fn reviews(&self) -> String {
        self.named("reviews")
    }

    /// The findings of oversight.
    pub fn findings(&self) -> String {
        self.named("findings")
    }

    /// The changelog from which oversight restores its state.
    pub fn reviewers(&self) -> String {
        self.named("reviewers")
    }

    /// Records that could not be used, with their origin and the reason.
    pub fn dead_letters(&self) -> String {
        self.named("dead-letters")
    }

    /// The changelog from which windows are restored.
    pub fn state(&self) -> String {
        self.named("state")
    }

    /// All topics with the purpose of each, in the order of the stream.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("events, keyed by credential", self.events()),
            ("changelog of the windows", self.state()),
            ("ledger of windows", self.windows()),
            ("alerts", self.alerts()),
            ("reviews, keyed by reviewer", self.reviews()),
            ("changelog of oversight", self.reviewers()),
            ("findings of oversight", self.findings()),
            ("records that could not be used", self.dead_letters()),
        ]
        .into_iter()
    }

    fn named(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }
}

fn brokers(brokers: &str) -> Result<(), String> {
    if brokers.is_empty() {
        Err(NO_BROKER.to_owned())
    } else if brokers.split(',').all(is_broker) {
        Ok(())
    } else {
        Err("not a list of brokers; write host:port, several separated by commas, without \
             scheme, login or spaces"
            .to_owned())
    }
}

/// The characters of Kafka's names.
fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn name(name: &str) -> Result<(), String> {
    if (1..=NAME_MAX).contains(&name.len()) && is_name(name) {
        return Ok(());
    }
    Err(format!("write 1 to {NAME_MAX} of the characters a-z, A-Z, 0-9, `.`, `_` and `-`"))
}

fn topic_name(name: &str) -> Result<(), String> {
    let fits = (1..=TOPIC_NAME_MAX).contains(&name.len()) && ![".", ".."].contains(&name);
    if fits && is_name(name) {
        return Ok(());
    }
    Err(format!(
        "not the name of a topic; Kafka accepts up to {TOPIC_NAME_MAX} of the characters a-z, A-Z, \
         0-9, `.`, `_` and `-`, but neither `.` nor `..` alone"
    ))
}

fn prefix(prefix: &str) -> Result<(), String> {
    if prefix.is_empty() {
        return Err("empty; set what the names of the topics begin with".to_owned());
    }
    let topics = Topics { prefix: prefix.to_owned(), ..Topics::default() };
    topics.all().try_for_each(|(_, name)| topic_name(&name))
}

fn replication(factor: &i32) -> Result<(), String> {
    if *factor == 0 {
        return Err(
            "no replica at all; set it to 1 or more, or to -1 for the broker's default".to_owned()
        );
    }
    Ok(())
}

fn token_endpoint(url: &str) -> Result<(), String> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    if !web || url.contains('@') || url.contains(|c: char| c.is_control() || c == ' ') {
        return Err("write an https:// address without a login; the login belongs in client_id \
                    and client_secret"
            .to_owned());
    }
    if is_exposed(url) {
        return Err("the secret would be sent unencrypted; write https://, or http:// with \
                    localhost, 127.0.0.1 or [::1]"
            .to_owned());
    }
    Ok(())
}
