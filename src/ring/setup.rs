//! Making a ring: its sizes, its flags, and what is tried where a kernel refuses.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use io_uring::IoUring;

use super::environment::{Environment, Missing};
use super::features::{Features, missing_feature_bit};
use super::registered::RegisteredRing;
use super::setup_error::{SetupError, explain};

/// How many kernel threads a ring's thread may have by default for what cannot be done without
/// blocking: on files and block devices, and on everything else.
///
/// The kernel's own caps are four times the processors and the user's limit on processes, per
/// thread of the pool: one burst of blocking requests would start thousands.
pub(crate) const IO_WORKERS: [u32; 2] = [4, 16];

/// The kernel's largest submission queue.
const SUBMISSION_ENTRIES_MAX: u32 = 32_768;
/// The kernel's largest completion queue.
const COMPLETION_ENTRIES_MAX: u32 = 65_536;
/// The kernel's largest table of files.
const DIRECT_DESCRIPTORS_MAX: u32 = 1 << 20;
/// More than any kernel starts; what is above its own limit it lowers to that.
const IO_WORKERS_MAX: u32 = 32_768;

/// How large a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RingOptions {
    /// How many requests fit between two submissions; rounded up to a power of two.
    pub(crate) submission_entries: u32,
    /// How many completions and messages fit between two reapings; rounded up likewise.
    pub(crate) completion_entries: u32,
    /// How many files fit into its table, if it is ever needed.
    pub(crate) direct_descriptors: u32,
    /// How many kernel threads it may have, as [`IO_WORKERS`].
    pub(crate) io_workers: [u32; 2],
}

impl Default for RingOptions {
    /// A system call is paid off by 16 to 32 requests, so 256 are more than one turn of the loop
    /// gains from; a full queue costs one early submission and nothing else. Completions come
    /// unasked, from multishot requests and from other rings, and those that do not fit take the
    /// kernel's slow path: so there is room for sixteen times as many. Both together take 84 KiB,
    /// which Linux 6.18 counts as locked memory of an unprivileged user: the usual limit of
    /// 8 MiB bears 97 such rings.
    fn default() -> Self {
        Self {
            submission_entries: 256,
            completion_entries: 4096,
            direct_descriptors: 1024,
            io_workers: IO_WORKERS,
        }
    }
}

impl RingOptions {
    /// Checks the sizes as the kernel would, which only says `EINVAL`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` that names the value and the range it has to be in.
    pub(crate) fn validate(&self) -> io::Result<()> {
        check("submission_entries", self.submission_entries, 1, SUBMISSION_ENTRIES_MAX)?;
        check("completion_entries", self.completion_entries, 1, COMPLETION_ENTRIES_MAX)?;
        check("direct_descriptors", self.direct_descriptors, 1, DIRECT_DESCRIPTORS_MAX)?;
        for workers in self.io_workers {
            check("io_workers", workers, 1, IO_WORKERS_MAX)?;
        }
        let submissions = self.submission_entries.next_power_of_two();
        let completions = self.completion_entries.next_power_of_two();
        check("completion_entries", completions, submissions, COMPLETION_ENTRIES_MAX)
    }

    /// What the two queues take: a page for heads and tails, 64 bytes a request and 16 a
    /// completion.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let submissions = u64::from(self.submission_entries.next_power_of_two());
        let completions = u64::from(self.completion_entries.next_power_of_two());
        4096 + 64 * submissions + 16 * completions
    }
}

fn check(name: &str, value: u32, least: u32, most: u32) -> io::Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("{name} is {value}; it has to be from {least} to {most}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// A ring that works, and what it can do. It belongs to the thread that opened it.
pub(crate) struct OpenRing {
    pub(crate) ring: IoUring,
    pub(crate) features: Features,
    /// The ring's place in its thread's table, if there was one left.
    pub(crate) registered: Option<RegisteredRing>,
    /// How large its table of files is to be.
    pub(crate) direct_descriptors: u32,
}

/// Makes a ring on the calling thread, which becomes the only one that may submit to it.
pub(crate) fn open(options: &RingOptions) -> Result<OpenRing, SetupError> {
    options.validate().map_err(SetupError::Other)?;
    let (ring, no_sqarray) = build(options).map_err(diagnose)?;
    if let Some(missing) = missing_feature_bit(ring.params()) {
        let environment = Environment { missing: Some(missing), ..Environment::read() };
        return Err(explain(libc::EINVAL, &environment));
    }
    let features = Features::detect(&ring, no_sqarray).map_err(diagnose)?;
    // A kernel that refuses the caps keeps its own, which are larger: nothing fails for it.
    let _ = ring.submitter().register_iowq_max_workers(&mut options.io_workers.clone());
    let registered = RegisteredRing::register(&ring).ok();
    let direct_descriptors = options.direct_descriptors;
    Ok(OpenRing { ring, features, registered, direct_descriptors })
}

/// What the process knows of `IORING_SETUP_NO_SQARRAY`, so that only its first ring has to try.
static NO_SQARRAY: AtomicU8 = AtomicU8::new(UNTRIED);
const UNTRIED: u8 = 0;
const ACCEPTED: u8 = 1;
const REFUSED: u8 = 2;

/// Makes the ring, without the index array if the kernel can do that; says whether it could.
fn build(options: &RingOptions) -> io::Result<(IoUring, bool)> {
    // Ordering: Relaxed. The answer is a hint that guards no other memory, and every thread that
    // misses it finds the same answer for itself; it pairs with the stores below.
    if NO_SQARRAY.load(Ordering::Relaxed) != REFUSED {
        match builder(options).setup_no_sqarray().build(options.submission_entries) {
            Ok(ring) => {
                // Ordering: Relaxed, as for the load above.
                NO_SQARRAY.store(ACCEPTED, Ordering::Relaxed);
                return Ok((ring, true));
            }
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => return Err(error),
            Err(_) => {}
        }
    }
    let ring = builder(options).build(options.submission_entries)?;
    // Ordering: Relaxed, as for the load above.
    NO_SQARRAY.store(REFUSED, Ordering::Relaxed);
    Ok((ring, false))
}

/// The set-up that every kernel from the floor on accepts.
fn builder(options: &RingOptions) -> io_uring::Builder {
    let mut builder = IoUring::builder();
    builder
        .setup_cqsize(options.completion_entries)
        .setup_submit_all()
        .setup_taskrun_flag()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .dontfork();
    builder
}

/// Finds out what an error of the kernel means here.
pub(super) fn diagnose(error: io::Error) -> SetupError {
    let Some(errno) = error.raw_os_error() else {
        return SetupError::Other(error);
    };
    let mut environment = Environment::read();
    if errno == libc::EINVAL {
        environment.missing = first_refused(|builder| builder.build(2).map(drop));
    }
    explain(errno, &environment)
}

/// One part of the set-up: what it is, and how to ask for it.
struct Step {
    part: Missing,
    add: fn(&mut io_uring::Builder),
}

impl Step {
    const fn new(name: &'static str, since: &'static str, add: fn(&mut io_uring::Builder)) -> Self {
        Self { part: Missing { name, since }, add }
    }
}

/// What the set-up of the floor is made of, oldest first.
const STEPS: [Step; 5] = [
    Step::new("IORING_SETUP_CQSIZE", "5.5", |builder| {
        builder.setup_cqsize(4);
    }),
    Step::new("IORING_SETUP_SUBMIT_ALL", "5.18", |builder| {
        builder.setup_submit_all();
    }),
    Step::new("IORING_SETUP_TASKRUN_FLAG", "5.19", |builder| {
        builder.setup_coop_taskrun().setup_taskrun_flag();
    }),
    Step::new("IORING_SETUP_SINGLE_ISSUER", "6.0", |builder| {
        builder.setup_single_issuer();
    }),
    Step::new("IORING_SETUP_DEFER_TASKRUN", "6.1", |builder| {
        builder.setup_defer_taskrun();
    }),
];

/// The flags of a ring that can do this, by their names in the kernel's headers.
pub(crate) fn setup_flags(features: &Features) -> impl Iterator<Item = &'static str> {
    let newer = features.no_sqarray.then_some("IORING_SETUP_NO_SQARRAY");
    STEPS.iter().map(|step| step.part.name).chain(newer)
}

/// Adds one part of the set-up after the other to a plain ring, and names the first that is
/// refused; `None` if a plain ring is refused as well, or nothing is.
fn first_refused(mut attempt: impl FnMut(&io_uring::Builder) -> io::Result<()>) -> Option<Missing> {
    let mut builder = IoUring::builder();
    attempt(&builder).ok()?;
    for step in STEPS {
        (step.add)(&mut builder);
        if let Err(error) = attempt(&builder) {
            let is_unknown = error.raw_os_error() == Some(libc::EINVAL);
            return is_unknown.then_some(step.part);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opened_ring_has_the_sizes_asked_for_rounded_up() {
        let options = RingOptions {
            submission_entries: 100,
            completion_entries: 1000,
            ..RingOptions::default()
        };
        let opened = open(&options).expect("io_uring works here");
        assert_eq!(opened.ring.params().sq_entries(), 128);
        assert_eq!(opened.ring.params().cq_entries(), 1024);
        assert!(opened.ring.params().is_setup_single_issuer());
    }

    #[test]
    fn an_opened_ring_completes_what_is_submitted() {
        let mut opened = open(&RingOptions::default()).expect("io_uring works here");
        let request = io_uring::opcode::Nop::new().build().user_data(42);
        // SAFETY: a NOP refers to no memory.
        unsafe { opened.ring.submission().push(&request) }.expect("the queue is empty");
        opened.ring.submit_and_wait(1).expect("the NOP is taken");
        let completed = opened.ring.completion().next().map(|entry| entry.user_data());
        assert_eq!(completed, Some(42));
    }

    #[test]
    fn the_io_workers_of_an_opened_ring_are_capped() {
        for io_workers in [IO_WORKERS, [1, 2]] {
            let options = RingOptions { io_workers, ..RingOptions::default() };
            let opened = open(&options).expect("io_uring works here");
            let mut before = [0, 0];
            let submitter = opened.ring.submitter();
            submitter.register_iowq_max_workers(&mut before).expect("zeros only ask");
            assert_eq!(before, io_workers);
        }
    }

    #[test]
    fn the_second_ring_of_a_process_tries_no_flag_that_was_refused() {
        let first = open(&RingOptions::default()).expect("io_uring works here");
        let answer = if first.features.no_sqarray { ACCEPTED } else { REFUSED };
        // Ordering: Relaxed; this thread's own open has stored it.
        assert_eq!(NO_SQARRAY.load(Ordering::Relaxed), answer);
        let second = open(&RingOptions::default()).expect("io_uring works here");
        assert_eq!(first.features, second.features);
    }

    #[test]
    fn sizes_out_of_range_are_refused_with_the_value_and_the_range() {
        let cases = [
            (0, 4096, "submission_entries is 0; it has to be from 1 to 32768"),
            (32_769, 65_536, "submission_entries is 32769; it has to be from 1 to 32768"),
            (u32::MAX, 65_536, "submission_entries is 4294967295; it has to be from 1 to 32768"),
            (256, 0, "completion_entries is 0; it has to be from 1 to 65536"),
            (256, 65_537, "completion_entries is 65537; it has to be from 1 to 65536"),
            (256, 128, "completion_entries is 128; it has to be from 256 to 65536"),
            (200, 127, "completion_entries is 128; it has to be from 256 to 65536"),
        ];
        for (submission_entries, completion_entries, message) in cases {
            let options =
                RingOptions { submission_entries, completion_entries, ..RingOptions::default() };
            let error = options.validate().expect_err(message);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), message);
            assert!(open(&options).is_err(), "{message}");
        }
    }

    #[test]
    fn a_table_of_files_out_of_range_is_refused() {
        for direct_descriptors in [0, DIRECT_DESCRIPTORS_MAX + 1] {
            let options = RingOptions { direct_descriptors, ..RingOptions::default() };
            let error = options.validate().expect_err("out of range");
            let range = "it has to be from 1 to 1048576";
            assert_eq!(
                error.to_string(),
                format!("direct_descriptors is {direct_descriptors}; {range}")
            );
        }
    }

    #[test]
    fn every_size_that_validates_is_taken_by_the_kernel() {
        for (submission_entries, completion_entries) in
            [(1, 1), (3, 3), (200, 129), (256, 256), (32_768, 32_768), (32_768, 65_536)]
        {
            let options =
                RingOptions { submission_entries, completion_entries, ..RingOptions::default() };
            options.validate().expect("in range");
            open(&options).expect("the kernel agrees");
        }
    }

    #[test]
    fn on_a_kernel_that_has_everything_nothing_is_blamed() {
        assert_eq!(first_refused(|builder| builder.build(2).map(drop)), None);
    }

    /// Stands in for kernels that know only the first so many parts of the set-up.
    #[test]
    fn the_first_part_an_old_kernel_refuses_is_named() {
        for (known, step) in STEPS.iter().enumerate() {
            let mut attempts = 0;
            let named = first_refused(|_| {
                attempts += 1;
                let errno = libc::EINVAL;
                if attempts <= known + 1 {
                    Ok(())
                } else {
                    Err(io::Error::from_raw_os_error(errno))
                }
            });
            assert_eq!(named, Some(step.part));
        }
    }

    #[test]
    fn a_kernel_that_refuses_even_a_plain_ring_is_not_called_old() {
        assert_eq!(first_refused(|_| Err(io::Error::from_raw_os_error(libc::EINVAL))), None);
    }

    #[test]
    fn running_out_of_files_while_looking_blames_no_flag() {
        let mut attempts = 0;
        let named = first_refused(|_| {
            attempts += 1;
            if attempts == 1 { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EMFILE)) }
        });
        assert_eq!(named, None);
    }
}
