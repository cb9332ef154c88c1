//! The seed's event for many clients, and a fixed, scattered order of them: what the benches of the pipeline send.
#![allow(dead_code, reason = "each bench uses its part")]

/// The configuration that the event is for: five attributes and five offers.
pub const CONFIGURATION: &str = include_str!("../seed_event.yaml");

/// The seed's event, rewritten in place for each client: a server finds its bodies in the cache.
pub struct Event {
    body: Vec<u8>,
    digits: usize,
}

impl Event {
    pub fn new() -> Self {
        let body = concat!(
            r#"{"td_client_id":"42a508e2-d9b1-4baa-9eb2-000000000000","#,
            r#""td_url":"https://example.com/retail/shop/women","td_path":"/retail/shop/women","#,
            r#""product_name":"women's-tank-top","product_category":"women","#,
            r#""product_list":["women's-running-shoes","kids'-hoodie","women's-tank-top"],"#,
            r#""category_list":["women","kids"]}"#
        );
        let digits = body.find("000000000000").expect("the client's digits");
        Self { body: body.into(), digits }
    }

    /// The event of a client.
    pub fn of(&mut self, mut client: usize) -> &[u8] {
        for digit in self.body[self.digits..self.digits + 12].iter_mut().rev() {
            *digit = b"0123456789abcdef"[client & 15];
            client >>= 4;
        }
        &self.body
    }
}

/// A fixed, scattered order of clients.
pub struct Order(pub u64);

impl Order {
    pub fn next(&mut self) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }
}
