//! A node of Apache Kafka as a value: alone, or one of a [`Cluster`](crate::cluster::Cluster).
//!
//! Invariants: it listens on loopback only, keeps its data and its port over a
//! restart, and never outlives the tests ([`guard`](crate::guard)). Whoever
//! holds a lone [`Broker`] holds one that answered after it was last started.

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
use rdkafka::metadata::Metadata;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::guard::Guarded;
use crate::scratch;

/// Names the directory of the broker's jars; `tests/live/run` sets it.
const JARS: &str = "SHUTTERLAG_LIVE_JARS";

/// How long a broker may take to start or to stop: a second or two as a rule, and minutes where
/// others keep the processors busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long the session of a member is under the group protocol of KIP-848, where brokers decide.
pub(crate) const SESSION: Duration = Duration::from_secs(12);

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
    // In the order in which they have to go.
    java: Option<Guarded>,
    disk: Option<Disk>,
    directory: TempDir,
    node: Node,
    secured: bool,
}

/// Which node of its cluster a broker is.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its place, counted from 0.
    pub(crate) place: usize,
    /// The ports of all of them.
    pub(crate) ports: Vec<Ports>,
}

impl Node {
    fn alone() -> Node {
        Node { place: 0, ports: vec![Ports::choose()] }
    }

    fn own(&self) -> Ports {
        self.ports[self.place]
    }

    /// What Kafka calls it.
    fn id(&self) -> i32 {
        self.place as i32 + 1
    }
}

/// The ports on which a broker listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    plain: u16,
    controller: u16,
    tls: u16,
    login: u16,
}

impl Ports {
    pub(crate) fn choose() -> Ports {
        Ports { plain: port(), controller: port(), tls: port(), login: port() }
    }
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
        Broker::alone(false)
    }

    /// A new broker that also listens with TLS and with a login over TLS (PLAIN,
    /// SCRAM, OAUTHBEARER), where only the operator may do anything. Of a token
    /// it believes whatever an unsigned one says, and wants another each 3 s.
    pub(crate) fn start_secured() -> Broker {
        Broker::alone(true)
    }

    fn alone(secured: bool) -> Broker {
        let mut broker = Broker::prepare(Node::alone(), secured, false);
        broker.launch();
        broker.until_up();
        broker
    }

    /// A node that is not started yet; with a disk of its own if `on_disk` and the system lets
    /// us mount one.
    pub(crate) fn prepare(node: Node, secured: bool, on_disk: bool) -> Broker {
        let directory = scratch::directory("broker");
        let disk = on_disk.then(|| Disk::mount(&directory.path().join(DATA))).flatten();
        let broker = Broker { java: None, disk, directory, node, secured };
        if secured {
            broker.make_certificate();
        }
        fs::write(broker.file("server.properties"), broker.properties()).unwrap();
        broker.format();
        broker
    }

    /// The disk that it has for itself.
    pub(crate) fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// Where clients without any security connect.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.node.own().plain)
    }

    /// Where clients connect with TLS.
    pub(crate) fn tls_address(&self) -> String {
        format!("127.0.0.1:{}", self.node.own().tls)
    }

    /// Where clients connect with TLS and log in.
    pub(crate) fn login_address(&self) -> String {
        format!("127.0.0.1:{}", self.node.own().login)
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
        self.until_up();
    }

    /// How often it has said that it gave up the end of a transaction: for an error in the answer
    /// to a marker that it did not expect.
    pub(crate) fn transactions_given_up(&self) -> usize {
        let said = self.java.as_ref().map(Guarded::said).unwrap_or_default();
        said.matches("while sending txn marker").count()
    }

    /// Stops it in its tracks, as a long pause of its machine would.
    pub(crate) fn freeze(&mut self) {
        self.java.as_mut().expect("it runs").signal(Signal::STOP);
    }

    /// Lets a frozen one go on.
    pub(crate) fn thaw(&mut self) {
        self.java.as_mut().expect("it runs").signal(Signal::CONT);
    }

    /// Waits until it has ended by itself; whether it has.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> bool {
        self.java.as_mut().is_none_or(|java| java.wait(limit).is_some())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn properties(&self) -> String {
        let Ports { plain, controller, tls, login } = self.node.own();
        let (id, data) = (self.node.id(), self.file(DATA));
        let voters: Vec<String> = (1..)
            .zip(&self.node.ports)
            .map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller))
            .collect();
        let voters = voters.join(",");
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
             node.id={id}\n\
             controller.quorum.voters={voters}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAIN\n\
             listeners={listeners}\n\
             advertised.listeners={advertised}\n\
             listener.security.protocol.map={protocols}\n\
             log.dirs={}\n",
            data.display()
        );
        let of_several = if self.node.ports.len() > 1 { OF_SEVERAL } else { ALONE };
        for (name, value) in PROPERTIES.iter().chain(of_several) {
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
        // The same for each cluster here; none knows of another.
        const CLUSTER: &str = "c2h1dHRlcmxhZy1saXZlMQ";
        let mut arguments = java("kafka.tools.StorageTool");
        arguments.extend(["format", "--cluster-id", CLUSTER, "--config"].map(OsString::from));
        arguments.push(self.file("server.properties").into());
        arguments.extend(["--feature", "transaction.version=2"].map(OsString::from));
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

    /// Starts it, without waiting for it.
    pub(crate) fn launch(&mut self) {
        let mut arguments = java("kafka.Kafka");
        arguments.push(self.file("server.properties").into());
        self.java = Some(Guarded::start("java", arguments, &[], &self.file("log")));
    }

    /// Waits until its cluster knows it as one that answers.
    pub(crate) fn until_up(&mut self) {
        let (address, id) = (self.address(), self.node.id());
        let java = self.java.as_mut().expect("it was launched");
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
        let began = Instant::now();
        loop {
            let answer = client.fetch_metadata(None, Duration::from_millis(500));
            let is_there = |metadata: Metadata| metadata.brokers().iter().any(|it| it.id() == id);
            if answer.is_ok_and(is_there) {
                return;
            }
            let ended = java.status();
            assert!(ended.is_none(), "the broker ended with {ended:?}; {}", java.tail());
            assert!(began.elapsed() < PATIENCE, "the broker does not answer; {}", java.tail());
        }
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

/// Where a broker keeps its data, below its directory.
const DATA: &str = "data";

/// What every broker here is told: start quickly, take the short timeouts that tests
/// want, clean compacted topics soon.
const PROPERTIES: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.num.partitions", "4"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    // `SESSION`, and ten heartbeats in it.
    ("group.consumer.min.session.timeout.ms", "1000"),
    ("group.consumer.session.timeout.ms", "12000"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.heartbeat.interval.ms", "1200"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ("log.cleaner.backoff.ms", "1000"),
    ("log.cleaner.dedupe.buffer.size", "33554432"),
];

/// One node is enough.
const ALONE: &[(&str, &str)] = &[
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
];

/// Everything is on three nodes, and two must have it; a node that is away is soon known to
/// be, and leads again soon after it has come back.
const OF_SEVERAL: &[(&str, &str)] = &[
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
    ("share.coordinator.state.topic.replication.factor", "3"),
    ("share.coordinator.state.topic.min.isr", "2"),
    ("broker.session.timeout.ms", "4000"),
    ("broker.heartbeat.interval.ms", "500"),
    ("replica.lag.time.max.ms", "4000"),
    ("leader.imbalance.check.interval.seconds", "3"),
    ("leader.imbalance.per.broker.percentage", "0"),
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
