//! The program's own log: to standard error, for people or for machines.
//!
//! Invariants: standard output stays free for results; every line of librdkafka
//! comes through here; control characters cannot forge a line.

use std::fmt;
use std::io;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::{Subscriber, debug, error, info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// One line per entry, for people.
    #[default]
    Pretty,
    /// One JSON object per entry.
    Json,
}

/// Why the log cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggingError {
    /// The filter does not have the form `level` or `target=level`, with commas.
    Filter(String),
    /// It is set up already.
    Twice,
}

impl fmt::Display for LoggingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoggingError::Filter(why) => {
                write!(f, "the log filter must be like `info` or `warn,shutterlag=debug`: {why}")
            }
            LoggingError::Twice => f.write_str("the log is set up already"),
        }
    }
}

impl std::error::Error for LoggingError {}

/// Sets up the log for the process: entries that pass `filter`, in `form`, to
/// standard error; with colours where `colours` says so.
///
/// # Errors
/// See [`LoggingError`].
pub fn init(form: Form, filter: &str, colours: bool) -> Result<(), LoggingError> {
    let subscriber = subscriber(form, filter, colours, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::Twice)
}

/// A log that writes to `writer`.
///
/// # Errors
/// [`LoggingError::Filter`].
pub fn subscriber<W>(
    form: Form,
    filter: &str,
    colours: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter: Targets =
        filter.parse().map_err(|error| LoggingError::Filter(format!("{error}")))?;
    let passed = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(writer);
    Ok(match form {
        Form::Pretty => Box::new(passed.with(lines)),
        Form::Json => Box::new(passed.with(lines.json().flatten_event(true))),
    })
}

/// Writes a line of librdkafka to the log: `facility` is its word for what the
/// line is about. For implementations of `ClientContext::log`.
pub fn librdkafka(level: RDKafkaLogLevel, facility: &str, message: &str) {
    // A macro's level is part of the code: one call for each.
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => error!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Warning => warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Writes an error of a whole client to the log. For implementations of
/// `ClientContext::error`.
///
/// Of each connection that fails librdkafka's own log has a line already, and its
/// errors say so again many times a second: they are for debugging. The end of a
/// partition is no error at all.
pub fn librdkafka_error(error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    if passes_by_itself(error) || is_lost_login(error, reason) {
        debug!(target: "librdkafka", "{reason}");
    } else {
        error!(target: "librdkafka", "{error}: {reason}");
    }
}

/// Whether it says of a connection that was lost while it logged in that it could
/// not log in.
pub fn is_lost_login(error: &KafkaError, reason: &str) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication)
        && reason.contains("Broker transport failure")
}

/// Whether librdkafka goes on trying by itself.
pub fn passes_by_itself(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::NotEnoughReplicas
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::NotCoordinator
        )
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(form: Form, filter: &str, log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(form, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn librdkafkas_lines_keep_their_level_and_facility() {
        for (level, word) in [
            (RDKafkaLogLevel::Emerg, "ERROR"),
            (RDKafkaLogLevel::Error, "ERROR"),
            (RDKafkaLogLevel::Warning, "WARN"),
            (RDKafkaLogLevel::Notice, "INFO"),
            (RDKafkaLogLevel::Info, "INFO"),
            (RDKafkaLogLevel::Debug, "DEBUG"),
        ] {
            let line =
                logged(Form::Json, "debug", || librdkafka(level, "FAIL", "broker \"1\" is down"));
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(json["level"], word);
            assert_eq!(json["target"], "librdkafka");
            assert_eq!(json["facility"], "FAIL");
            assert_eq!(json["message"], "broker \"1\" is down");
        }
    }

    #[test]
    fn the_filter_decides_by_target_and_level() {
        let log = || {
            librdkafka(RDKafkaLogLevel::Warning, "FAIL", "down");
            librdkafka(RDKafkaLogLevel::Info, "INIT", "up");
            info!(target: "shutterlag", "ours");
        };
        let lines = logged(Form::Pretty, "info,librdkafka=warn", log);
        assert!(
            lines.contains("down") && lines.contains("ours") && !lines.contains("up"),
            "{lines}"
        );
        let error = subscriber(Form::Pretty, "shutterlag=loud", false, io::sink).err().unwrap();
        assert!(error.to_string().contains("the log filter must be like"), "{error}");
    }

    #[test]
    fn a_message_cannot_forge_a_line_of_json() {
        let line = logged(Form::Json, "info", || {
            librdkafka(RDKafkaLogLevel::Error, "X", "a\n{\"level\":\"INFO\"}\u{1b}[2J");
        });
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'));
    }
}
