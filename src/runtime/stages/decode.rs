//! A record → events.

use std::sync::Arc;

use super::context::Context as StageContext;
use super::record::Record;
use crate::config::Limits;
use crate::event::Event;
use crate::formats::maps::Maps;
use crate::formats::{
    Attributes, Context, Decoded, Format, Identity, Rejection, decode, decode_binary,
};

/// How the records of one input are decoded.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    pub(super) format: Format,
    pub(super) identity: Identity,
    pub(super) limits: Limits,
    pub(super) maps: Arc<Maps>,
}

impl Decoder {
    /// One for each input, by its format.
    pub(super) fn all(context: &StageContext, formats: &[Format]) -> Vec<Decoder> {
        let one = |format: &Format| Decoder {
            format: *format,
            identity: context.identity.clone(),
            limits: context.limits,
            maps: Arc::clone(&context.maps),
        };
        formats.iter().map(one).collect()
    }

    /// Appends the record's events to `out`. A detector that gives no time found its
    /// secret when the record was written.
    pub(super) fn decode<'r>(
        &self,
        record: Record<'r>,
        out: &mut Vec<Event<'r>>,
    ) -> Result<Decoded, Rejection> {
        let attributes = record.headers.and_then(|headers| attributes(&headers.all()));
        match attributes {
            Some(it) => decode_binary(&it, record.value, &self.context(record), out),
            None => self.decode_value(record, out),
        }
    }

    /// The same without a look at the headers, for records that have none that matter.
    pub(super) fn decode_value<'r>(
        &self,
        record: Record<'r>,
        out: &mut Vec<Event<'r>>,
    ) -> Result<Decoded, Rejection> {
        decode(self.format, record.value, &self.context(record), out)
    }

    fn context(&self, record: Record<'_>) -> Context<'_> {
        Context {
            identity: &self.identity,
            detected_at: record.written_at,
            limits: self.limits,
            maps: &self.maps,
        }
    }
}

/// The attributes of a CloudEvent in binary mode; `None` for any other record.
fn attributes<'r>(headers: &[(&'r str, &'r [u8])]) -> Option<Attributes<'r>> {
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
