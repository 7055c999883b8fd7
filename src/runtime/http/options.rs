//! How the server listens, and what it shows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::guard::Token;
use super::receivers::Receivers;
use super::tls::Tls;
use crate::config::{FiguresConfig, OversightConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::identity::NameOrder;
use crate::engine::summary::FigureRules;
use crate::formats::Identity;
use crate::metrics::{Metrics, Pipeline};
use crate::runtime::clock::Clock;
use crate::runtime::health::Health;
use crate::runtime::reviewer_alerts::ReviewerAlerts;
use crate::runtime::standings::PartitionStandings;
use crate::runtime::unjoined::UnjoinedNames;
use crate::runtime::view::View;
use crate::time::Span;

/// How the server listens, and its limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 is any free port.
    pub listen: SocketAddr,
    /// The token that every request needs, except `/healthz` and the pages, which hold no figures.
    pub token: Option<Token>,
    /// With what the server proves its name; `None`: it speaks plain HTTP.
    pub tls: Option<Tls>,
    /// How often the files of `tls` are looked at.
    pub tls_reload_every: Duration,
    /// Connections at a time. Beyond them, further ones may ask for health and metrics only.
    pub connections_max: usize,
    /// Connections of one address at a time. All clients of a proxy have its address.
    pub connections_per_address_max: usize,
    /// Boards at a time. They do not count as connections.
    pub boards_max: usize,
    /// How long a board's stream lasts before the board has to ask again.
    pub board_within: Duration,
    /// How long a board may read nothing before its stream is cut off.
    pub board_stalled_after: Span,
    /// How long a client may take for the handshake of TLS, to send the head of a request, and may stay silent
    /// between two requests.
    pub head_within: Duration,
    /// How long it may take to make an answer.
    pub answer_within: Duration,
    /// How long a connection may last. The next answer then says that it is the last one.
    pub connection_within: Duration,
    /// How long current answers may take when the server stops.
    pub shutdown_within: Duration,
}

impl Options {
    /// The usual limits.
    pub fn new(listen: SocketAddr, token: Option<Token>) -> Options {
        Options {
            listen,
            token,
            tls: None,
            tls_reload_every: Duration::from_secs(10),
            connections_max: 2_048,
            connections_per_address_max: 1_536,
            boards_max: 1_024,
            board_within: Duration::from_secs(30 * 60),
            board_stalled_after: Span::from_secs(20),
            head_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
            connection_within: Duration::from_secs(120),
            shutdown_within: Duration::from_secs(3),
        }
    }
}

impl Options {
    /// The same for a client with a place that is kept for health and metrics: it has little time,
    /// as others may need the place.
    pub(super) fn for_reserved_places(self) -> Options {
        const WITHIN: Duration = Duration::from_secs(2);
        let head_within = self.head_within.min(WITHIN);
        let connection_within = self.connection_within.min(WITHIN);
        Options { head_within, connection_within, ..self }
    }
}

/// What the server shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// The metrics of a live run. Those of the view are updated at each scrape.
    pub pipeline: Pipeline,
    /// The workers.
    pub health: Arc<Health>,
    /// The windows.
    pub view: Arc<View>,
    /// The open windows of this process, for the metrics.
    pub standings: Arc<PartitionStandings>,
    /// The names that did not join, in the partitions of this process.
    pub unjoined: Arc<UnjoinedNames>,
    /// The attackers' curves.
    pub race: Race,
    /// The deadlines of workflows.
    pub profiles: Profiles,
    /// What figures about exposures rest on.
    pub figures: FiguresConfig,
    /// Which of a credential's names is shown.
    pub names: NameOrder,
    /// What makes the pseudonyms in the labels of alerts.
    pub identity: Identity,
    /// How reviews are judged.
    pub oversight: OversightConfig,
    /// How long a worker may go without progress.
    pub stalled_after: Span,
    /// The time.
    pub clock: Clock,
    /// Reviewers with an alert.
    pub reviewer_alerts: Arc<ReviewerAlerts>,
    /// Where other programs deliver events, if they may.
    pub receivers: Option<Arc<Receivers>>,
    /// Whether the process only takes deliveries. It then shows no windows.
    pub only_receives: bool,
    /// Whether the events are simulated. The board then says so.
    pub demo: bool,
}

impl Shown {
    /// The rules of figures.
    pub const fn figure_rules(&self) -> FigureRules<'_> {
        FigureRules { race: &self.race, profiles: &self.profiles, figures: &self.figures }
    }
}
