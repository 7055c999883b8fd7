//! The routes.
//!
//! Invariants: an answer that reads windows is made on another thread than the loop that
//! serves connections; answers that read all windows are made one at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tracing::{debug, error};

use super::answer::{Problem, SECURITY_HEADERS, json};
use super::board::list::ListQuery;
use super::board::{self, Feed, Slot};
use super::exposure::{self, ExposureAnswer};
use super::guard::{self, Token};
use super::joining::Joining;
use super::options::{Options, Shown};
use super::query::{Parameters, cursor, sort_key_cursor};
use super::receivers::{self, Receivers};
use super::reviewer::{ReviewerAlertAnswer, ReviewerAlertsAnswer};
use super::window_now::WindowNow;
use super::{missing, runbooks, session, status};
use crate::engine::windows::State as WindowState;
use crate::report::figures::LedgerFigures;
use crate::runtime::clock;
use crate::runtime::view::{Filter, Older, Period, Reviewer, Status};
use crate::time::Timestamp;

const NO_WINDOW: &str = "the view has no window of this name: it does not exist, was not read \
                         yet, or closed too long ago";

/// Where people sign in and out.
const SESSION: &str = "/api/v1/session";

/// What the paths of the runbooks begin with.
const RUNBOOKS: &str = "/runbook/";

/// Bytes of a request to sign in at most.
const SIGN_IN_BYTES_MAX: usize = 8 << 10;

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
    let page = board::paths().fold(Router::new(), |page, path| page.route(&path, get(page_file)));
    page.route("/runbook/{name}", get(runbook))
        .route("/api/v1/session", get(signs_in).post(sign_in).delete(sign_out))
        .route("/api/v1/board", get(watch_board))
        .route("/api/v1/board/windows", get(list))
        .route("/api/v1/board/windows.csv", get(list_csv))
        .route("/api/v1/exposures/{*exposure_id}", get(exposure))
        .route("/api/v1/reviewer-alerts", get(reviewer_alerts))
        .route("/api/v1/reviewer-alerts/{*reviewer}", get(reviewer_alert))
        .route("/api/v1/windows", get(windows))
        .route("/api/v1/windows/{*exposure_id}", get(window))
        .route("/api/v1/summary", get(summary))
        .route("/api/v1/reviewers", get(reviewers))
        .route("/api/v1/unjoined", get(unjoined))
}

/// Around every answer: access, the time limit, and headers.
async fn around(State(server): State<Server>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let page = !server.shown.only_receives
        && missing::asks_for_page(&method, request.uri(), request.headers());
    let mut renewed = None;
    let mut response = match admitted(&server, &request) {
        Err(problem) => problem.into_response(),
        // It has limits of its own: a body may be long, and a disk slow.
        Ok(_) if receiver(&request).is_some() => next.run(request).await,
        Ok(cookie) => {
            renewed = cookie;
            let answer = tokio::time::timeout(server.answer_within, next.run(request)).await;
            answer.unwrap_or_else(|_| Problem::Timeout.into_response())
        }
    };
    if page {
        missing::say_on_page(&mut response);
    }
    for (name, value) in SECURITY_HEADERS {
        // The board's page sets its own policy.
        response.headers_mut().entry(name).or_insert(value);
    }
    if let Some(cookie) = renewed {
        // Signing in and out sets its own.
        response.headers_mut().entry(header::SET_COOKIE).or_insert(cookie);
    }
    debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}

/// Whether a request may be answered, and the cookie that renews its session.
fn admitted(server: &Server, request: &Request) -> Result<Option<HeaderValue>, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    if uri.path() == "/healthz" {
        return Ok(None);
    }
    let delivers = receiver(request);
    if let Some(name) = delivers {
        // A page in a browser could send what it likes to this machine, without a question
        // beforehand. It cannot leave out where it comes from.
        if headers.contains_key(header::ORIGIN) {
            return Err(Problem::Browser);
        }
        if name != receivers::EVENTS {
            return Ok(None);
        }
    }
    let Some(token) = &server.token else {
        let local = guard::names_an_address(uri, headers);
        return if local { Ok(None) } else { Err(Problem::Host) };
    };
    // The pages hold no figures; they ask for the token themselves. Signing in checks it.
    if board::has(uri.path()) || uri.path().starts_with(RUNBOOKS) || uri.path() == SESSION {
        return Ok(None);
    }
    if token.admits(headers) {
        return Ok(None);
    }
    // Programs deliver with the token, not people with a session.
    if delivers.is_some() || headers.contains_key(header::AUTHORIZATION) {
        return Err(Problem::Unauthorized);
    }
    let (sessions, now) = (token.sessions(), server.shown.clock.now());
    let session = sessions.session(uri, headers, now).ok_or(Problem::Unauthorized)?;
    Ok(sessions.renewed(session, uri, headers, now))
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

async fn runbook(Path(name): Path<String>) -> Result<Response, Problem> {
    runbooks::page(&name).ok_or(Problem::NotFound("there is no runbook of this name"))
}

/// Whether people have to sign in, and whether all is made up. Anybody may ask.
#[derive(Serialize)]
struct SignsIn {
    needed: bool,
    simulated: bool,
}

async fn signs_in(State(server): State<Server>) -> Response {
    json(StatusCode::OK, &SignsIn { needed: server.token.is_some(), simulated: server.shown.demo })
}

/// The token of somebody who signs in.
#[derive(Deserialize)]
struct SignIn {
    token: String,
}

async fn sign_in(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let Some(token) = &server.token else {
        return Err(Problem::NotFound("no token is set, so nobody has to sign in"));
    };
    let (parts, body) = request.into_parts();
    if !session::own_page(&parts.uri, &parts.headers) {
        return Err(Problem::Browser);
    }
    let body = axum::body::to_bytes(body, SIGN_IN_BYTES_MAX).await;
    let sent = body.ok().and_then(|body| serde_json::from_slice::<SignIn>(&body).ok());
    let sent = sent.ok_or(Problem::Body("the body is {\"token\": \"…\"}"))?;
    if !token.is(&sent.token) {
        return Err(Problem::Unauthorized);
    }
    let now = server.shown.clock.now();
    let cookie = token.sessions().sign_in(&parts.uri, &parts.headers, now);
    let cookie = cookie.ok_or(Problem::Internal)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

async fn sign_out() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in session::sign_out() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn list(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let query = ListQuery::read(&Parameters::read(&uri, ListQuery::KNOWN)?)?;
    server.thoroughly(move |shown| board::list::rows(&query, shown)).await
}

async fn list_csv(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let query = ListQuery::read(&Parameters::read(&uri, ListQuery::KNOWN)?)?;
    server.thoroughly(move |shown| board::list::csv(&query, shown)).await
}

async fn exposure(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Path(exposure_id) = path.map_err(|_| Problem::Path)?;
    Parameters::read(&uri, &[])?;
    let answer = move |shown: &Shown| {
        let row = exposure::find(&shown.view, &exposure_id);
        match row.as_ref().and_then(|row| ExposureAnswer::of(row, shown)) {
            Some(answer) => json(StatusCode::OK, &answer),
            None => Problem::NotFound(NO_WINDOW).into_response(),
        }
    };
    server.thoroughly(answer).await
}

async fn reviewer_alerts(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    Ok(json(StatusCode::OK, &ReviewerAlertsAnswer::of(&server.shown)))
}

async fn reviewer_alert(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Path(reviewer) = path.map_err(|_| Problem::Path)?;
    Parameters::read(&uri, &[])?;
    let missing = "there is no alert about this reviewer here: it may have ended before this \
                   process took over, or another instance judges the reviewer";
    let answer = move |shown: &Shown| match ReviewerAlertAnswer::of(shown, &reviewer) {
        Some(answer) => json(StatusCode::OK, &answer),
        None => Problem::NotFound(missing).into_response(),
    };
    server.thoroughly(answer).await
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

#[derive(Serialize)]
struct WindowsAnswer {
    as_of: Timestamp,
    view: Status,
    windows: Vec<WindowNow>,
    next: Option<String>,
}

async fn windows(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["state", "workflow", "limit", "after"])?;
    let filter = Filter {
        state: parameters.word("state", WindowState::parse, WindowState::ALL, word_of_state)?,
        workflow: parameters.workflow()?,
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
struct WindowAnswer {
    as_of: Timestamp,
    view: Status,
    window: WindowNow,
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
    let row = shown.view.get(&exposure_id).ok_or(Problem::NotFound(NO_WINDOW))?;
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
    let workflow = Parameters::read(&uri, &["workflow"])?.workflow()?;
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
    let workflow = parameters.workflow()?;
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
    let (workflow, limit) = (parameters.workflow()?, parameters.limit()?);
    let answer = move |shown: &Shown| json(StatusCode::OK, &Joining::of(shown, workflow, limit));
    server.thoroughly(answer).await
}

fn word_of_state(state: &WindowState) -> &'static str {
    state.as_str()
}
