//! Dates against what Node 20 answers, in the zones and at the hours where clocks are odd.

use super::*;

/// Zone, components, the time that `new Date(...)` has there, and its `toString` up to the zone's name.
const NODE: &[(&str, &[f64], f64, &str)] = &[
    ("UTC", &[2024.0, 0.0, 1.0], 1_704_067_200_000.0, "Mon Jan 01 2024 00:00:00 GMT+0000"),
    ("UTC", &[0.0, 0.0], -2_208_988_800_000.0, "Mon Jan 01 1900 00:00:00 GMT+0000"),
    ("UTC", &[99.0, 11.0, 31.0], 946_598_400_000.0, "Fri Dec 31 1999 00:00:00 GMT+0000"),
    ("UTC", &[100.0, 0.0], -59_011_459_200_000.0, "Fri Jan 01 0100 00:00:00 GMT+0000"),
    (
        "Europe/Berlin",
        &[2024.0, 2.0, 31.0, 2.0, 30.0],
        1_711_848_600_000.0,
        "Sun Mar 31 2024 03:30:00 GMT+0200",
    ),
    (
        "Europe/Berlin",
        &[2024.0, 9.0, 27.0, 2.0, 30.0],
        1_729_989_000_000.0,
        "Sun Oct 27 2024 02:30:00 GMT+0200",
    ),
    (
        "Europe/Berlin",
        &[2024.0, 9.0, 27.0, 3.0],
        1_729_994_400_000.0,
        "Sun Oct 27 2024 03:00:00 GMT+0100",
    ),
    (
        "Europe/Berlin",
        &[2500.0, 6.0, 1.0],
        16_740_856_800_000.0,
        "Thu Jul 01 2500 00:00:00 GMT+0200",
    ),
    (
        "Europe/Berlin",
        &[275760.0, 8.0, 13.0, 2.0],
        8_640_000_000_000_000.0,
        "Sat Sep 13 275760 02:00:00 GMT+0200",
    ),
    (
        "Europe/Berlin",
        &[1893.0, 2.0, 31.0, 23.0, 59.0, 59.0],
        -2_422_054_409_000.0,
        "Fri Mar 31 1893 23:59:59 GMT+0053",
    ),
    (
        "Europe/Berlin",
        &[1000.0, 0.0, 1.0],
        -30_610_227_208_000.0,
        "Wed Jan 01 1000 00:00:00 GMT+0053",
    ),
    (
        "America/New_York",
        &[2024.0, 2.0, 10.0, 2.0, 30.0],
        1_710_055_800_000.0,
        "Sun Mar 10 2024 03:30:00 GMT-0400",
    ),
    (
        "America/New_York",
        &[2024.0, 10.0, 3.0, 1.0, 30.0],
        1_730_611_800_000.0,
        "Sun Nov 03 2024 01:30:00 GMT-0400",
    ),
    (
        "America/New_York",
        &[1883.0, 10.0, 18.0, 12.0, 3.0, 58.0],
        -2_717_650_562_000.0,
        "Sun Nov 18 1883 12:03:58 GMT-0500",
    ),
    (
        "America/New_York",
        &[-1.0, 0.0, 1.0],
        -62_198_737_438_000.0,
        "Fri Jan 01 -0001 00:00:00 GMT-0456",
    ),
    (
        "Australia/Lord_Howe",
        &[2024.0, 3.0, 7.0, 1.0, 45.0],
        1_712_414_700_000.0,
        "Sun Apr 07 2024 01:45:00 GMT+1100",
    ),
    (
        "Australia/Lord_Howe",
        &[2024.0, 9.0, 6.0, 2.0, 15.0],
        1_728_143_100_000.0,
        "Sun Oct 06 2024 02:45:00 GMT+1100",
    ),
    (
        "Asia/Kathmandu",
        &[1986.0, 0.0, 1.0, 0.0, 10.0],
        504_902_400_000.0,
        "Wed Jan 01 1986 00:25:00 GMT+0545",
    ),
    (
        "Asia/Kathmandu",
        &[2024.0, 0.0, 1.0],
        1_704_046_500_000.0,
        "Mon Jan 01 2024 00:00:00 GMT+0545",
    ),
    (
        "Africa/Casablanca",
        &[2024.0, 2.0, 10.0, 2.0, 30.0],
        1_710_034_200_000.0,
        "Sun Mar 10 2024 02:30:00 GMT+0100",
    ),
    (
        "Africa/Casablanca",
        &[2024.0, 3.0, 14.0, 2.0, 30.0],
        1_713_061_800_000.0,
        "Sun Apr 14 2024 03:30:00 GMT+0100",
    ),
    (
        "Pacific/Apia",
        &[2011.0, 11.0, 30.0, 12.0],
        1_325_282_400_000.0,
        "Sat Dec 31 2011 12:00:00 GMT+1400",
    ),
    (
        "Pacific/Apia",
        &[2011.0, 11.0, 31.0],
        1_325_239_200_000.0,
        "Sat Dec 31 2011 00:00:00 GMT+1400",
    ),
    (
        "Pacific/Apia",
        &[1892.0, 6.0, 4.0, 12.0],
        -2_445_467_584_000.0,
        "Mon Jul 04 1892 12:00:00 GMT+1233",
    ),
    (
        "Asia/Manila",
        &[1844.0, 11.0, 31.0, 12.0],
        -3_944_577_832_000.0,
        "Wed Jan 01 1845 12:00:00 GMT+0803",
    ),
    (
        "Africa/Monrovia",
        &[1972.0, 0.0, 7.0, 0.0, 30.0],
        63_594_870_000.0,
        "Fri Jan 07 1972 01:14:30 GMT+0000",
    ),
    (
        "Antarctica/Troll",
        &[2024.0, 6.0, 1.0],
        1_719_784_800_000.0,
        "Mon Jul 01 2024 00:00:00 GMT+0200",
    ),
    (
        "America/St_Johns",
        &[2006.0, 9.0, 29.0, 0.0, 1.0],
        1_162_092_660_000.0,
        "Sun Oct 29 2006 00:01:00 GMT-0330",
    ),
];

#[test]
fn local_components_are_the_times_that_node_has() {
    for (name, components, time_ms, text) in NODE {
        let zone = Zone::named(name).unwrap();
        let date = Date::of_local(components, zone);
        assert_eq!(date.time_ms(), *time_ms, "{name} {components:?}");
        let written = date.to_text();
        assert_eq!(written.split(" (").next(), Some(*text), "{name}");
        assert!(written.ends_with(')'));
        assert_eq!(written, format!("{} {}", date.day_text(), date.time_text()));
    }
}

#[test]
fn text_names_utc_in_full_and_other_zones_by_their_abbreviation() {
    let text = |name| Date::new(1_704_067_200_000.0, Zone::named(name).unwrap()).to_text();
    assert_eq!(text("Etc/UTC"), "Mon Jan 01 2024 00:00:00 GMT+0000 (Coordinated Universal Time)");
    assert_eq!(text("Europe/Berlin"), "Mon Jan 01 2024 01:00:00 GMT+0100 (CET)");
    assert_eq!(text("Asia/Kathmandu"), "Mon Jan 01 2024 05:45:00 GMT+0545 (+0545)");
}

#[test]
fn every_spelling_holds_at_the_ends_of_time() {
    let last = Date::new(8.64e15, Zone::UTC);
    assert_eq!(last.utc_text(), "Sat, 13 Sep 275760 00:00:00 GMT");
    assert_eq!(last.iso_text().unwrap(), "+275760-09-13T00:00:00.000Z");
    let first = Date::new(-8.64e15, Zone::UTC);
    assert_eq!(first.utc_text(), "Tue, 20 Apr -271821 00:00:00 GMT");
    assert_eq!(first.iso_text().unwrap(), "-271821-04-20T00:00:00.000Z");
    let new_york = Date::new(-8.64e15, Zone::named("America/New_York").unwrap());
    assert_eq!(new_york.day_text(), "Mon Apr 19 -271821");
    assert_eq!(Date::new(-1.0, Zone::UTC).iso_text().unwrap(), "1969-12-31T23:59:59.999Z");
    let year_zero = Date::new(-62_167_219_200_000.0, Zone::UTC);
    assert_eq!(year_zero.iso_text().unwrap(), "0000-01-01T00:00:00.000Z");
    assert_eq!(year_zero.day_text(), "Sat Jan 01 0000");
}

#[test]
fn an_invalid_date_has_no_fields_and_one_text() {
    for time_ms in [f64::NAN, f64::INFINITY, 8.64e15 + 1.0] {
        let date = Date::new(time_ms, Zone::UTC);
        assert!(date.time_ms().is_nan() && date.utc().is_none() && date.local().is_none());
        assert!(date.iso_text().is_none() && date.behind_minutes().is_none());
        for text in [date.to_text(), date.day_text(), date.time_text(), date.utc_text()] {
            assert_eq!(text, "Invalid Date");
        }
    }
}

#[test]
fn offsets_are_whole_minutes_cut_towards_zero() {
    let behind =
        |name, time_ms| Date::new(time_ms, Zone::named(name).unwrap()).behind_minutes().unwrap();
    assert_eq!(behind("Europe/Berlin", -1e13), -53);
    assert_eq!(behind("America/New_York", -1e13), 296);
    assert_eq!(behind("Asia/Kathmandu", 0.0), -330);
    assert_eq!(behind("UTC", 0.0), 0);
}
