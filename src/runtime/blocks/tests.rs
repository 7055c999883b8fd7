//! Blocks against a map of what is held: through compactions, sessions and writers that stop in
//! the middle.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Block, BlockWriter, Found, Missing, Sent, is_key};
use crate::time::Timestamp;

/// The records of a topic: key and block.
type Log = Vec<(Vec<u8>, Option<Vec<u8>>)>;
/// What is done while a topic is read.
type Reading = (Held, Found);
type Held = BTreeMap<Vec<u8>, Vec<u8>>;

const BYTES_MAX: usize = 2_000;

fn log_to(log: &mut Log) -> impl FnMut(Sent<'_>) -> Result<(), ()> {
    |sent| {
        log.push((sent.key.to_vec(), sent.block.map(<[u8]>::to_vec)));
        Ok(())
    }
}

/// Reads a topic from its beginning to its end.
fn read(log: &Log, session: u64) -> Result<(Held, BlockWriter), Missing> {
    let (mut held, mut found) = Reading::default();
    log.iter().for_each(|record| read_one(record, (&mut held, &mut found)));
    Ok((held, found.go_on(session)?))
}

fn read_one((key, value): &(Vec<u8>, Option<Vec<u8>>), (held, found): (&mut Held, &mut Found)) {
    assert!(is_key(key));
    let Some(value) = value else {
        found.take(key, None);
        return;
    };
    let block = Block::read(value).expect("a block");
    if found.begins_anew(&block) {
        held.clear();
    }
    let mut entries = 0;
    for (key, state) in block.entries() {
        entries += 1;
        match state {
            Some(state) => drop(held.insert(key.to_vec(), state.to_vec())),
            None => drop(held.remove(key)),
        }
    }
    found.take(key, Some((&block, entries)));
}

/// Reads a topic that is compacted once the first `part` of it, in hundredths, is read.
fn read_while_compacted(log: &Log, part: usize, looked_at: usize) -> Held {
    let (mut held, mut found) = Reading::default();
    let read = log.len() * part / 100;
    log[..read].iter().for_each(|record| read_one(record, (&mut held, &mut found)));
    // The same records under their offsets, as compaction leaves them.
    let mut compacted = log.clone();
    compact(&mut compacted, log.len() * looked_at / 100);
    let left = |record: &&(Vec<u8>, Option<Vec<u8>>)| log[read..].contains(record);
    compacted.iter().filter(left).for_each(|record| read_one(record, (&mut held, &mut found)));
    found.go_on(1_000).unwrap();
    held
}

/// Removes what compaction may remove that has looked at the first `looked_at` records: every one
/// that a later one of them replaces, and tombstones.
fn compact(log: &mut Log, looked_at: usize) {
    let rest = log.split_off(looked_at);
    let last: BTreeMap<Vec<u8>, usize> =
        log.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
    let mut at = 0;
    log.retain(|(key, value)| {
        at += 1;
        last[key] == at - 1 && value.is_some()
    });
    log.extend(rest);
}

/// A stage that has a state, and that writes all of it again where it is asked to.
#[derive(Default)]
struct Writing {
    held: Held,
    /// The keys still to be written again.
    left: Option<Vec<Vec<u8>>>,
}

impl Writing {
    fn commit(
        &mut self,
        changes: &[(u8, Option<u8>)],
        writer: &mut BlockWriter,
        log: &mut Log,
    ) -> Result<(), ()> {
        let mut send = |writer: &mut BlockWriter, key: &[u8], state: Option<&[u8]>| {
            writer.push((key, state), None, BYTES_MAX, log_to(log))
        };
        for (key, state) in changes {
            // Long enough that blocks are many.
            let (key, state) = (vec![*key], state.map(|state| vec![state; 40]));
            send(writer, &key, state.as_deref())?;
            match state {
                Some(state) => drop(self.held.insert(key, state)),
                None => drop(self.held.remove(&key)),
            }
        }
        let mut all = false;
        if let Some(most) = writer.rewrites(self.held.len()) {
            let left = self.left.get_or_insert_with(|| self.held.keys().cloned().collect());
            for key in left.split_off(left.len().saturating_sub(most / 10)) {
                send(writer, &key, self.held.get(&key).map(Vec::as_slice))?;
            }
            all = left.is_empty();
            if all {
                self.left = None;
            }
        }
        writer.flush(log_to(log))?;
        writer.committed(all);
        Ok(())
    }

    /// Takes steps from a session on; after each restart it has what it held.
    fn take(&mut self, steps: Vec<Step>, session: u64, mut writer: BlockWriter, log: &mut Log) {
        let mut session = session;
        for step in steps {
            match step {
                Step::Commit(changes) => self.commit(&changes, &mut writer, log).unwrap(),
                Step::Compact(part) => compact(log, log.len() * part / 100),
                Step::Restart => {
                    session += 1;
                    let (held, anew) = read(log, session).unwrap();
                    assert_eq!(held, self.held);
                    (writer, self.left) = (anew, None);
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(u8, Option<u8>)>),
    /// Up to a part of the log, in hundredths.
    Compact(usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = (0_u8..60, prop::option::weighted(0.7, any::<u8>()));
    let step = prop_oneof![
        20 => prop::collection::vec(change, 0..120).prop_map(Step::Commit),
        4 => (0_usize..=100).prop_map(Step::Compact),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_read_back_is_what_was_held(steps in steps()) {
        let (mut log, mut stage) = (Log::new(), Writing::default());
        stage.take(steps, 0, BlockWriter::new(0), &mut log);
        prop_assert_eq!(&read(&log, 1_000).unwrap().0, &stage.held);
        for part in [10, 30, 50, 70, 90] {
            prop_assert_eq!(&read_while_compacted(&log, part, 100), &stage.held);
            prop_assert_eq!(&read_while_compacted(&log, part, 80), &stage.held);
        }
    }

    /// Without transactions a writer that stops in the middle leaves what it had sent, and the
    /// next one compacts what it finds.
    #[test]
    fn compaction_changes_nothing_wherever_a_writer_stopped(
        [steps, later] in [steps(), steps()],
        ends in 0_usize..=1_000,
        looked_at in 0_usize..=100,
    ) {
        let (mut log, mut stage) = (Log::new(), Writing::default());
        let mut writer = BlockWriter::new(0);
        for step in steps {
            if let Step::Commit(changes) = step {
                stage.commit(&changes, &mut writer, &mut log).unwrap();
            }
        }
        log.truncate(log.len() * ends / 1_000);
        let (whole, _) = read(&log, 1).unwrap();
        let looked_at = log.len() * looked_at / 100;
        compact(&mut log, looked_at);
        let (held, writer) = read(&log, 1).unwrap();
        prop_assert_eq!(&held, &whole);
        let mut stage = Writing { held, left: None };
        stage.take(later, 1, writer, &mut log);
        prop_assert_eq!(&read(&log, 1_000).unwrap().0, &stage.held);
    }
}

#[test]
fn a_block_that_is_missing_is_found() {
    let (mut log, mut stage, mut writer) = (Log::new(), Writing::default(), BlockWriter::new(0));
    for number in 0..5 {
        stage.commit(&[(number, Some(number))], &mut writer, &mut log).unwrap();
    }
    log.remove(1);
    log.remove(1);
    assert_eq!(read(&log, 1).err(), Some(Missing { first: 1, blocks: 2 }));
}

#[test]
fn a_topic_stays_short_however_often_states_change() {
    let (mut log, mut stage, mut writer) = (Log::new(), Writing::default(), BlockWriter::new(0));
    for round in 0..5_000_u32 {
        let changes: Vec<_> = (0..50).map(|key| (key, Some(round as u8))).collect();
        stage.commit(&changes, &mut writer, &mut log).unwrap();
        if round % 100 == 0 {
            let all = log.len();
            compact(&mut log, all);
        }
    }
    let all = log.len();
    compact(&mut log, all);
    let entries: usize = log
        .iter()
        .map(|(_, block)| Block::read(block.as_ref().unwrap()).unwrap().entries().count())
        .sum();
    // 3 × 50 and 100 spare ones, twice for the blocks that wait for their turn, and more of those.
    assert!(entries < 1_500, "{entries} entries in {} blocks", log.len());
}

#[test]
fn a_topic_gets_short_again_once_much_is_gone() {
    let (mut log, mut writer) = (Log::new(), BlockWriter::new(0));
    let mut push = |writer: &mut BlockWriter, key: u32, state: Option<&[u8]>| {
        writer.push((&key.to_le_bytes(), state), None, BYTES_MAX, log_to(&mut log)).unwrap();
    };
    for key in 0..20_000_u32 {
        push(&mut writer, key, Some(&[0; 40]));
    }
    for key in 0..20_000_u32 {
        push(&mut writer, key, None);
    }
    writer.flush(log_to(&mut log)).unwrap();
    writer.committed(false);
    for key in 0..100_u32 {
        let all = writer.rewrites(0).is_some();
        writer.push((&key.to_le_bytes(), Some(b"x")), None, BYTES_MAX, log_to(&mut log)).unwrap();
        writer.flush(log_to(&mut log)).unwrap();
        writer.committed(all);
    }
    let all = log.len();
    compact(&mut log, all);
    assert!(log.len() < 200, "{} blocks", log.len());
    assert_eq!(read(&log, 1).unwrap().0.len(), 100);
}

#[test]
fn a_block_bears_the_latest_time_of_its_entries() {
    let (mut times, mut writer) = (Vec::new(), BlockWriter::new(0));
    let mut send = |sent: Sent<'_>| -> Result<(), ()> {
        times.push(sent.written_at);
        Ok(())
    };
    for at in [2, 3, 1] {
        let at = Some(Timestamp::from_millis(at));
        writer.push((b"key", None), at, BYTES_MAX, &mut send).unwrap();
    }
    writer.flush(&mut send).unwrap();
    assert_eq!(times, [Some(Timestamp::from_millis(3))]);
}

#[test]
fn what_is_no_whole_block_is_none() {
    let (mut log, mut stage, mut writer) = (Log::new(), Writing::default(), BlockWriter::new(0));
    stage.commit(&[(1, Some(1)), (2, None)], &mut writer, &mut log).unwrap();
    let whole = log[0].1.take().unwrap();
    assert_eq!(Block::read(&whole).unwrap().entries().count(), 2);
    for length in 0..whole.len() {
        // One that ends between two entries is a shorter block.
        let ends_between = Block::read(&whole[..length]).is_some();
        assert!(!ends_between || [17, 17 + 8 + 1 + 40].contains(&length), "{length}");
    }
    let mut other = whole;
    other[0] += 1;
    assert!(Block::read(&other).is_none());
    for foreign in [&b""[..], b"hello", &[0; 64], b"{\"json\":true}"] {
        assert!(Block::read(foreign).is_none());
    }
}
