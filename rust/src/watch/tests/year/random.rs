//! Random numbers that are the same for the same seed everywhere: `SplitMix64`.

pub(super) struct Random(pub u64);

impl Random {
    /// A number from `least` to `most`.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let range = u64::try_from(most - least + 1).unwrap();
        least + i64::try_from(self.next() % range).unwrap()
    }

    /// True once in `times` on average.
    pub fn one_in(&mut self, times: i64) -> bool {
        self.between(1, times) == 1
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
