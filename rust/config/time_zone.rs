//! Time zone: a name of the bundled database, or what is wrong with it in words for a person.

use super::schema::{did_you_mean, nearest};
use crate::value::date::Zone;

/// A name that the database has not.
#[derive(Clone, Debug, thiserror::Error)]
#[error("there is no time zone `{name}` ({help})")]
pub struct UnknownZone {
    name: String,
    /// What to write instead.
    pub help: String,
}

/// The zone of an IANA name, spelled exactly.
///
/// # Errors
/// When the database has no such zone.
pub fn named(name: &str) -> Result<Zone, UnknownZone> {
    Zone::named(name).ok_or_else(|| UnknownZone { name: name.to_owned(), help: help(name) })
}

/// The nearest name; a city alone is near its whole name.
fn help(name: &str) -> String {
    let place = |zone: &'static str| zone.rsplit('/').next().unwrap_or(zone);
    let whole = || {
        let city = nearest(name, Zone::names().map(place))?;
        let zone = Zone::names().find(|zone| place(zone) == city)?;
        Some(format!("did you mean `{zone}`?"))
    };
    did_you_mean(name, Zone::names())
        .or_else(whole)
        .unwrap_or_else(|| "write a name of the IANA database such as `Europe/Berlin`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_draw_the_nearest_known_one() {
        let help = |name| named(name).unwrap_err().help;
        assert_eq!(help("europe/berlin"), "did you mean `Europe/Berlin`?");
        assert_eq!(help("Europe/Belrin"), "did you mean `Europe/Berlin`?");
        assert_eq!(help("new_york"), "did you mean `America/New_York`?");
        assert!(help("+01:00").contains("IANA"));
        assert!(named("").is_err());
        assert!(named("Asia/Kathmandu").is_ok());
    }
}
