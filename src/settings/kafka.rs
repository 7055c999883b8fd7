//! What a run is told about Kafka: the cluster, the topics, the promises.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Secret;
use crate::event::words;
use crate::formats::Format;
use crate::time::Span;

/// How Kafka is reached, and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kafka {
    /// `host:port`, several with commas between them.
    pub brokers: String,
    /// The consumer group, and the beginning of every transactional id.
    pub group: String,
    /// The stable name of this process: static membership and stable
    /// transactional ids. `None` for a process that joins anew each time.
    pub instance: Option<String>,
    /// Where a group without committed offsets begins.
    pub start: Start,
    /// What is promised of each record.
    pub delivery: Delivery,
    /// How long results are gathered before they are committed.
    pub commit_interval: Span,
    /// After how long without a sign of life the group goes on without us.
    pub session_timeout: Span,
    /// After how long the broker aborts an open transaction; shorter than
    /// `session_timeout`, so that whoever takes over never waits for it.
    pub transaction_timeout: Span,
    /// How long the broker may be unreachable at start.
    pub startup_timeout: Span,
    /// How long draining and committing may take at the end.
    pub shutdown_timeout: Span,
    /// Encryption and authentication.
    pub security: Security,
    /// Options handed to librdkafka as they are; none that a typed setting or
    /// the runtime owns, and no secret.
    pub librdkafka: BTreeMap<String, String>,
}

impl Default for Kafka {
    /// The defaults of everything optional; `brokers` is empty.
    fn default() -> Kafka {
        Kafka {
            brokers: String::new(),
            group: "shutterlag".to_owned(),
            instance: None,
            start: Start::Earliest,
            delivery: Delivery::ExactlyOnce,
            commit_interval: Span::from_millis(100),
            session_timeout: Span::from_secs(10),
            transaction_timeout: Span::from_secs(8),
            startup_timeout: Span::from_secs(30),
            shutdown_timeout: Span::from_secs(20),
            security: Security::default(),
            librdkafka: BTreeMap::new(),
        }
    }
}

words! {
    /// Where a group without committed offsets begins.
    Start {
        /// With the oldest record that is still there.
        Earliest = "earliest",
        /// With the next record that comes.
        Latest = "latest",
    }
}

words! {
    /// What is promised of each record.
    Delivery {
        /// Offsets, results and state are committed in one transaction.
        ExactlyOnce = "exactly_once",
        /// Nothing is lost; after a crash some results may come twice.
        AtLeastOnce = "at_least_once",
    }
}

/// The topics that belong to shutterlag: `<prefix>.events` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// What all names begin with.
    pub prefix: String,
    /// Whether missing topics are created at start.
    pub create: bool,
    /// Partitions of each.
    pub partitions: u32,
    /// Replicas of each partition; −1 for the broker's default.
    pub replication_factor: i32,
}

impl Default for Topics {
    fn default() -> Topics {
        Topics {
            prefix: "shutterlag".to_owned(),
            create: true,
            partitions: 12,
            replication_factor: -1,
        }
    }
}

impl Topics {
    /// Events, keyed by credential: from intake to windows.
    pub fn events(&self) -> String {
        self.named("events")
    }

    /// The ledger: a record for each revision of a window.
    pub fn windows(&self) -> String {
        self.named("windows")
    }

    /// Alerts that begin and end.
    pub fn alerts(&self) -> String {
        self.named("alerts")
    }

    /// Reviews, keyed by reviewer: from windows to oversight.
    pub fn reviews(&self) -> String {
        self.named("reviews")
    }

    /// What oversight found.
    pub fn findings(&self) -> String {
        self.named("findings")
    }

    /// The changelog that the state of oversight is restored from.
    pub fn reviewers(&self) -> String {
        self.named("reviewers")
    }

    /// Records that could not be used, with their origin and the reason.
    pub fn dead_letters(&self) -> String {
        self.named("dead-letters")
    }

    /// The changelog that state is restored from.
    pub fn state(&self) -> String {
        self.named("state")
    }

    /// All of them with what each is for, in the order of the stream.
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

/// A topic that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub topic: String,
    /// The format of its records.
    pub format: Format,
    /// Whether its records are keyed by credential id already, so that they go
    /// straight into the windows stage.
    pub prekeyed: bool,
}

/// Encryption and authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Whether the connection is encrypted and who logs in.
    pub protocol: Protocol,
    /// Certificates of the authorities that the broker's is checked against;
    /// `None` for those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for brokers that ask for one.
    pub certificate_file: Option<PathBuf>,
    /// Its private key.
    pub key_file: Option<PathBuf>,
    /// What the private key is encrypted with.
    pub key_password: Option<Secret>,
    /// How to log in; there exactly with the two SASL protocols.
    pub sasl: Option<Sasl>,
}

words! {
    /// Whether the connection is encrypted and who logs in.
    #[derive(Default)]
    Protocol {
        /// Neither encrypted nor authenticated.
        #[default]
        Plaintext = "plaintext",
        /// TLS.
        Ssl = "ssl",
        /// A login without encryption.
        SaslPlaintext = "sasl_plaintext",
        /// A login over TLS.
        SaslSsl = "sasl_ssl",
    }
}

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// PLAIN and SCRAM: who we are.
    pub username: Option<String>,
    /// PLAIN and SCRAM: the password.
    pub password: Option<Secret>,
    /// OAUTHBEARER: who we are to the token server (OIDC client credentials).
    pub client_id: Option<String>,
    /// OAUTHBEARER: the secret that goes with it.
    pub client_secret: Option<Secret>,
    /// OAUTHBEARER: where tokens are fetched.
    pub token_endpoint_url: Option<String>,
    /// OAUTHBEARER: what the token is for, if the server wants to know.
    pub scope: Option<String>,
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
