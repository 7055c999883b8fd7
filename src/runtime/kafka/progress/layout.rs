//! The partitions of our own topics while a run uses them.
//!
//! Invariant: a topic that has gained partitions ends the run at once, since the next event of a
//! credential may go elsewhere. A topic that is not there is given time: brokers that start
//! forget topics for a moment.

use std::collections::BTreeMap;

use crate::runtime::stages::Fault;
use crate::time::Span;

/// How long a topic may be missing or smaller before it counts as deleted.
const MISSING_MAX: Span = Span::from_secs(15);

/// What is known of the topics.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// How many partitions each had when it was first seen.
    known: BTreeMap<String, usize>,
    /// Since when each has fewer.
    fewer_since: BTreeMap<String, Span>,
}

impl Layout {
    /// Takes in how many partitions a topic has now, 0 if no broker knows it.
    ///
    /// # Errors
    /// It is not the topic that the run began with.
    pub(super) fn look(&mut self, uptime: Span, topic: &str, now: usize) -> Result<(), Fault> {
        let known = match self.known.get(topic) {
            Some(known) => *known,
            None if now == 0 => return Ok(()),
            None => {
                self.known.insert(topic.to_owned(), now);
                now
            }
        };
        if now > known {
            return Err(Fault::Lasting(format!(
                "somebody gave topic {topic} {now} partitions while the run used it, and it had \
                 {known}: credentials would not find what is known of them; the number of \
                 partitions cannot change, so begin anew under another [topics] prefix and \
                 another [kafka] group"
            )));
        }
        if now == known {
            self.fewer_since.remove(topic);
            return Ok(());
        }
        let since = *self.fewer_since.entry(topic.to_owned()).or_insert(uptime);
        if uptime <= since + MISSING_MAX {
            return Ok(());
        }
        Err(Fault::Lasting(format!(
            "somebody deleted topic {topic} while the run used it (it has {now} partitions, and \
             had {known}): start the run again, and it says what is lost and what to do"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Span = Span::from_secs(1);

    #[test]
    fn a_topic_that_grows_ends_the_run_at_once() {
        let mut layout = Layout::default();
        layout.look(S, "events", 4).unwrap();
        layout.look(S, "events", 4).unwrap();
        let Err(Fault::Lasting(why)) = layout.look(S, "events", 8) else { panic!() };
        assert!(why.contains("topic events 8 partitions") && why.contains("it had 4"), "{why}");
    }

    #[test]
    fn a_topic_that_is_gone_ends_the_run_unless_it_comes_back_soon() {
        let mut layout = Layout::default();
        layout.look(S, "state", 0).unwrap();
        layout.look(S, "state", 4).unwrap();
        layout.look(S + S, "state", 0).unwrap();
        layout.look(S + MISSING_MAX, "state", 4).unwrap();
        // A broker has made it anew, with its own default of partitions.
        let later = S + MISSING_MAX + S;
        layout.look(later, "state", 1).unwrap();
        layout.look(later + MISSING_MAX, "state", 1).unwrap();
        let Err(Fault::Lasting(why)) = layout.look(later + MISSING_MAX + S, "state", 1) else {
            panic!()
        };
        assert!(why.contains("deleted topic state"), "{why}");
    }
}
