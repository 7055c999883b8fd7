//! What librdkafka has to say, in our log.

/// Whether a lost connection is told as a login that failed.
pub(super) use crate::runtime::logging::is_lost_login;
/// A line of librdkafka's own log.
pub(super) use crate::runtime::logging::librdkafka as line;
/// An error of a client as a whole.
pub(super) use crate::runtime::logging::librdkafka_error as error;
/// Whether librdkafka goes on trying by itself.
pub(super) use crate::runtime::logging::passes_by_itself;
