//! Logging in with tokens (SASL/OAUTHBEARER) that the program fetches itself:
//! the broker accepts it, goes on accepting it while tokens run out and are
//! renewed, and a wrong token or a refused fetch is one clear error.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bad_setup::{config, refuses};
use crate::broker::{Broker, OPERATOR, PASSWORD, STRANGER};
use crate::client::{Client, Sent};
use crate::input::{Arrival, Input};
use crate::program::{Config, Program, READY};

/// How long a token lasts: it runs out within the test, and not so soon that the
/// second in which librdkafka looks for another one counts.
const LIFETIME: Duration = Duration::from_secs(24);

/// A token server that gives everybody the same kind of answer.
struct Issuer {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn new(answer: impl Fn() -> (u16, String) + Send + 'static) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut part = [0; 1024];
                // What the form begins and ends with.
                while !request.ends_with(b"client_credentials") {
                    let read = stream.read(&mut part).unwrap();
                    assert!(read > 0, "half a request");
                    request.extend_from_slice(&part[..read]);
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (status, body) = answer();
                let length = body.len();
                let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
        });
        Issuer { address, asked }
    }

    /// One that says that everybody is `user`, in tokens of this algorithm.
    fn of(user: &'static str, algorithm: &'static str, signature: &'static str) -> Issuer {
        Issuer::new(move || {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            let until = now + LIFETIME.as_secs();
            let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{algorithm}\"}}"));
            let claims = format!("{{\"sub\":\"{user}\",\"iat\":{now},\"exp\":{until}}}");
            let token = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
            let grant = format!(
                "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":{}}}",
                LIFETIME.as_secs()
            );
            (200, grant)
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn by_token(broker: &Broker, issuer: &Issuer, prefix: &str) -> Config {
    let mut config = config(broker, prefix);
    config
        .set("kafka.brokers", broker.login_address())
        .set("kafka.security.protocol", "sasl_ssl")
        .set("kafka.security.ca_file", broker.authority().to_str().unwrap())
        .set("kafka.security.sasl.mechanism", "OAUTHBEARER")
        .set("kafka.security.sasl.client_id", "shutterlag")
        .set("kafka.security.sasl.client_secret", PASSWORD)
        .set("kafka.security.sasl.token_endpoint_url", issuer.address.as_str());
    config
}

/// How many tokens all clients together may ask for within this time: each lasts for four fifths
/// of its life, and a busy machine takes its time.
fn tokens_within(time: Duration) -> usize {
    1 + (time.as_secs() / (LIFETIME.as_secs() * 3 / 4)) as usize
}

#[test]
fn tokens_are_accepted_and_renewed_and_wrong_ones_are_told() {
    let broker = Broker::start_secured();
    let client = Client::new(broker.address());
    client.create("tokens.source", 1, &[]);

    let issuer = Issuer::of(OPERATOR, "none", "");
    let mut good = by_token(&broker, &issuer, "tokens");
    // It can work, and may take its time on a machine that is busy.
    good.set("kafka.startup_timeout", "30s");
    let input = Input::simulate(3, 400, Arrival::Ordered);
    let (program, began) = (Program::start(&good), Instant::now());
    let half = input.lines.len() / 2;
    arrives(&client, &program, input.records(0..half));
    let first = issuer.asked();
    assert!(
        (1..=tokens_within(began.elapsed())).contains(&first),
        "one token for all clients: {first}"
    );
    // Until what all of its clients began with has run out.
    std::thread::sleep(LIFETIME + Duration::from_secs(2));
    let asked = issuer.asked();
    let renewed = first + 1..=tokens_within(began.elapsed());
    assert!(renewed.contains(&asked), "{asked} tokens, not {renewed:?}; {}", program.tail());
    arrives(&client, &program, input.records(half..input.lines.len()));
    // A connection that is lost while it logs in is made again, and says nothing of
    // tokens; on a busy machine it happens.
    let said = program.said();
    let lost = |line: &&str| line.contains("Broker transport failure");
    let said: String = said.lines().filter(|line| !lost(line)).collect();
    for word in ["beginning again", "uthentication", PASSWORD, "ERROR"] {
        assert!(!said.contains(word), "`{word}` in {said}");
    }
    program.stop();

    let signed = Issuer::of(OPERATOR, "HS256", "c2lnbmVk");
    refuses(&by_token(&broker, &signed, "tokens"), &["uthentication", "kafka.security.sasl"]);
    let stranger = Issuer::of(STRANGER, "none", "");
    // Let in, as somebody who may not even see the topic.
    refuses(&by_token(&broker, &stranger, "tokens"), &["tokens.source"]);
    let refused = || (401, format!("{{\"error\":\"invalid_client\",\"why\":\"{PASSWORD}\"}}"));
    let refused = Issuer::new(refused);
    refuses(&by_token(&broker, &refused, "tokens"), &["401", "invalid_client", "client_secret"]);
    assert_eq!(refused.asked(), 1, "asked again after a refusal");
    // A certificate of nobody we know.
    let mut unknown = by_token(&broker, &signed, "tokens");
    let encrypted = format!("https://{}/token", broker.tls_address());
    unknown.set("kafka.security.sasl.token_endpoint_url", encrypted.as_str());
    refuses(&unknown, &["token_endpoint_url", "invalid peer certificate"]);
}

/// Writes records and waits until more has come of them.
#[track_caller]
fn arrives(client: &Client, program: &Program, records: impl Iterator<Item = Sent>) {
    let before = client.read("tokens.windows").len();
    client.write("tokens.source", records);
    let began = Instant::now();
    while client.read("tokens.windows").len() <= before {
        assert!(began.elapsed() < READY, "nothing comes; {}", program.tail());
        std::thread::sleep(Duration::from_millis(200));
    }
}
