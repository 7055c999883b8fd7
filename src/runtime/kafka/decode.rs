//! A record of a topic → events.

use super::raw::Record;
use crate::config::Limits;
use crate::event::Event;
use crate::formats::{
    Attributes, Context, Decoded, Format, Identity, Rejection, decode, decode_binary,
};
use crate::time::Timestamp;

/// How the records of one topic are decoded.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    pub(super) format: Format,
    pub(super) identity: Identity,
    pub(super) limits: Limits,
}

impl Decoder {
    /// Appends the record's events to `out`. A record without a value is an
    /// empty one. Detectors that give no time found it when it was recorded.
    pub(super) fn decode<'b>(
        &self,
        record: Record<'b>,
        out: &mut Vec<Event<'b>>,
    ) -> Result<Decoded, Rejection> {
        let value = record.payload().unwrap_or_default();
        match attributes(&record.headers()) {
            Some(attributes) => decode_binary(&attributes, value, &self.context(record), out),
            None => self.decode_value(record, out),
        }
    }

    /// The same by the record's value alone.
    pub(super) fn decode_value<'b>(
        &self,
        record: Record<'b>,
        out: &mut Vec<Event<'b>>,
    ) -> Result<Decoded, Rejection> {
        let value = record.payload().unwrap_or_default();
        decode(self.format, value, &self.context(record), out)
    }

    fn context(&self, record: Record<'_>) -> Context<'_> {
        Context {
            identity: &self.identity,
            detected_at: record.timestamp_ms().map(Timestamp::from_millis),
            limits: self.limits,
        }
    }
}

/// The attributes of a CloudEvent in binary mode; `None` if it is none.
fn attributes<'b>(headers: &[(&'b str, &'b [u8])]) -> Option<Attributes<'b>> {
    let header = |wanted: &str| {
        headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    Some(Attributes {
        specversion: Some(header("ce_specversion")?),
        id: header("ce_id"),
        source: header("ce_source"),
        kind: header("ce_type"),
        time: header("ce_time"),
        content_type: header("content-type"),
    })
}
