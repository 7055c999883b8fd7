//! Pushes alerts to Alertmanagers.
//!
//! ```text
//! <prefix>.alerts or ──▶ reader ──▶ alert store ──▶ a queue and a thread for each Alertmanager
//! the local store                   what fires, groups, flapping, what is due
//! ```
//!
//! Every instance reads the whole topic and pushes every alert. Labels are the same from
//! all instances, so an Alertmanager sees one alert, and one running instance is enough.
//! The topic, or the store, is the only state: it holds what fires. Nothing is pushed before it was read
//! to its end.

mod client;
mod group;
mod local;
mod postable;
mod push;
mod queue;
mod reader;
mod record;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::config::Profiles;
use crate::engine::attacker::Race;
use crate::engine::identity::NameOrder;
use crate::formats::Identity;
use crate::metrics::Notify;
use crate::runtime::clock;
use crate::runtime::kafka::tail::Follow;
use crate::settings::Alerts;

pub use source::{News, Source};

/// What pushing alerts needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where alerts come from.
    pub source: Source,
    /// Where to push, and how.
    pub alerts: Alerts,
    /// When attackers arrive.
    pub race: Race,
    /// The targets of workflows.
    pub profiles: Profiles,
    /// Which of a credential's names is shown.
    pub names: NameOrder,
    /// Pseudonyms for labels.
    pub identity: Identity,
    /// Its metrics.
    pub metrics: Notify,
    /// Ends all threads when set.
    pub stop: Arc<AtomicBool>,
}

/// Starts the threads: one that reads, and one for each Alertmanager.
///
/// # Errors
/// Certificates that cannot be read, or a system that has no thread to give.
pub fn spawn(options: Options) -> io::Result<()> {
    let Options { source, alerts, race, profiles, names, identity, metrics, stop } = options;
    let guide = postable::Guide::new(&alerts, race, profiles, names);
    let settings = Arc::new(alerts);
    let store = store::AlertStore::new(Arc::clone(&settings), guide, identity);
    let store = Arc::new(Mutex::new(store));
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
            store: Arc::clone(&store),
            metrics: metrics.clone(),
            stop: Arc::clone(&stop),
        };
        thread::Builder::new().name(format!("push-{number}")).spawn(move || pusher.run())?;
    }
    thread::Builder::new().name("notify".to_owned()).spawn(move || {
        let mut reader = reader::Reader::new(store, queues, metrics);
        let (now, stop) = (clock::now, &*stop);
        match &source {
            Source::Topic(topic) => {
                let purpose = "notifier";
                Follow { topic, purpose, check_ends: false, now, stop }.run(&mut reader);
            }
            Source::Local(news) => local::follow(news, stop, &mut reader),
        }
    })?;
    Ok(())
}
