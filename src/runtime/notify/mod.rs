//! Alerts on their way to people: what is in `<prefix>.alerts`, as committed, is
//! pushed to Alertmanagers.
//!
//! ```text
//! <prefix>.alerts ──▶ reader ──▶ board ──▶ a queue and a thread for each Alertmanager
//!   (compacted)                  what fires, storms, restlessness, what is due
//! ```
//!
//! Every instance reads all of the topic and pushes everything: labels are the same
//! from all of them, so an Alertmanager sees one alert, and any one instance that
//! lives is enough. There is no state but the topic: it keeps what fires, and
//! nothing is pushed before all of it is read.

mod board;
mod client;
mod page;
mod push;
mod queue;
mod reader;
mod record;
mod storm;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use rdkafka::config::ClientConfig;

use crate::engine::attacker::Race;
use crate::formats::Identity;
use crate::metrics::Notify;
use crate::runtime::kafka::Tokens;
use crate::settings::Alerts;

/// What pushing alerts needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How Kafka is reached.
    pub client: ClientConfig,
    /// What it logs in with where brokers ask for tokens.
    pub tokens: Tokens,
    /// The alerts' topic.
    pub topic: String,
    /// Where to push, and how.
    pub alerts: Alerts,
    /// When attackers arrive.
    pub race: Race,
    /// Pseudonyms for labels.
    pub identity: Identity,
    /// Its metrics.
    pub metrics: Notify,
    /// Ends all threads when set.
    pub stop: Arc<AtomicBool>,
}

/// Starts the threads: one that reads, one for each Alertmanager.
///
/// # Errors
/// Certificates that cannot be read, or a system that has no thread to give.
pub fn spawn(options: Options) -> io::Result<()> {
    let settings = Arc::new(options.alerts.clone());
    let board =
        board::Board::new(Arc::clone(&settings), options.race.clone(), options.identity.clone());
    let board = Arc::new(Mutex::new(board));
    let mut queues = Vec::new();
    for (number, alertmanager) in settings.alertmanagers.iter().enumerate() {
        let client = client::Client::new(alertmanager, settings.ends_after)
            .map_err(|why| io::Error::other(format!("alerts.alertmanagers[{number}]: {why}")))?;
        let queue = Arc::new(queue::Queue::new(settings.queue_max));
        queues.push(Arc::clone(&queue));
        let pusher = push::Pusher {
            number,
            client,
            queue,
            board: Arc::clone(&board),
            metrics: options.metrics.clone(),
            stop: Arc::clone(&options.stop),
        };
        thread::Builder::new().name(format!("push-{number}")).spawn(move || pusher.run())?;
    }
    thread::Builder::new()
        .name("notify".to_owned())
        .spawn(move || reader::Reader { options, board, queues }.run())?;
    Ok(())
}
