//! A single-node Apache Kafka as a value.
//!
//! Invariants: it listens on loopback only, keeps its data and its port over a
//! restart, and never outlives the tests ([`guard`](crate::guard)). Whoever
//! holds a [`Broker`] holds one that answered after it was last started.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::guard::Guarded;
use crate::scratch;

/// Names the directory of the broker's jars; `tests/live/run` sets it.
const JARS: &str = "SHUTTERLAG_LIVE_JARS";

/// How long a broker may take to start or to stop. A second or two as a rule.
const PATIENCE: Duration = Duration::from_secs(90);

/// A password for everybody: this is a test.
pub(crate) const PASSWORD: &str = "not-a-real-password";

/// The user who may do everything on the listeners that ask for a login.
pub(crate) const OPERATOR: &str = "operator";

/// A user who can log in and may do nothing.
pub(crate) const STRANGER: &str = "stranger";

/// Users whose rights a test sets.
pub(crate) const LIMITED: [&str; 4] = ["limited-1", "limited-2", "limited-3", "limited-4"];

/// Everybody who can log in.
fn users() -> impl Iterator<Item = &'static str> {
    [OPERATOR, STRANGER].into_iter().chain(LIMITED)
}

/// A running broker, or one that was stopped and can be started again.
#[derive(Debug)]
pub(crate) struct Broker {
    directory: TempDir,
    ports: Ports,
    secured: bool,
    java: Option<Guarded>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    plain: u16,
    controller: u16,
    tls: u16,
    login: u16,
}

impl Broker {
    /// The broker that tests share when none of them stops it. Each keeps to
    /// topics and groups of its own.
    pub(crate) fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Broker::start)
    }

    /// A new broker without any security.
    pub(crate) fn start() -> Broker {
        Broker::new(false)
    }

    /// A new broker that also listens with TLS and with a login over TLS (PLAIN,
    /// SCRAM, OAUTHBEARER), where only the operator may do anything. Of a token
    /// it believes whatever an unsigned one says, and wants another each 3 s.
    pub(crate) fn start_secured() -> Broker {
        Broker::new(true)
    }

    fn new(secured: bool) -> Broker {
        let directory = scratch::directory("broker");
        let ports = Ports { plain: port(), controller: port(), tls: port(), login: port() };
        let mut broker = Broker { directory, ports, secured, java: None };
        if secured {
            broker.make_certificate();
        }
        fs::write(broker.file("server.properties"), broker.properties()).unwrap();
        broker.format();
        broker.launch();
        broker
    }

    /// Where clients without any security connect.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plain)
    }

    /// Where clients connect with TLS.
    pub(crate) fn tls_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.tls)
    }

    /// Where clients connect with TLS and log in.
    pub(crate) fn login_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.login)
    }

    /// The certificate that its own one is checked against.
    pub(crate) fn authority(&self) -> PathBuf {
        self.file("broker.pem")
    }

    /// Lets it finish and ends it.
    pub(crate) fn stop(&mut self) {
        let Some(mut java) = self.java.take() else { return };
        java.signal(Signal::TERM);
        let ended = java.wait(PATIENCE);
        assert!(ended.is_some(), "the broker does not stop; {}", java.tail());
    }

    /// Ends it without warning, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut java) = self.java.take() {
            java.kill();
        }
    }

    /// Starts it again, on the same port and the same data.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn properties(&self) -> String {
        let Ports { plain, controller, tls, login } = self.ports;
        let data = self.file("data");
        let mut listeners =
            format!("PLAIN://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}");
        let mut advertised = format!("PLAIN://127.0.0.1:{plain}");
        let mut protocols = "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        if self.secured {
            let more = format!(",TLS://127.0.0.1:{tls},LOGIN://127.0.0.1:{login}");
            listeners += &more;
            advertised += &more;
            protocols += ",TLS:SSL,LOGIN:SASL_SSL";
        }
        let mut properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAIN\n\
             listeners={listeners}\n\
             advertised.listeners={advertised}\n\
             listener.security.protocol.map={protocols}\n\
             log.dirs={}\n",
            data.display()
        );
        for (name, value) in PROPERTIES {
            writeln!(properties, "{name}={value}").unwrap();
        }
        if self.secured {
            self.secure(&mut properties);
        }
        properties
    }

    fn secure(&self, properties: &mut String) {
        const SASL: &str = "org.apache.kafka.common.security";
        let store = self.file("broker.p12");
        let users: String = users().map(|user| format!(" user_{user}=\"{PASSWORD}\"")).collect();
        write!(
            properties,
            "ssl.keystore.type=PKCS12\n\
             ssl.keystore.location={}\n\
             ssl.keystore.password={PASSWORD}\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             listener.name.login.plain.sasl.jaas.config={SASL}.plain.PlainLoginModule required{users};\n\
             listener.name.login.scram-sha-256.sasl.jaas.config={SASL}.scram.ScramLoginModule required;\n\
             listener.name.login.scram-sha-512.sasl.jaas.config={SASL}.scram.ScramLoginModule required;\n\
             listener.name.login.oauthbearer.sasl.jaas.config={SASL}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"{OPERATOR}\";\n\
             listener.name.login.oauthbearer.connections.max.reauth.ms=3000\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS;User:{OPERATOR}\n",
            store.display()
        )
        .unwrap();
    }

    /// A certificate signed by itself: its own authority.
    fn make_certificate(&self) {
        let store = self.file("broker.p12").into_os_string();
        let pem = self.authority().into_os_string();
        let keytool = |arguments: &[&str], file: &OsString, last: &[&OsString]| {
            let mut command = Command::new("keytool");
            command.args(arguments).arg("-keystore").arg(file);
            command.args(["-storepass", PASSWORD, "-alias", "broker"]).args(last);
            ran(&mut command);
        };
        let new = "-genkeypair -keyalg EC -groupname secp256r1 -dname CN=127.0.0.1 -validity 30 \
                   -ext san=ip:127.0.0.1 -ext bc:c -storetype PKCS12";
        keytool(&new.split_whitespace().collect::<Vec<_>>(), &store, &[]);
        keytool(&["-exportcert", "-rfc"], &store, &[&"-file".into(), &pem]);
    }

    fn format(&self) {
        // The id of a cluster; every broker here is a cluster of its own.
        const CLUSTER: &str = "c2h1dHRlcmxhZy1saXZlMQ";
        let mut arguments = java("kafka.tools.StorageTool");
        arguments.extend(["format", "--cluster-id", CLUSTER, "--config"].map(OsString::from));
        arguments.push(self.file("server.properties").into());
        if self.secured {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                for user in users() {
                    arguments.push("--add-scram".into());
                    arguments.push(format!("{mechanism}=[name={user},password={PASSWORD}]").into());
                }
            }
        }
        ran(Command::new("java").args(arguments));
    }

    fn launch(&mut self) {
        let mut arguments = java("kafka.Kafka");
        arguments.push(self.file("server.properties").into());
        let mut java = Guarded::start("java", arguments, &[], &self.file("log"));
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", self.address()).create().unwrap();
        let began = Instant::now();
        loop {
            let answer = client.fetch_metadata(None, Duration::from_millis(500));
            if answer.is_ok_and(|metadata| !metadata.brokers().is_empty()) {
                break;
            }
            let ended = java.status();
            assert!(ended.is_none(), "the broker ended with {ended:?}; {}", java.tail());
            assert!(began.elapsed() < PATIENCE, "the broker does not answer; {}", java.tail());
        }
        self.java = Some(java);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            eprintln!("the broker's files stay in {}", self.directory.path().display());
        }
    }
}

/// What every broker here is told: one node is enough, start quickly, take the
/// short timeouts that tests want, clean compacted topics soon.
const PROPERTIES: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ("log.cleaner.backoff.ms", "1000"),
    ("log.cleaner.dedupe.buffer.size", "33554432"),
];

/// A Java virtual machine for `class`, small and quick to start.
fn java(class: &str) -> Vec<OsString> {
    let jars = std::env::var_os(JARS).unwrap_or_else(|| {
        panic!("{JARS} is not set: the live tests need a broker. Run them with tests/live/run")
    });
    let jars = Path::new(&jars);
    assert!(jars.is_dir(), "{JARS} is {}, which is no directory", jars.display());
    [
        OsString::from("-Xmx768m"),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".into(),
        "-cp".into(),
        jars.join("*").into(),
        class.into(),
    ]
    .into()
}

fn ran(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}\n{}",
        output.status,
        said(&output.stdout),
        said(&output.stderr)
    );
}

/// A port nobody listens on. It lies below those that the system gives to
/// clients: one of those could be taken while the broker is away, in the worst
/// case by a client that is trying to reach it.
pub(crate) fn port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that were started one after the other keep apart.
    let own = (std::process::id() * 397 % u32::from(COUNT)) as u16;
    (0..COUNT)
        .map(|_| FIRST + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
