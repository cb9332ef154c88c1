//! Answer: the object of page 1.4, written straight into bytes.

use crate::value::json::{write_json, write_string};
use crate::value::{Text, Value};

/// An answer being written into a reused buffer.
#[derive(Debug)]
pub struct Answer<'a> {
    out: &'a mut Vec<u8>,
    bytes_max: usize,
    offers: usize,
    cut: bool,
}

const OPEN: &[u8] = br#"{"offers":{"#;
const CLOSE: &[u8] = b"}}";

impl<'a> Answer<'a> {
    /// Starts an answer of at most `bytes_max` bytes (0: no limit) in `out`, which is emptied.
    pub fn start(out: &'a mut Vec<u8>, bytes_max: usize) -> Self {
        out.clear();
        out.extend_from_slice(OPEN);
        Self { out, bytes_max, offers: 0, cut: false }
    }

    /// Adds an offer; one that does not fit any more ends the answer before it.
    /// `batch_segments` are ids, given when the offer names some.
    pub fn offer(&mut self, name: &str, attributes: &Value, batch_segments: Option<&[Text]>) {
        debug_assert!(matches!(attributes, Value::Object(_)), "attributes are always an object");
        if self.cut {
            return;
        }
        let whole = self.out.len();
        if self.offers > 0 {
            self.out.push(b',');
        }
        write_string(name, self.out);
        self.out.extend_from_slice(br#":{"attributes":"#);
        write_json(attributes, self.out);
        if let Some(ids) = batch_segments {
            self.out.extend_from_slice(br#","batch_segments":["#);
            for (at, id) in ids.iter().enumerate() {
                self.out.extend_from_slice(if at == 0 { br#"{"id":"# } else { br#",{"id":"# });
                write_string(id, self.out);
                self.out.push(b'}');
            }
            self.out.push(b']');
        }
        self.out.push(b'}');
        if self.bytes_max > 0 && self.out.len() + CLOSE.len() > self.bytes_max {
            self.out.truncate(whole);
            self.cut = true;
        } else {
            self.offers += 1;
        }
    }

    /// Ends the answer: how many offers it holds, and whether it was cut.
    pub fn finish(self) -> (usize, bool) {
        self.out.extend_from_slice(CLOSE);
        (self.offers, self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: &str) -> Value {
        Value::object(vec![(Text::new("status"), Value::text(value))])
    }

    fn nothing() -> Value {
        Value::object(Vec::new())
    }

    #[test]
    fn no_offers_are_an_empty_object() {
        let mut out = b"old".to_vec();
        assert_eq!(Answer::start(&mut out, 0).finish(), (0, false));
        assert_eq!(out, br#"{"offers":{}}"#);
    }

    #[test]
    fn offers_stand_in_the_order_given() {
        let mut out = Vec::new();
        let mut answer = Answer::start(&mut out, 0);
        answer.offer("b\"", &status("high"), None);
        answer.offer("a", &nothing(), None);
        assert_eq!(answer.finish(), (2, false));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            r#"{"offers":{"b\"":{"attributes":{"status":"high"}},"a":{"attributes":{}}}}"#
        );
    }

    #[test]
    fn batch_segments_are_there_when_the_offer_names_some() {
        let mut out = Vec::new();
        let mut answer = Answer::start(&mut out, 0);
        answer.offer("a", &nothing(), Some(&[]));
        answer.offer("b", &nothing(), Some(&[Text::new("1"), Text::new("2")]));
        answer.finish();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            r#"{"offers":{"a":{"attributes":{},"batch_segments":[]},"b":{"attributes":{},"batch_segments":[{"id":"1"},{"id":"2"}]}}}"#
        );
    }

    #[test]
    fn an_answer_is_cut_at_the_last_whole_offer_that_fits() {
        let full = br#"{"offers":{"a":{"attributes":{}},"b":{"attributes":{}}}}"#.len();
        for (bytes_max, offers) in [(full, 2), (full - 1, 1)] {
            let mut out = Vec::new();
            let mut answer = Answer::start(&mut out, bytes_max);
            answer.offer("a", &nothing(), None);
            answer.offer("b", &nothing(), None);
            assert_eq!(answer.finish(), (offers, offers < 2));
            assert!(out.len() <= bytes_max);
            assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }
    }
}
