//! The profile and the event that every engine sees, as JSON, before each takes them into a form
//! of its own.
//!
//! Numbers with a fraction are multiples of a quarter or have one decimal, so that doubles and
//! decimals reach the same answers.

use serde_json::{Value as Json, json};

/// Lengths of the profile's lists of items.
const LIST_SIZES: [usize; 3] = [2, 20, 200];

/// The name of the profile's list of so many items.
pub fn list_name(size: usize) -> String {
    format!("items{size}")
}

/// The `value` of an item by its position.
pub fn item_name(position: usize) -> String {
    format!("item-{position}")
}

/// The profile.
pub fn profile() -> Json {
    let mut profile = json!({
        "name": "Ada",
        "visits": 7,
        "spend": 1234.5,
        "member": true,
        "last_seen": 1_699_913_600_000_i64,
        "preferences": [{"value": "shoes", "time": 1}, {"value": "hats", "time": 2}],
        "address": {"city": "Osaka", "country": "JP", "geo": {"lat": 34.75, "lon": 135.5}},
        "scores": (0..20).map(|n| n * 37 % 101).collect::<Vec<i64>>(),
        "words": (0..20).map(|n| format!("word-{}", n * 7 % 13)).collect::<Vec<String>>(),
    });
    for size in LIST_SIZES {
        profile[list_name(size)] = (0..size).map(|position| item(position, size)).collect();
    }
    profile
}

fn item(position: usize, size: usize) -> Json {
    // Prices from 0.25 to 97.25 in an order that is neither up nor down; the last one is 99.75.
    let price = (position * 29 % 98) as f64 + 0.25;
    json!({
        "value": item_name(position),
        "price": if position + 1 == size { 99.75 } else { price },
        "time": 1_699_000_000_000_i64 + position as i64 * 60_000,
    })
}

/// The event.
pub fn event() -> Json {
    json!({
        "td_client_id": "6f1b0f2e-0f55-4c7b-9a43-0d5d0d8f3c11",
        "time": 1_700_000_000,
        "path": "/shop?x=1",
        "price": 19.9,
        "quantity": 2,
        "amount": "42.5",
        "flag": false,
        "user": {"email": "ada@example.com"},
        "td_url": "https://www.example.com/shop?utm_medium=email&utm_source=autumn_news&page=2",
        "td_referrer": "https://www.example.com/search?q=Shoes+red+42&page=2&sort=price",
        "td_user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0",
    })
}
