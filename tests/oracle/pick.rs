//! Pick: choosing from lists, beside the campaign's seeded generator.

use super::random::Random;

impl Random {
    /// One of these, each as likely as the others.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
