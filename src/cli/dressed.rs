//! A summary on a terminal: colours, and lines no wider than the window.
//!
//! Invariants: colours repeat what words and patterns say already; without a terminal, and under
//! `NO_COLOR`, the text is as it was.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

/// Narrower than this, wrapping makes a text harder to read than the terminal's own does.
const NARROW: usize = 40;

const BOLD: Style = Style::new().bold();
/// The bars of the bands; what is late and what nobody decided are both bad.
const BARS: [(char, AnsiColor); 4] = [
    ('█', AnsiColor::Green),
    ('▓', AnsiColor::Yellow),
    ('▒', AnsiColor::Red),
    ('░', AnsiColor::Red),
];

/// Writes `text` to standard output: in colour where the terminal has it and `NO_COLOR` is not
/// set, and wrapped where it is a terminal.
///
/// # Errors
/// What the system says.
pub(super) fn print(text: &str) -> io::Result<()> {
    let width = terminal_size::terminal_size_of(io::stdout());
    let width = width.map(|(width, _)| usize::from(width.0)).filter(|width| *width >= NARROW);
    let mut stdout = anstream::stdout().lock();
    for line in text.lines() {
        for line in width.map_or_else(|| vec![line.to_owned()], |width| wrapped(line, width)) {
            writeln!(stdout, "{}", coloured(&line))?;
        }
    }
    stdout.flush()
}

/// A line as lines of at most `width` characters, broken at spaces; what follows is indented
/// by four more. Rows of tables fit already, and stay as they are.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    if line.starts_with(['│', '┌', '╞', '└']) {
        return vec![line.to_owned()];
    }
    let indent = " ".repeat(line.len() - line.trim_start().len() + 4);
    let (mut lines, mut rest) = (Vec::new(), line.to_owned());
    while rest.chars().count() > width {
        let end = rest.char_indices().nth(width + 1).map_or(rest.len(), |(at, _)| at);
        let text_from = rest.len() - rest.trim_start().len();
        let Some(space) = rest[..end].rfind(' ').filter(|at| *at > text_from) else { break };
        let tail = rest[space..].trim_start();
        let next = format!("{indent}{tail}");
        rest.truncate(rest[..space].trim_end().len());
        lines.push(std::mem::replace(&mut rest, next));
    }
    lines.push(rest);
    lines
}

/// The line with a bold label and coloured bars.
fn coloured(line: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let upper = |c: char| c.is_ascii_uppercase() || c == ' ';
    let end = line[start..].find(|c| !upper(c)).map_or(line.len(), |at| start + at);
    let label = line[start..end].trim_end();
    if label.len() > 2 && label.contains(' ') && line[start + label.len()..].starts_with("  ") {
        let (label, rest) = line.split_at(start + label.len());
        return format!("{BOLD}{label}{BOLD:#}{rest}");
    }
    for (fill, color) in BARS {
        let Some(from) = line.find(fill) else { continue };
        let length: usize =
            line[from..].chars().take_while(|c| *c == fill).map(char::len_utf8).sum();
        let (before, bar) = line.split_at(from);
        let (bar, after) = bar.split_at(length);
        let style = color.on_default();
        return format!("{before}{style}{bar}{style:#}{after}");
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_at_spaces_and_nothing_is_lost() {
        let line = "  EFFECTIVE REVIEW RATE  20.0 % to 45.5 %   22 to 50 of 110 due reviews in time and real";
        let lines = wrapped(line, 50);
        assert!(lines.iter().all(|line| line.chars().count() <= 50), "{lines:#?}");
        assert!(lines.len() > 1 && lines[1].starts_with("      "), "{lines:#?}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines.join(" ")), words(line));
        assert_eq!(wrapped(line, 200), [line]);
        let word = "x".repeat(80);
        assert_eq!(wrapped(&word, 50), [word.as_str()], "a word is never cut");
        let row = format!("│{}│", " a".repeat(40));
        assert_eq!(wrapped(&row, 50), [row.as_str()]);
    }

    #[test]
    fn colours_add_nothing_but_colour() {
        for line in [
            "  EFFECTIVE REVIEW RATE  20.0 %",
            "  STILL UNDECIDED        13 of 122",
            "  ahead       under 9 min      █████                        53   47.7 %",
            "  unreviewed  no decision yet  ░░░                          11    9.9 %",
        ] {
            let told = coloured(line);
            assert_ne!(told, line);
            assert_eq!(anstream::adapter::strip_str(&told).to_string(), line);
        }
        for line in ["122 exposure windows", "", "  meaningful  96", "│ AI ACTED  1 │"] {
            assert_eq!(coloured(line), line);
        }
    }
}
