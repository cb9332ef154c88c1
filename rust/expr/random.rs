//! Random: the sequences that `Math.random` draws from, equal whenever the same thing is decided.
//!
//! A sequence is a seed and a count: the n-th number is a hash of n under the seed, so that a
//! sequence is nothing to prepare and costs where it is drawn from alone. Not for secrets.

use std::cell::Cell;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Numbers of one seed, in their order.
#[derive(Debug)]
pub struct Sequence {
    seed: u64,
    drawn: Cell<u64>,
}

impl Sequence {
    /// The sequence of a seed, from its beginning.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: Cell::new(0) }
    }

    /// The sequence of an expression outside a configuration, at a processing time.
    pub fn of_source(source: &str, now_ms: i64) -> Self {
        Self::new(xxh3_64_with_seed(source.as_bytes(), now_ms as u64))
    }

    /// The next number: 53 bits, at least 0 and less than 1.
    pub fn draw(&self) -> f64 {
        let position = self.drawn.get();
        self.drawn.set(position + 1);
        let bits = xxh3_64_with_seed(&position.to_le_bytes(), self.seed) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly_and_do_not_follow_one_another() {
        const COUNT: usize = 200_000;
        for seed in [0, 1, 2, u64::MAX] {
            let sequence = Sequence::new(seed);
            let numbers: Vec<f64> = (0..COUNT).map(|_| sequence.draw()).collect();
            assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
            let mut buckets = [0_usize; 100];
            let mut pairs = [0_usize; 100];
            for pair in numbers.windows(2) {
                buckets[(pair[0] * 100.0) as usize] += 1;
                pairs[(pair[0] * 10.0) as usize * 10 + (pair[1] * 10.0) as usize] += 1;
            }
            for counts in [buckets, pairs] {
                let expected = (COUNT - 1) as f64 / 100.0;
                let square = |count: &usize| (*count as f64 - expected).powi(2) / expected;
                let chi_squared: f64 = counts.iter().map(square).sum();
                // 99 degrees of freedom: beyond 160 once in 10,000.
                assert!((50.0..160.0).contains(&chi_squared), "seed {seed}: {chi_squared}");
            }
        }
    }

    #[test]
    fn neighbouring_seeds_have_nothing_in_common_and_equal_ones_all() {
        let first = |seed| (0..1_000).map(|_| Sequence::new(seed).draw()).next();
        assert_eq!(first(7), first(7));
        let firsts: Vec<f64> = (0..10_000).filter_map(first).collect();
        let mean = firsts.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
        let drawn = Sequence::new(7);
        assert_ne!(drawn.draw(), drawn.draw());
    }
}
