//! The token source against a server of its own: one answer per connection.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, Producer as _};

use super::*;
use crate::runtime::kafka::client::config::base;
use crate::settings::{Kafka, Protocol, Sasl, Secret};

/// In everything that may show nowhere.
const CANARY: &str = "canary";

/// What a server does with a request, by the request's number.
type Manner = dyn Fn(usize) -> Reply + Send + Sync;

enum Reply {
    Says(u16, String),
    Raw(&'static str),
    Hangs,
}

/// A server on loopback that lives as long as the test's process.
struct Server {
    address: String,
    asked: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(manner: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/token", listener.local_addr().unwrap());
        let server = Server { address, asked: Arc::default(), requests: Arc::default() };
        let (asked, requests) = (Arc::clone(&server.asked), Arc::clone(&server.requests));
        let manner: Arc<Manner> = Arc::new(manner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                let (manner, requests) = (Arc::clone(&manner), Arc::clone(&requests));
                std::thread::spawn(move || serve(stream.unwrap(), number, &*manner, &requests));
            }
        });
        server
    }

    /// One that grants tokens of this many seconds, numbered.
    fn granting(seconds: u32) -> Server {
        Server::new(move |number| Reply::Says(200, grant(number, seconds)))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn sasl(&self) -> Sasl {
        Sasl {
            mechanism: Mechanism::OauthBearer,
            username: None,
            password: None,
            client_id: Some("id with:colon".to_owned()),
            client_secret: Some(Secret::new(format!("{CANARY}+/="))),
            token_endpoint_url: Some(self.address.clone()),
            scope: Some("kafka read".to_owned()),
        }
    }

    fn tokens(&self, patience: Span) -> Tokens {
        Tokens::of(Endpoint::new(&self.sasl(), None, patience).unwrap())
    }
}

fn grant(number: usize, seconds: u32) -> String {
    format!(
        "{{\"access_token\":\"{CANARY}-{number}\",\"token_type\":\"Bearer\",\"expires_in\":{seconds}}}"
    )
}

fn serve(mut stream: TcpStream, number: usize, manner: &Manner, requests: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: Option<usize> = length.map(|length| length.trim().parse().unwrap());
        if let (Some(head), Some(length)) = (text.find("\r\n\r\n"), length)
            && request.len() >= head + 4 + length
        {
            break;
        }
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "half a request: {text}");
        request.extend_from_slice(&part[..read]);
    }
    requests.lock().unwrap().push(String::from_utf8(request).unwrap());
    let answer = match manner(number) {
        Reply::Says(status, body) => format!(
            "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\nlocation: /elsewhere\r\n\r\n{body}",
            body.len()
        ),
        Reply::Raw(text) => text.to_owned(),
        Reply::Hangs => {
            // Until the other side gives up.
            let _ = stream.read(&mut part);
            return;
        }
    };
    let _ = stream.write_all(answer.as_bytes());
}

fn value(tokens: &Tokens) -> String {
    tokens.answer().map(|token| token.token).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of a first fetch, with nothing in it that is to be hidden.
fn refusal(server: &Server) -> Fault {
    let tokens = server.tokens(Span::from_millis(300));
    let told = tokens.answer().err().expect("an error").to_string();
    for hidden in [CANARY, server.address.as_str()] {
        assert!(!told.contains(hidden), "{told}");
        assert!(!format!("{tokens:?}").contains(hidden), "{tokens:?}");
    }
    // For a while nobody asks again, and everybody is told the same.
    let before = server.asked();
    let source = tokens.0.as_ref().unwrap();
    let fault = source.current().unwrap_err();
    assert_eq!((fault.to_string(), server.asked()), (told, before));
    let reading = tokens.fault("reading", &KafkaError::Global(RDKafkaErrorCode::Authentication));
    assert_eq!(reading.to_string(), fault.to_string());
    fault
}

#[test]
fn one_request_with_the_clients_credentials_serves_everybody() {
    let server = Server::granting(300);
    let tokens = server.tokens(ANSWER_WITHIN);
    let values: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| value(&tokens))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(values.iter().all(|value| *value == format!("{CANARY}-0")), "{values:?}");
    assert_eq!(server.asked(), 1);
    assert!(!format!("{tokens:?}").contains(CANARY), "{tokens:?}");
    let requests = server.requests.lock().unwrap();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /token HTTP/1.1\r\n"), "{head}");
    // "id%20with%3Acolon:canary%2B%2F%3D"
    let login = "Basic aWQlMjB3aXRoJTNBY29sb246Y2FuYXJ5JTJCJTJGJTNE";
    for line in [
        format!("authorization: {login}"),
        "content-type: application/x-www-form-urlencoded".to_owned(),
    ] {
        assert!(head.to_lowercase().contains(&line.to_lowercase()), "{line} is not in {head}");
        assert!(!line.contains(login) || head.contains(login), "{head}");
    }
    assert_eq!(body, "grant_type=client_credentials&scope=kafka%20read");
}

#[test]
fn a_refusal_lasts_and_is_told_with_its_code() {
    let refused = || r#"{"error":"invalid_client","error_description":"canary"}"#.to_owned();
    let server = Server::new(move |_| Reply::Says(401, refused()));
    let Fault::Lasting(why) = refusal(&server) else { panic!("it passes") };
    assert!(why.contains("401") && why.contains("invalid_client"), "{why}");
    // Nothing is followed, as the credentials would go along.
    let server = Server::new(|_| Reply::Says(307, CANARY.to_owned()));
    let Fault::Lasting(why) = refusal(&server) else { panic!("it passes") };
    assert!(why.contains("307"), "{why}");
    assert_eq!(server.asked(), 1);
}

#[test]
fn what_is_no_answer_is_told() {
    let garbage = Server::new(|_| Reply::Says(200, format!("<p>{CANARY}</p>")));
    assert!(matches!(refusal(&garbage), Fault::Lasting(why) if why.contains("no token")));
    let noise = Server::new(|_| Reply::Raw("canary canary canary\r\n\r\n"));
    assert!(matches!(refusal(&noise), Fault::Lasting(why) if why.contains("not HTTP")));
    let endless = Server::new(|_| Reply::Says(200, "canary".repeat(100_000)));
    assert!(matches!(refusal(&endless), Fault::Lasting(why) if why.contains("too long")));
    let cut = Server::new(|_| Reply::Raw(""));
    assert!(matches!(refusal(&cut), Fault::Passing(_)));
    let overloaded = Server::new(|_| Reply::Says(503, CANARY.to_owned()));
    assert!(matches!(refusal(&overloaded), Fault::Passing(why) if why.contains("503")));
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let began = clock::uptime();
    let hanging = Server::new(|_| Reply::Hangs);
    assert!(matches!(refusal(&hanging), Fault::Passing(why) if why.contains("no answer in time")));
    assert!(clock::uptime() < began + Span::from_secs(5));
    let mut nobody = Server::new(|_| Reply::Hangs);
    nobody.address = "http://127.0.0.1:1/token".to_owned();
    assert!(matches!(refusal(&nobody), Fault::Passing(_)));
}

#[test]
fn a_token_is_renewed_before_it_expires_and_nobody_waits() {
    // The first succeeds, the second hangs, all others succeed.
    let server = Server::new(|number| match number {
        1 => Reply::Hangs,
        _ => Reply::Says(200, grant(number, if number == 0 { 20 } else { 300 })),
    });
    let tokens = server.tokens(Span::from_secs(2));
    let first = value(&tokens);
    let kept = || lock(&tokens.0.as_ref().unwrap().kept).token.clone().unwrap();
    let Token { renew_at, expires_at, .. } = kept();
    let mut longest = Span::ZERO;
    let until = clock::now() + Span::from_secs(60);
    loop {
        let (now, began) = (clock::now(), clock::uptime());
        assert!(now < until, "never renewed");
        let answer = tokens.answer().unwrap();
        let took = Span::from_millis(clock::uptime().as_millis() - began.as_millis());
        if answer.token != first {
            break;
        }
        longest = longest.max(took);
        // librdkafka asks again after four fifths: when a new one is due, and
        // never after this one's end.
        let asks_at = now + Span::from_millis(answer.lifetime_ms - now.as_millis()).mul_4_5();
        assert!(asks_at < expires_at, "{asks_at} {expires_at}");
        if now < renew_at {
            assert!(asks_at >= renew_at, "{asks_at} {renew_at}");
        } else {
            // As if the failed attempt were long ago.
            if let Some((at, _)) = &mut lock(&tokens.0.as_ref().unwrap().kept).failed {
                *at = Span::from_secs(-60);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Who waited for the one that hangs would have waited for 2 s.
    assert!(clock::now() < expires_at && longest < Span::from_millis(1_500), "{longest:?}");
    assert_eq!(value(&tokens), format!("{CANARY}-2"));
    assert_eq!(server.asked(), 3);
}

impl Span {
    fn mul_4_5(self) -> Span {
        Span::from_millis(self.as_millis() / 5 * 4)
    }
}

/// A client's configuration for a broker that is not there.
fn settings(sasl: Option<Sasl>) -> Kafka {
    let mut kafka = Kafka { brokers: "127.0.0.1:1".to_owned(), ..Kafka::default() };
    if sasl.is_some() {
        kafka.security.protocol = Protocol::SaslPlaintext;
    }
    kafka.security.sasl = sasl;
    kafka
}

/// Counts what librdkafka asks.
struct Asked(Tokens, Arc<AtomicUsize>);

impl ClientContext for Asked {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.answer()
    }
}

impl rdkafka::consumer::ConsumerContext for Asked {}

impl rdkafka::producer::ProducerContext for Asked {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

#[test]
fn every_client_is_admitted_and_asks_again_when_a_token_is_due() {
    // librdkafka looks once a second; a token is renewed after 1.5 s.
    let server = Server::granting(2);
    let kafka = settings(Some(server.sasl()));
    let tokens = Tokens::new(&kafka.security).unwrap();
    let asked = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let context = |number: usize| Asked(tokens.clone(), Arc::clone(&asked[number]));
    let mut config = base(&kafka);
    config.set("log_level", "0");
    let producer: BaseProducer<Asked> = config.create_with_context(context(0)).unwrap();
    config.set("group.id", "g");
    let consumer: BaseConsumer<Asked> = config.create_with_context(context(1)).unwrap();
    tokens.admit(producer.client()).unwrap();
    tokens.admit(consumer.client()).unwrap();
    assert_eq!(server.asked(), 1);
    let until = clock::uptime() + Span::from_secs(30);
    while asked.iter().any(|asked| asked.load(Ordering::SeqCst) < 3) || server.asked() < 3 {
        assert!(clock::uptime() < until, "{asked:?} {}", server.asked());
        producer.poll(Duration::from_millis(20));
        let _ = consumer.poll(Duration::from_millis(20));
    }
}

#[test]
fn without_oauthbearer_nobody_is_asked_and_nothing_changes() {
    let by_password = Sasl {
        mechanism: Mechanism::Plain,
        username: Some("shutterlag".to_owned()),
        password: Some(Secret::new(CANARY)),
        client_id: None,
        client_secret: None,
        token_endpoint_url: None,
        scope: None,
    };
    for sasl in [None, Some(by_password)] {
        let kafka = settings(sasl);
        let tokens = Tokens::new(&kafka.security).unwrap();
        assert!(tokens.0.is_none());
        let asked = Arc::new(AtomicUsize::new(0));
        let mut config = base(&kafka);
        config.set("log_level", "0");
        let producer: BaseProducer<Asked> =
            config.create_with_context(Asked(tokens.clone(), Arc::clone(&asked))).unwrap();
        tokens.admit(producer.client()).unwrap();
        producer.poll(Duration::from_millis(1500));
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        let error = KafkaError::Global(RDKafkaErrorCode::Authentication);
        assert!(tokens.fault("reading", &error).to_string().starts_with("reading: "));
    }
}

/// A server that speaks TLS with this certificate, and grants a token.
fn encrypted(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> String {
    let key = rustls::pki_types::PrivateKeyDer::try_from(certificate.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key.unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://localhost:{}/token", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            let mut request = Vec::new();
            let mut part = [0; 4096];
            while !request.ends_with(b"scope=kafka%20read") {
                // Whoever does not trust us leaves.
                let Ok(read @ 1..) = stream.read(&mut part) else { break };
                request.extend_from_slice(&part[..read]);
            }
            let body = grant(0, 300);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

#[test]
fn an_encrypted_endpoint_must_have_a_certificate_of_an_authority_we_know() {
    let certificate = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (right, wrong) = (certificate("localhost"), certificate("elsewhere.example.org"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let mut pem = String::new();
    for certificate in [&right, &wrong] {
        let text = STANDARD.encode(certificate.cert.der());
        pem += &format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    }
    std::fs::write(&file, pem).unwrap();
    let asked = |server: &rcgen::CertifiedKey<rcgen::KeyPair>,
                 ca_file: Option<&std::path::Path>| {
        let mut sasl = Server::granting(1).sasl();
        sasl.token_endpoint_url = Some(encrypted(server));
        Tokens::of(Endpoint::new(&sasl, ca_file, ANSWER_WITHIN).unwrap()).answer()
    };
    assert_eq!(asked(&right, Some(&file)).unwrap().token, format!("{CANARY}-0"));
    for (server, ca_file, why) in
        [(&wrong, Some(file.as_path()), "not valid for name"), (&right, None, "UnknownIssuer")]
    {
        let told = asked(server, ca_file).err().unwrap().to_string();
        assert!(told.contains("invalid peer certificate") && told.contains(why), "{told}");
    }
    // Certificates that cannot be read are told at once.
    for (content, why) in [(None, "No such file"), (Some("text"), "no certificate")] {
        let file = directory.path().join(why);
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let mut sasl = Server::granting(1).sasl();
        sasl.token_endpoint_url = Some("https://localhost/".to_owned());
        let Err(Fault::Lasting(told)) = Endpoint::new(&sasl, Some(&file), ANSWER_WITHIN) else {
            panic!("{why}")
        };
        assert!(told.contains("kafka.security.ca_file") && told.contains(why), "{told}");
    }
}
