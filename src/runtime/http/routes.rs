//! The routes.
//!
//! Invariants: an answer that reads windows is made on another thread than the loop that
//! serves connections; answers that read all windows are made one at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, watch};
use tracing::{debug, error};

use super::answer::{Problem, SECURITY_HEADERS, json};
use super::board::{self, Feed, Slot};
use super::guard::{self, Token};
use super::joining::Joining;
use super::options::{Options, Shown};
use super::query::{Parameters, cursor, sort_key_cursor};
use super::receivers::{self, Receivers};
use super::status;
use crate::engine::attacker::AttackerFirst;
use crate::engine::windows::State as WindowState;
use crate::event::Workflow;
use crate::report::figures::LedgerFigures;
use crate::runtime::clock;
use crate::runtime::view::{Filter, Older, Period, Reviewer, Row, Status};
use crate::time::{Span, Timestamp};

#[derive(Clone)]
struct Server {
    shown: Arc<Shown>,
    receivers: Option<Arc<Receivers>>,
    token: Option<Token>,
    answer_within: Duration,
    boards: Feed,
    /// Held while all windows are read.
    thorough: Arc<Semaphore>,
}

/// All routes.
pub(super) fn router(options: &Options, shown: Shown, stop: watch::Receiver<bool>) -> Router {
    let shown = Arc::new(shown);
    let server = Server {
        boards: Feed::start(Arc::clone(&shown), options.boards_max, stop),
        receivers: shown.receivers.clone(),
        shown,
        token: options.token.clone(),
        answer_within: options.answer_within,
        thorough: Arc::new(Semaphore::new(1)),
    };
    let all = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/in/{name}", post(receive));
    let all = if server.shown.only_receives { all } else { all.merge(windows_routes()) };
    let missing = match server.shown.only_receives {
        true => "this process only takes deliveries; ask one that runs the stages",
        false => "there is nothing at this path",
    };
    all.fallback(move || async move { Problem::NotFound(missing) })
        .method_not_allowed_fallback(async || Problem::Method)
        .layer(middleware::from_fn_with_state(server.clone(), around))
        .with_state(server)
}

/// The routes that show windows.
fn windows_routes() -> Router<Server> {
    let page = board::paths().fold(Router::new(), |page, path| page.route(path, get(page_file)));
    page.route("/api/v1/board", get(watch_board))
        .route("/api/v1/windows", get(windows))
        .route("/api/v1/windows/{*exposure_id}", get(window))
        .route("/api/v1/summary", get(summary))
        .route("/api/v1/reviewers", get(reviewers))
        .route("/api/v1/unjoined", get(unjoined))
}

/// Around every answer: access, the time limit, and headers.
async fn around(State(server): State<Server>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = if let Err(problem) = admitted(&server, &request) {
        problem.into_response()
    } else if receiver(&request).is_some() {
        // It has limits of its own: a body may be long, and a disk slow.
        next.run(request).await
    } else {
        let answer = tokio::time::timeout(server.answer_within, next.run(request)).await;
        answer.unwrap_or_else(|_| Problem::Timeout.into_response())
    };
    for (name, value) in SECURITY_HEADERS {
        // The board's page sets its own policy.
        response.headers_mut().entry(name).or_insert(value);
    }
    debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}

fn admitted(server: &Server, request: &Request) -> Result<(), Problem> {
    if request.uri().path() == "/healthz" {
        return Ok(());
    }
    if let Some(name) = receiver(request) {
        // A page in a browser could send what it likes to this machine, without a question
        // beforehand. It cannot leave out where it comes from.
        if request.headers().contains_key(header::ORIGIN) {
            return Err(Problem::Browser);
        }
        if name != receivers::EVENTS {
            return Ok(());
        }
    }
    // The board's page holds no figures. It asks for the token itself.
    let page = board::paths().any(|path| path == request.uri().path());
    match &server.token {
        Some(_) if page => Ok(()),
        Some(token) if token.admits(request.headers()) => Ok(()),
        Some(_) => Err(Problem::Unauthorized),
        None if guard::names_an_address(request.uri(), request.headers()) => Ok(()),
        None => Err(Problem::Host),
    }
}

/// The name of the receiver that a request is for.
fn receiver(request: &Request) -> Option<&str> {
    request.uri().path().strip_prefix("/in/")
}

impl Server {
    /// Makes an answer on another thread.
    async fn on_thread(
        &self,
        make: impl FnOnce(&Shown) -> Response + Send + 'static,
    ) -> Result<Response, Problem> {
        let shown = Arc::clone(&self.shown);
        let made = tokio::task::spawn_blocking(move || make(&shown)).await;
        made.map_err(|error| {
            error!("making an HTTP answer failed: {error}");
            Problem::Internal
        })
    }

    /// The same for an answer that reads all windows: one at a time. The next one waits
    /// until this one is made, even if its client has left.
    async fn thoroughly(
        &self,
        make: impl FnOnce(&Shown) -> Response + Send + 'static,
    ) -> Result<Response, Problem> {
        let turn = Arc::clone(&self.thorough).acquire_owned().await;
        let turn = turn.map_err(|_| Problem::Internal)?;
        let made = move |shown: &Shown| {
            let response = make(shown);
            drop(turn);
            response
        };
        self.on_thread(made).await
    }
}

async fn receive(State(server): State<Server>, request: Request) -> Response {
    // The name as it was sent, by which access was decided: a decoded one could be another.
    let name = receiver(&request).unwrap_or_default().to_owned();
    match &server.receivers {
        Some(receivers) => receivers::receive(receivers, &name, request).await,
        None => Problem::NotFound("this process has no receivers").into_response(),
    }
}

async fn healthz(State(server): State<Server>) -> Response {
    let alive = status::alive(&server.shown);
    json(if alive.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &alive)
}

async fn readyz(State(server): State<Server>) -> Response {
    let ready = status::ready(&server.shown);
    json(if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &ready)
}

async fn page_file(uri: Uri) -> Result<Response, Problem> {
    board::file(uri.path()).ok_or(Problem::NotFound("there is nothing at this path"))
}

/// The board's stream of server-sent events.
async fn watch_board(
    State(server): State<Server>,
    slot: Option<Extension<Arc<Slot>>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let Extension(slot) = slot.ok_or(Problem::Internal)?;
    let stream = server.boards.stream(&slot).ok_or(Problem::TooManyBoards)?;
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CONNECTION, "close")];
    Ok((headers, Body::new(stream)).into_response())
}

async fn metrics(State(server): State<Server>) -> Result<Response, Problem> {
    let exposition = |shown: &Shown| {
        shown.metrics.standings(&shown.standings.totals(), shown.clock.now());
        shown.pipeline.view(&shown.view.metrics());
        let unjoined = shown.unjoined.totals().events;
        shown.pipeline.unjoined(
            unjoined
                .iter()
                .map(|((kind, source), count)| (*kind, source.as_deref().into(), *count)),
        );
        let (forward, back) = clock::jumps();
        shown.pipeline.clock_jumps(forward, back);
        match shown.metrics.encode() {
            Ok(text) => {
                let form = "text/plain; version=0.0.4; charset=utf-8";
                ([(header::CONTENT_TYPE, form)], text).into_response()
            }
            Err(error) => {
                error!("the metrics cannot be encoded: {error}");
                Problem::Internal.into_response()
            }
        }
    };
    server.on_thread(exposition).await
}

/// One window in an answer.
#[derive(Serialize)]
struct WindowNow<'r> {
    /// How long it has been waiting; null once it is closed.
    waiting_ms: Option<Span>,
    /// The attacker's chance now. The record has it for the time when it was written.
    attacker_first: Option<AttackerFirst>,
    record: Option<&'r RawValue>,
}

impl WindowNow<'_> {
    fn of<'r>(row: &'r Row, shown: &Shown, now: Timestamp) -> WindowNow<'r> {
        let record = row.read();
        let waits = !matches!(row.state, WindowState::Closed | WindowState::Withdrawn);
        WindowNow {
            waiting_ms: waits.then(|| now.since(row.start).max(Span::ZERO)),
            attacker_first: record.and_then(|r| r.window().attacker_first(&shown.race, now)),
            record: row.json(),
        }
    }
}

#[derive(Serialize)]
struct WindowsAnswer<'r> {
    as_of: Timestamp,
    view: Status,
    windows: Vec<WindowNow<'r>>,
    next: Option<String>,
}

async fn windows(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["state", "workflow", "limit", "after"])?;
    let filter = Filter {
        state: parameters.word("state", WindowState::parse, WindowState::ALL, word_of_state)?,
        workflow: workflow(&parameters)?,
    };
    let (after, limit) = (parameters.after_sort_key()?, parameters.limit()?);
    let answer = move |shown: &Shown| {
        let (as_of, view) = (shown.clock.now(), shown.view.status());
        let page = shown.view.page(&filter, after, limit);
        let windows = page.rows.iter().map(|row| WindowNow::of(row, shown, as_of)).collect();
        let next = page.next.as_ref().map(sort_key_cursor);
        json(StatusCode::OK, &WindowsAnswer { as_of, view, windows, next })
    };
    server.on_thread(answer).await
}

#[derive(Serialize)]
struct WindowAnswer<'r> {
    as_of: Timestamp,
    view: Status,
    window: WindowNow<'r>,
}

async fn window(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Path(exposure_id) = path.map_err(|_| Problem::Path)?;
    Parameters::read(&uri, &[])?;
    let shown = &server.shown;
    let (as_of, view) = (shown.clock.now(), shown.view.status());
    let missing = "the view has no window of this name: it does not exist, was not read yet, or \
                   closed too long ago";
    let row = shown.view.get(&exposure_id).ok_or(Problem::NotFound(missing))?;
    let window = WindowNow::of(&row, shown, as_of);
    Ok(json(StatusCode::OK, &WindowAnswer { as_of, view, window }))
}

#[derive(Serialize)]
struct SummaryAnswer {
    as_of: Timestamp,
    view: Status,
    period: Period,
    older: Older,
    figures: LedgerFigures,
}

async fn summary(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let workflow = workflow(&Parameters::read(&uri, &["workflow"])?)?;
    let answer = move |shown: &Shown| {
        let (as_of, view) = (shown.clock.now(), shown.view.status());
        let summary = shown.view.summary(&shown.figure_rules(), workflow, as_of);
        let (period, older, figures) = (summary.period, summary.older, summary.figures);
        json(StatusCode::OK, &SummaryAnswer { as_of, view, period, older, figures })
    };
    server.thoroughly(answer).await
}

#[derive(Serialize)]
struct ReviewersAnswer<'r> {
    as_of: Timestamp,
    view: Status,
    period: Period,
    not_told_apart: u64,
    reviewers: Vec<Named<'r>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Named<'r> {
    reviewer: &'r str,
    #[serde(flatten)]
    figures: &'r Reviewer,
}

async fn reviewers(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["workflow", "limit", "after"])?;
    let workflow = workflow(&parameters)?;
    let (after, limit) = (parameters.after()?, parameters.limit()?);
    let answer = move |shown: &Shown| {
        let (as_of, view) = (shown.clock.now(), shown.view.status());
        let all = shown.view.reviewers(workflow, as_of);
        let rest = all.reviewers.iter().filter(|(name, _)| after.as_ref() < Some(*name));
        let mut rest = rest.map(|(name, figures)| Named { reviewer: name, figures });
        let reviewers: Vec<_> = rest.by_ref().take(limit).collect();
        let last = reviewers.last().filter(|_| rest.next().is_some());
        let next = last.map(|last| cursor(last.reviewer));
        let (period, not_told_apart) = (all.period, all.not_told_apart);
        let answer = ReviewersAnswer { as_of, view, period, not_told_apart, reviewers, next };
        json(StatusCode::OK, &answer)
    };
    server.thoroughly(answer).await
}

async fn unjoined(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["workflow", "limit"])?;
    let (workflow, limit) = (workflow(&parameters)?, parameters.limit()?);
    let answer = move |shown: &Shown| json(StatusCode::OK, &Joining::of(shown, workflow, limit));
    server.thoroughly(answer).await
}

fn workflow(parameters: &Parameters) -> Result<Option<Workflow>, Problem> {
    parameters.word("workflow", Workflow::parse, Workflow::ALL, |workflow| workflow.as_str())
}

fn word_of_state(state: &WindowState) -> &'static str {
    state.as_str()
}
