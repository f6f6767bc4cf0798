//! A set of rings, one bit each.

/// Which of some rings have something in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// An empty set for rings below `size`.
    pub(crate) fn new(size: usize) -> Self {
        Self { words: vec![0; size.div_ceil(64)] }
    }

    /// A bit for each ring, in words of 64.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
    }

    pub(crate) fn remove(&mut self, index: usize) {
        self.words[index / 64] &= !(1 << (index % 64));
    }

    /// The first member from `start` on.
    pub(crate) fn first_from(&self, start: usize) -> Option<usize> {
        let (first, bit) = (start / 64, start % 64);
        let mut words = self.words.iter().enumerate().skip(first);
        words.find_map(|(index, word)| {
            let word = if index == first { word & (u64::MAX << bit) } else { *word };
            (word != 0).then(|| index * 64 + word.trailing_zeros() as usize)
        })
    }
}
