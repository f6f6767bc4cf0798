//! What this kernel's io_uring can do, found by asking and trying, never by its version.

use std::io;
use std::sync::OnceLock;

use io_uring::{IoUring, Parameters, Probe, opcode};

use super::environment::Missing;
use super::sync_message;

/// What a ring of this process can use beyond the floor of Linux 6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// The ring has no index array between tail and entries. Since Linux 6.6.
    pub(crate) no_sqarray: bool,
    /// An operation can fill or send several provided buffers at once. Since Linux 6.10.
    pub(crate) bundles: bool,
    /// A wait can be asked to gather more than one completion for a while. Since Linux 6.12.
    pub(crate) min_timeout: bool,
    /// An idle wait can be kept out of the I/O wait statistics. Since Linux 6.15.
    pub(crate) no_iowait: bool,
    /// Messages to a ring do not wait for its thread. Since Linux 6.11; told by the feature word
    /// of 6.12, so 6.11 counts as without.
    pub(crate) fast_msg_ring: bool,
    /// A thread without a ring can send messages. Since Linux 6.13.
    pub(crate) sync_msg_ring: bool,
    /// The operations this kernel knows.
    pub(crate) operations: OpSet,
}

impl Features {
    /// Asks the kernel about `ring`, which was made with or without the index array.
    pub(crate) fn detect(ring: &IoUring, no_sqarray: bool) -> io::Result<Self> {
        let operations = operations(ring)?;
        let parameters = ring.params();
        let min_timeout = parameters.is_feature_min_timeout();
        Ok(Self {
            no_sqarray,
            bundles: parameters.is_feature_recvsend_bundle(),
            min_timeout,
            no_iowait: parameters.is_feature_no_iowait(),
            fast_msg_ring: min_timeout && operations.supports(opcode::MsgRingData::CODE),
            sync_msg_ring: sync_message::is_supported(),
            operations,
        })
    }

    /// A send without a copy says whether the kernel has copied after all. Since Linux 6.2; told by
    /// an operation of 6.7, so those in between count as without.
    pub(crate) fn reports_zero_copy(&self) -> bool {
        self.operations.supports(opcode::ReadMulti::CODE)
    }
}

/// The operations that the kernel knows: the same for all rings, so the first one asks.
fn operations(ring: &IoUring) -> io::Result<OpSet> {
    static ANSWER: OnceLock<OpSet> = OnceLock::new();
    if let Some(answer) = ANSWER.get() {
        return Ok(*answer);
    }
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    Ok(*ANSWER.get_or_init(|| OpSet::from_fn(|opcode| probe.is_supported(opcode))))
}

/// The feature bit that the design stands on and this ring lacks, if there is one.
///
/// Every kernel that accepts the set-up flags of the floor has them all; what imitates a kernel
/// may not.
pub(crate) fn missing_feature_bit(parameters: &Parameters) -> Option<Missing> {
    let needed = [
        (parameters.is_feature_nodrop(), "IORING_FEAT_NODROP", "5.5"),
        (parameters.is_feature_submit_stable(), "IORING_FEAT_SUBMIT_STABLE", "5.5"),
        (parameters.is_feature_ext_arg(), "IORING_FEAT_EXT_ARG", "5.11"),
        (parameters.is_feature_skip_cqe_on_success(), "IORING_FEAT_CQE_SKIP", "5.17"),
    ];
    let (_, name, since) = needed.into_iter().find(|(present, ..)| !present)?;
    Some(Missing { name, since })
}

/// A set of io_uring operation codes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpSet {
    words: [u64; 4],
}

impl OpSet {
    pub(crate) fn from_fn(mut contains: impl FnMut(u8) -> bool) -> Self {
        let mut words = [0; 4];
        for opcode in (0..=u8::MAX).filter(|opcode| contains(*opcode)) {
            words[usize::from(opcode / 64)] |= 1 << (opcode % 64);
        }
        Self { words }
    }

    pub(crate) const fn supports(self, opcode: u8) -> bool {
        self.words[opcode as usize / 64] >> (opcode % 64) & 1 == 1
    }

    pub(crate) fn len(self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

impl std::fmt::Debug for OpSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let members = (0..=u8::MAX).filter(|opcode| self.supports(*opcode));
        formatter.debug_set().entries(members).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_set_holds_exactly_what_was_put_in() {
        let members = [0, 1, 63, 64, 127, 128, 191, 192, 255];
        let set = OpSet::from_fn(|opcode| members.contains(&opcode));
        for opcode in 0..=u8::MAX {
            assert_eq!(set.supports(opcode), members.contains(&opcode), "{opcode}");
        }
        assert_eq!(set.len(), members.len());
        assert_eq!(OpSet::from_fn(|_| true).len(), 256);
        assert_eq!(format!("{:?}", OpSet::from_fn(|opcode| opcode == 40)), "{40}");
    }
}
