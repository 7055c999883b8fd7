//! Texts in files for spreadsheets.
//!
//! Invariant: no cell is taken for a formula, wherever the file is opened, and none holds a
//! character that is invisible or moves others.

use super::terminal::printable;

/// What a spreadsheet takes for the beginning of a formula.
const BEGINS: [char; 10] = ['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠'];

/// `text` as a cell that is text: an apostrophe stands before what would begin a formula.
///
/// In many countries a spreadsheet takes the semicolon for the end of a cell, and then the
/// quotes of this file for a part of the text. So a semicolon is a beginning, too.
pub fn cell(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len() + 1);
    for (at, part) in text.split(';').enumerate() {
        let skipped = |c: char| c.is_whitespace() || (at > 0 && c == '"');
        if at > 0 {
            out.push(';');
        }
        if part.trim_start_matches(skipped).starts_with(BEGINS) {
            out.push('\'');
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, shown) in [
            ("plain, text; and more", "plain, text; and more"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("|x", "'|x"),
            ("\t=1", "\\u{9}=1"),
            ("a;=1", "a;'=1"),
            ("a; \"=1", "a;' \"=1"),
            ("a;b;-1;", "a;b;'-1;"),
            ("\u{202e}x", "\\u{202e}x"),
            ("", ""),
        ] {
            assert_eq!(cell(text), shown, "{text:?}");
        }
    }
}
