//! Delivers events to a running instance.
//!
//! Invariants: time and size of a request are bounded; redirects are not followed, since a request
//! may carry a token; no message holds the token.

use ureq::Agent;

use crate::runtime::http::EVENTS;
use crate::runtime::trust::{self, Between, NoTrust};
use crate::settings::Secret;
use crate::time::Span;

/// Bytes of events in one request.
const REQUEST_BYTES: usize = 1 << 20;
/// How long a request may take: longer than an instance takes to give up.
const WITHIN: Span = Span::from_secs(60);

/// Where events go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The address of a running instance, such as `http://127.0.0.1:9464`.
    pub url: String,
    /// The token that it asks for, if it does.
    pub token: Option<Secret>,
}

/// Delivers events, each as JSON, in order.
///
/// # Errors
/// Why not all of them were taken, and how many were.
pub fn deliver(destination: &Destination, events: &[Vec<u8>]) -> Result<(), String> {
    let agent = agent(&destination.url)?;
    let url = format!("{}/in/{EVENTS}", destination.url.trim_end_matches('/'));
    let mut body = Vec::new();
    let mut taken = 0;
    for (number, event) in events.iter().enumerate() {
        body.extend_from_slice(event);
        body.push(b'\n');
        if body.len() >= REQUEST_BYTES || number + 1 == events.len() {
            post(&agent, &url, destination.token.as_ref(), &body).map_err(|why| {
                format!("{url}: {why}; {taken} of {} events were taken", events.len())
            })?;
            taken = number + 1;
            body.clear();
        }
    }
    Ok(())
}

fn agent(url: &str) -> Result<Agent, String> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(format!("{url}: expected http://… or https://…"));
    }
    let config = trust::asking(url, None, Between::Nobody, WITHIN).map_err(|why| match why {
        NoTrust::File(why) => why,
        NoTrust::Nobody => "this system has no certificates of authorities; install them \
                            (ca-certificates)"
            .to_owned(),
    })?;
    Ok(config.build().new_agent())
}

fn post(agent: &Agent, url: &str, token: Option<&Secret>, body: &[u8]) -> Result<(), String> {
    let mut request = agent.post(url).content_type("application/x-ndjson");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.reveal()));
    }
    let answer = request.send(body).map_err(|error| format!("{error}; is an instance running?"))?;
    match answer.status().as_u16() {
        200 => Ok(()),
        401 => Err("it asks for another token; check [http] token of --config".to_owned()),
        503 => Err("it cannot make events durable now; /readyz says why".to_owned()),
        status => Err(format!("it answers with status {status}")),
    }
}
