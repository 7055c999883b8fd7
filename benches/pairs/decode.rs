//! Two versions of the decoders in turn: `benches/pairs/run` builds this.
//!
//! The processor time of the thread is measured, in stretches of about a millisecond: shorter
//! than the time after which the system lets another process on the processor. So the ratios hold
//! on a busy machine, too.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAIRS: usize = 2_001;
/// Records decoded in one stretch, about.
const STRETCH: usize = 1_000;

/// The maps are measured in so many stretches.
const MAP_STRETCHES: usize = 201;

macro_rules! version {
    ($name:ident, $($maps:tt)*) => {
        mod $name {
            use $name::config::Limits;
            use $name::formats::{Context, Format, Identity, decode};
            use $name::time::Timestamp;

            pub(super) fn identity() -> Identity {
                Identity::new(b"a key for benches").unwrap()
            }

            fn context(identity: &Identity) -> Context<'_> {
                let detected_at = Some(Timestamp::from_millis(1_800_000_000_000));
                Context { identity, detected_at, limits: Limits::DEFAULT, $($maps)* }
            }

            /// Decodes the records so many times, and returns how many were accepted.
            #[inline(never)]
            pub(super) fn run(identity: &Identity, records: &[&[u8]], times: usize) -> usize {
                let context = context(identity);
                let (mut events, mut accepted) = (Vec::new(), 0);
                for _ in 0..times {
                    for record in records {
                        events.clear();
                        let decoded = decode(Format::Auto, record, &context, &mut events);
                        accepted += usize::from(std::hint::black_box(decoded).is_ok());
                    }
                }
                accepted
            }
        }
    };
}
// A commit before there were maps takes none.
version!(before,);
version!(after, maps: after::formats::maps::Maps::NONE);

/// Nanoseconds of processor time of this thread.
fn spent(work: impl Fn() -> usize) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let began = now();
    black_box(work());
    (now() - began) as f64
}

fn main() {
    let (old, new) = (before::identity(), after::identity());
    for path in std::env::args().skip(1) {
        let text = std::fs::read(&path).unwrap();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let both =
            |record: &&[u8]| before::run(&old, &[record], 1) + after::run(&new, &[record], 1) == 2;
        let records: Vec<&[u8]> = lines.filter(both).take(STRETCH).collect();
        let times = (STRETCH / records.len()).max(1);
        let decoded = (times * records.len()) as f64;
        let (mut olds, mut news, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            let old = || spent(|| before::run(&old, &records, times)) / decoded;
            let new = || spent(|| after::run(&new, &records, times)) / decoded;
            let (old, new) = match pair % 2 {
                0 => (old(), new()),
                _ => {
                    let first = new();
                    (old(), first)
                }
            };
            olds.push(old);
            news.push(new);
            ratios.push(new / old);
        }
        for figures in [&mut olds, &mut news, &mut ratios] {
            figures.sort_by(f64::total_cmp);
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        println!(
            "{name:<20} {:>5} records: {:>6.0} ns before, {:>6.0} ns after (fastest); median ratio {:.3}",
            records.len(),
            olds[0],
            news[0],
            ratios[PAIRS / 2],
        );
    }
    maps(&new);
}

/// The records of each shipped map's fixtures that give events, recognised among all maps.
fn maps(identity: &::after::formats::Identity) {
    use ::after::formats::maps::Maps;
    use ::after::formats::{Context, Format, decode};
    let maps = Maps::shipped();
    let context = Context {
        identity,
        detected_at: Some(::after::time::Timestamp::from_millis(1_800_000_000_000)),
        limits: ::after::config::Limits::DEFAULT,
        maps: &maps,
    };
    let run = |records: &[&str]| {
        let mut given = 0;
        for record in records {
            let mut events = Vec::new();
            let _ = black_box(decode(Format::Auto, record.as_bytes(), &context, &mut events));
            given += events.len();
        }
        given
    };
    for map in maps.iter() {
        let texts = map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson"));
        let lines = texts.flat_map(|(_, text)| text.lines());
        let records: Vec<&str> = lines.filter(|record| run(&[record]) > 0).collect();
        let each = |_| spent(|| run(&records)) / records.len() as f64;
        let mut figures: Vec<f64> = (0..MAP_STRETCHES).map(each).collect();
        figures.sort_by(f64::total_cmp);
        let median = figures[MAP_STRETCHES / 2];
        let (name, rate) = (map.name(), 1e9 / median);
        println!("map {name:<16} {:>5} records: {median:>7.0} ns each (median), {rate:>8.0} a second", records.len());
    }
}
