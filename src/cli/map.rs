//! `shutterlag map`: lists maps, tries one on a file, and tests one against its fixtures.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::value::RawValue;

use super::{CliError, Outcome, identity, tell};
use crate::config::Limits;
use crate::event::Event;
use crate::formats::maps::{self, Fixture, FixtureFault, Map, Maps};
use crate::formats::{Context, Decoded, Format, Rejection, SkipReason, decode};
use crate::report::terminal::printable;
use crate::settings::{OwnMaps, map_source};
use crate::time::Timestamp;

/// A larger file is for `replay`.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Arguments of `map`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the maps that come with the program, and your own.
    List {
        /// The directory of your own maps.
        #[arg(long, value_name = "DIR")]
        maps_dir: Option<PathBuf>,
    },
    /// Show what becomes of each record of a file, and why.
    Try {
        /// JSON records, one after the other; `-` is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// Use this map instead of recognising each record.
        #[arg(long, value_name = "NAME")]
        map: Option<String>,

        /// The directory of your own maps.
        #[arg(long, value_name = "DIR")]
        maps_dir: Option<PathBuf>,

        /// When the records arrived (RFC 3339), for maps that ask for it.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
        detected_at: Option<Timestamp>,
    },
    /// Compare what becomes of a map's fixtures with what they expect.
    Test {
        /// The folder of a map, or a directory of maps.
        #[arg(value_name = "DIR", required_unless_present = "map")]
        dir: Option<PathBuf>,

        /// Test only this map: of the directory, or without one of those that ship.
        #[arg(long, value_name = "NAME")]
        map: Option<String>,

        /// Write what becomes of the fixtures as what they expect. Read it before you keep it.
        #[arg(long)]
        write: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or written, or a map cannot be used.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    match &args.command {
        Command::List { maps_dir } => {
            let maps = load(maps_dir.as_deref(), Format::Auto)?;
            list(&maps)
        }
        Command::Try { file, map, maps_dir, detected_at } => {
            let format = match map {
                None => Format::Auto,
                Some(name) => format(name).map_err(CliError::Usage)?,
            };
            let maps = load(maps_dir.as_deref(), format)?;
            attempt(&read(file)?, format, &maps, *detected_at)
        }
        Command::Test { dir, map, write } => test(dir.as_deref(), map.as_deref(), *write),
    }
}

/// The format that an argument names.
pub(super) fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| "neither a format nor the name of a map".to_owned())
}

/// The maps of `dir` and those that come with the program.
///
/// # Errors
/// A map that cannot be used, and a `format` that is neither a format nor a map.
pub(super) fn load(dir: Option<&Path>, format: Format) -> Result<Arc<Maps>, CliError> {
    let maps = match dir {
        None => Arc::new(Maps::shipped()),
        Some(dir) => OwnMaps::load(dir).map_err(|faults| CliError::Usage(faults.join("\n")))?.maps,
    };
    match format {
        Format::Map(name) if maps.get(name).is_none() => {
            let formats: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
            let names: Vec<&str> = maps.iter().map(Map::name).collect();
            Err(CliError::Usage(format!(
                "`{name}` is neither a format nor a map; formats are {}; maps are {}",
                formats.join(", "),
                names.join(", ")
            )))
        }
        _ => Ok(maps),
    }
}

fn list(maps: &Maps) -> Result<Outcome, CliError> {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["Map", "From", "Recognised", "What it reads"]);
    for map in maps.iter() {
        let from = if map.is_shipped() { "shutterlag" } else { "your own" };
        let recognised = if map.recognises() { "by auto" } else { "by name only" };
        table.add_row([map.name(), from, recognised, &printable(map.description())]);
    }
    print(&format!("{table}\n"))
}

/// Writes to standard output, whose reader may have gone.
fn print(text: &str) -> Result<Outcome, CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Outcome::Fine),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let cannot =
        |error: io::Error| CliError::Failed(format!("{}: cannot be read: {error}", file.display()));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(cannot)?),
    };
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(CliError::Usage(format!(
            "{}: larger than {FILE_BYTES_MAX} bytes; use `shutterlag replay`",
            file.display()
        ))),
        false => Ok(bytes),
    }
}

/// The records of a file, each with the line on which it begins. What is not JSON is one record
/// to the end: the decoder says what is wrong with it.
fn records(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut records = Vec::new();
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    let line = |at: usize| 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count();
    loop {
        let from = stream.byte_offset();
        let blank = bytes[from..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        match stream.next() {
            None => return records,
            Some(Ok(record)) => records.push((line(from + blank), record.get().as_bytes())),
            Some(Err(_)) => {
                records.push((line(from + blank), &bytes[from + blank..]));
                return records;
            }
        }
    }
}

fn attempt(
    bytes: &[u8],
    format: Format,
    maps: &Maps,
    detected_at: Option<Timestamp>,
) -> Result<Outcome, CliError> {
    let keyed = identity::from_environment()?;
    let context = Context { identity: &keyed.identity, detected_at, limits: Limits::DEFAULT, maps };
    let mut text = String::new();
    let (mut used, mut skipped, mut rejected) = (0_usize, 0_usize, 0_usize);
    let mut partly = false;
    for (line, record) in records(bytes) {
        let by = maps.recognising(record);
        let without = Context { maps: Maps::NONE, ..context };
        let shadowed = matches!(format, Format::Auto)
            && !by.is_empty()
            && decode(format, record, &without, &mut Vec::new()).is_ok_and(|decoded| {
                // Where a built-in format measures nothing, the map is asked.
                !matches!(decoded, Decoded::Skipped(SkipReason::NotMeasured))
            });
        let by = match (format, by.as_slice()) {
            (Format::Map(name), _) => format!("map `{name}`"),
            (_, []) => "no map recognises it".to_owned(),
            (_, names) if shadowed => format!(
                "a built-in format takes it before {} (state the map as the format)",
                names.join(" and ")
            ),
            (_, names) => format!("recognised by {}", names.join(" and ")),
        };
        let (mut events, mut unused) = (Vec::new(), Vec::new());
        let outcome = match decode(format, record, &context, &mut events) {
            Ok(Decoded::Skipped(reason)) => {
                skipped += 1;
                format!("skipped, {reason}")
            }
            Ok(Decoded::Events) => {
                used += 1;
                count(events.len(), "event")
            }
            Ok(Decoded::Mixed(parts)) => {
                used += usize::from(!events.is_empty());
                partly |= parts.iter().any(|part| part.outcome.is_err());
                rejected += usize::from(events.is_empty());
                unused = parts;
                count(events.len(), "event")
            }
            Err(rejection) => {
                rejected += 1;
                format!("rejected, {rejection}")
            }
        };
        text += &format!("line {line}: {by}: {}\n", printable(&outcome));
        for part in unused {
            let told = match part.outcome {
                Ok(reason) => format!("a part is skipped, {reason}"),
                Err(rejection) => format!("a part is rejected, {rejection}"),
            };
            text += &format!("  {}\n", printable(&told));
        }
        if let (Format::Map(name), true) = (format, events.is_empty())
            && let Some(map) = maps.get(name)
        {
            for missing in map.missing(record) {
                text += &format!("  recognise: {}\n", printable(&missing));
            }
        }
        for event in &events {
            text += &format!("  {}\n", serde_json::to_string(event).map_err(io::Error::from)?);
        }
    }
    text += &format!(
        "{}: {used} used, {skipped} skipped, {rejected} rejected{}\n",
        count(used + skipped + rejected, "record"),
        if partly { "; of some that are used a part is rejected" } else { "" }
    );
    print(&text)?;
    Ok(if rejected > 0 || partly { Outcome::Refused } else { Outcome::Fine })
}

fn test(dir: Option<&Path>, name: Option<&str>, write: bool) -> Result<Outcome, CliError> {
    let (maps, mut tested) = tested(dir, name.is_some())?;
    if let Some(name) = name {
        tested.retain(|(tested, _)| tested == name);
    }
    if tested.is_empty() {
        let dir = dir.map_or_else(String::new, |dir| format!("{}: ", dir.display()));
        return Err(CliError::Usage(match name {
            Some(name) => format!("{dir}no map `{name}`; `shutterlag map list` names them all"),
            None => format!("{dir}no folder with a map.toml"),
        }));
    }
    let mut failed = false;
    let mut text = String::new();
    for (name, folder) in &tested {
        let Some(map) = maps.get(name) else { continue };
        let found = outcomes(&maps, map);
        match (write, folder) {
            (false, _) => failed |= !report(map, &found, &mut text),
            (true, Some(folder)) => {
                for Fixture { name, outcomes } in &found {
                    let path = folder.join("fixtures").join(format!("{name}.expected"));
                    std::fs::write(&path, outcomes)?;
                    text += &format!("wrote {}\n", path.display());
                }
            }
            (true, None) => {
                return Err(CliError::Usage(
                    "--write needs the folder of the map: a map that ships is within the program"
                        .to_owned(),
                ));
            }
        }
    }
    print(&text)?;
    Ok(if failed { Outcome::Failed } else { Outcome::Fine })
}

/// The maps to choose from, and the names of those to test, each with its folder if it has one.
type Tested = (Arc<Maps>, Vec<(String, Option<PathBuf>)>);

/// The map in the folder `dir`, or your own maps in the directory `dir`; with `shipped` and no
/// directory, the maps that ship.
fn tested(dir: Option<&Path>, shipped: bool) -> Result<Tested, CliError> {
    let Some(dir) = dir else {
        let maps = load(None, Format::Auto)?;
        let names = maps.iter().filter(|_| shipped).map(|map| (map.name().to_owned(), None));
        let names = names.collect();
        return Ok((maps, names));
    };
    if dir.join("map.toml").is_file() {
        // Its name is that of its folder, so a path such as `.` has to be made whole.
        let dir = dir.canonicalize()?;
        let source = map_source(&dir).map_err(CliError::Usage)?;
        let name = source.folder.clone().into_owned();
        let (maps, faults) = Maps::with(vec![source]);
        return match faults.first() {
            Some(fault) => Err(CliError::Usage(fault.to_string())),
            None => Ok((Arc::new(maps), vec![(name, Some(dir))])),
        };
    }
    let maps = load(Some(dir), Format::Auto)?;
    let own = maps.iter().filter(|map| !map.is_shipped());
    let own = own.map(|map| (map.name().to_owned(), Some(dir.join(map.name())))).collect();
    Ok((maps, own))
}

/// What becomes of a map's fixtures, recognised as in a run.
fn outcomes(maps: &Maps, map: &Map) -> Vec<Fixture> {
    let format = match map.recognises() {
        true => Format::Auto,
        false => Format::parse(map.name()).unwrap_or(Format::Auto),
    };
    maps::outcomes(
        maps,
        map,
        |record, context, out: &mut Vec<Event<'_>>| -> Result<Decoded, Rejection> {
            decode(format, record, context, out)
        },
    )
}

/// Reports on a map's fixtures, and returns whether all is as expected.
fn report(map: &Map, found: &[Fixture], text: &mut String) -> bool {
    if found.is_empty() {
        *text += &format!("{}: no fixture; put records into fixtures/NAME.ndjson\n", map.name());
        return false;
    }
    let faults = maps::test(map, found);
    for fault in &faults {
        *text += &format!("{}: ", map.name());
        for line in fault.to_string().lines() {
            *text += &format!("{}\n", printable(line));
        }
    }
    let records: usize = found.iter().map(|fixture| fixture.outcomes.lines().count()).sum();
    let new = |fault: &&FixtureFault| matches!(fault, FixtureFault::New(_));
    let new = faults.iter().filter(new).count();
    *text += &format!("{}: {}", map.name(), count(records, "record"));
    let differ = faults.len() - new;
    if new < found.len() {
        *text += &match differ {
            1 => ", 1 differs".to_owned(),
            _ => format!(", {differ} differ"),
        };
    }
    if new > 0 {
        *text += "; read above what becomes of them, and keep it with `shutterlag map test FOLDER --write`";
    }
    text.push('\n');
    faults.is_empty()
}

/// A number of things, in words.
fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Tests the maps that a configuration uses: your own, and those that it names. Faults go to
/// standard error. Returns whether there are none.
pub(super) fn check(maps: &Maps, named: &[Format]) -> bool {
    let used =
        |map: &&Map| !map.is_shipped() || named.iter().any(|format| format.as_str() == map.name());
    let mut fine = true;
    for map in maps.iter().filter(used) {
        let mut text = String::new();
        if !report(map, &outcomes(maps, map), &mut text) {
            fine = false;
            text.lines().for_each(|line| tell(&format!("shutterlag: map {line}")));
        }
    }
    fine
}
