//! Flags: the letters after a regular expression.

use super::error::PatternError;

/// Which flags are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `d`: matches tell where each group lies.
    pub has_indices: bool,
    /// `g`: all matches.
    pub global: bool,
    /// `i`: upper and lower case are alike.
    pub ignore_case: bool,
    /// `m`: `^` and `$` are of lines.
    pub multiline: bool,
    /// `s`: `.` matches line ends too.
    pub dot_all: bool,
    /// `u`: the pattern is of code points.
    pub unicode: bool,
    /// `v`: as `u`, with sets in classes.
    pub unicode_sets: bool,
    /// `y`: a match starts where the last one ended.
    pub sticky: bool,
}

impl Flags {
    /// The flags that the letters stand for.
    ///
    /// # Errors
    /// A letter that is none, or stands twice, or `u` with `v`; the span is in the letters.
    pub fn parse(letters: &str) -> Result<Self, PatternError> {
        let mut flags = Self::default();
        let error = |at: usize, letter: char, message: String| {
            let mut error = PatternError::syntax(at..at + letter.len_utf8(), message);
            error.in_flags = true;
            Err(error)
        };
        for (at, letter) in letters.char_indices() {
            let flag = match letter {
                'd' => &mut flags.has_indices,
                'g' => &mut flags.global,
                'i' => &mut flags.ignore_case,
                'm' => &mut flags.multiline,
                's' => &mut flags.dot_all,
                'u' => &mut flags.unicode,
                'v' => &mut flags.unicode_sets,
                'y' => &mut flags.sticky,
                _ => {
                    let message = format!("`{letter}` is no flag of regular expressions");
                    return error(at, letter, message)
                        .map_err(|error| error.help("the flags are d, g, i, m, s, u, v and y"));
                }
            };
            if std::mem::replace(flag, true) {
                return error(at, letter, format!("the flag `{letter}` stands twice"));
            }
            if flags.unicode && flags.unicode_sets {
                return error(at, letter, "the flags `u` and `v` exclude each other".into());
            }
        }
        Ok(flags)
    }

    /// Whether the pattern is of code points, not of UTF-16 units.
    pub fn by_code_points(&self) -> bool {
        self.unicode || self.unicode_sets
    }

    /// The letters in JavaScript's order.
    pub fn letters(&self) -> String {
        self.by_letter().iter().filter(|(_, set)| *set).map(|(letter, _)| *letter).collect()
    }

    fn by_letter(&self) -> [(char, bool); 8] {
        [
            ('d', self.has_indices),
            ('g', self.global),
            ('i', self.ignore_case),
            ('m', self.multiline),
            ('s', self.dot_all),
            ('u', self.unicode),
            ('v', self.unicode_sets),
            ('y', self.sticky),
        ]
    }

    /// The flag that a property of a regular expression reads.
    pub(super) fn property(&self, name: &str) -> Option<bool> {
        Some(match name {
            "hasIndices" => self.has_indices,
            "global" => self.global,
            "ignoreCase" => self.ignore_case,
            "multiline" => self.multiline,
            "dotAll" => self.dot_all,
            "unicode" => self.unicode,
            "unicodeSets" => self.unicode_sets,
            "sticky" => self.sticky,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_stands_once_and_is_told_in_order() {
        assert_eq!(Flags::parse("yusmigd").unwrap().letters(), "dgimsuy");
        assert_eq!(Flags::parse("v").unwrap().letters(), "v");
        assert_eq!(Flags::parse("gig").unwrap_err().span, 2..3);
        assert_eq!(Flags::parse("gx").unwrap_err().span, 1..2);
        assert_eq!(Flags::parse("uv").unwrap_err().span, 1..2);
        assert!(Flags::parse("é").unwrap_err().in_flags);
    }
}
