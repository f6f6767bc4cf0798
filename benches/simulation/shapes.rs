//! Loads: which tasks become ready when and where, and how long they compute.

use crate::random::Random;

/// A task: it is polled so many times, and waits for something outside after each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// Where it is born.
    pub(crate) ring: usize,
    pub(crate) arrives_ns: u64,
    pub(crate) poll_ns: u64,
    pub(crate) polls: u32,
    /// How long it waits between two polls.
    pub(crate) gap_ns: u64,
}

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    OneHotRing,
    OneHotRingShortTasks,
    OneHotRingConnections,
    RotatingHotspot,
    Bursts,
    LongTails,
    Uniform,
    BehindLongOnes,
}

const MILLISECOND: u64 = 1_000_000;
const MICROSECOND: u64 = 1_000;

impl Shape {
    pub(crate) const ALL: [Self; 8] = [
        Self::OneHotRing,
        Self::OneHotRingShortTasks,
        Self::OneHotRingConnections,
        Self::RotatingHotspot,
        Self::Bursts,
        Self::LongTails,
        Self::Uniform,
        Self::BehindLongOnes,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneHotRing => "one hot ring",
            Self::OneHotRingShortTasks => "one hot ring, short tasks",
            Self::OneHotRingConnections => "one hot ring, connections",
            Self::RotatingHotspot => "rotating hotspot",
            Self::Bursts => "bursts",
            Self::LongTails => "long tails",
            Self::Uniform => "uniform",
            Self::BehindLongOnes => "behind long ones",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::OneHotRing => "100 tasks a ring, 1 ms each, all born on one ring at once",
            Self::OneHotRingShortTasks => "1,000 tasks a ring, 5 µs each, all born on one at once",
            Self::OneHotRingConnections => {
                "10 tasks a ring, all born on one, each polled 50 times for 20 µs with 200 µs \
                 between"
            }
            Self::RotatingHotspot => {
                "Every 5 ms the next ring gets the work of 4.5 ms for all, tasks of 50 to 150 µs"
            }
            Self::Bursts => {
                "Rings at random get up to 64 tasks of 200 µs at once; half of the time is used"
            }
            Self::LongTails => {
                "200 tasks a ring, on all rings in turn; Pareto lengths from 20 µs to 20 ms"
            }
            Self::BehindLongOnes => {
                "Rings at random get a task of 5 ms among 32 of 2 µs; 30 % of the time is used"
            }
            Self::Uniform => "On every ring tasks of 100 µs at random times; 80 % of the time",
        }
    }

    /// The tasks for so many rings, the same for the same seed.
    pub(crate) fn tasks(self, rings: usize, seed: u64) -> Vec<Task> {
        let random = &mut Random::new(seed ^ (self as u64) << 32 ^ rings as u64);
        match self {
            Self::OneHotRing => at_once(100 * rings, MILLISECOND),
            Self::OneHotRingShortTasks => at_once(1000 * rings, 5 * MICROSECOND),
            Self::OneHotRingConnections => connections(rings),
            Self::RotatingHotspot => hotspot(rings, random),
            Self::Bursts => bursts(rings, random),
            Self::LongTails => long_tails(rings, random),
            Self::Uniform => uniform(rings, random),
            Self::BehindLongOnes => behind_long_ones(rings, random),
        }
    }
}

/// Polled once.
fn once(ring: usize, arrives_ns: u64, poll_ns: u64) -> Task {
    Task { ring, arrives_ns, poll_ns, polls: 1, gap_ns: 0 }
}

fn at_once(count: usize, poll_ns: u64) -> Vec<Task> {
    vec![once(0, 0, poll_ns); count]
}

fn connections(rings: usize) -> Vec<Task> {
    let (poll_ns, gap_ns) = (20 * MICROSECOND, 200 * MICROSECOND);
    vec![Task { ring: 0, arrives_ns: 0, poll_ns, polls: 50, gap_ns }; 10 * rings]
}

fn hotspot(rings: usize, random: &mut Random) -> Vec<Task> {
    let period = |number: usize| {
        let arrives_ns = number as u64 * 5 * MILLISECOND;
        (0..45 * rings).map(move |_| (number % rings, arrives_ns))
    };
    let length = |random: &mut Random| random.between(50 * MICROSECOND, 150 * MICROSECOND);
    (0..10).flat_map(period).map(|(ring, at_ns)| once(ring, at_ns, length(random))).collect()
}

fn bursts(rings: usize, random: &mut Random) -> Vec<Task> {
    const MEAN_TASKS: f64 = 32.5;
    let length_ns = 200 * MICROSECOND;
    let between_ns = MEAN_TASKS * length_ns as f64 / (0.5 * rings as f64);
    let (mut tasks, mut now) = (Vec::new(), 0);
    while now < 60 * MILLISECOND {
        let ring = random.index(rings);
        let count = random.between(1, 64);
        tasks.extend((0..count).map(|_| once(ring, now, length_ns)));
        now += random.exponential(between_ns);
    }
    tasks
}

fn long_tails(rings: usize, random: &mut Random) -> Vec<Task> {
    let (least, most) = (20.0 * MICROSECOND as f64, 20.0 * MILLISECOND as f64);
    let task = |number| once(number % rings, 0, random.pareto(least, 1.1, most));
    (0..200 * rings).map(task).collect()
}

fn uniform(rings: usize, random: &mut Random) -> Vec<Task> {
    let (length_ns, mut tasks) = (100 * MICROSECOND, Vec::new());
    for ring in 0..rings {
        let mut now = random.exponential(length_ns as f64 / 0.8);
        while now < 50 * MILLISECOND {
            tasks.push(once(ring, now, length_ns));
            now += random.exponential(length_ns as f64 / 0.8);
        }
    }
    tasks
}

fn behind_long_ones(rings: usize, random: &mut Random) -> Vec<Task> {
    let (long_ns, short_ns) = (5 * MILLISECOND, 2 * MICROSECOND);
    let between_ns = long_ns as f64 / (0.3 * rings as f64);
    let (mut tasks, mut now) = (Vec::new(), 0);
    while now < 200 * MILLISECOND {
        let ring = random.index(rings);
        let lengths = (0..33).map(|place| if place == 16 { long_ns } else { short_ns });
        tasks.extend(lengths.map(|length_ns| once(ring, now, length_ns)));
        now += random.exponential(between_ns);
    }
    tasks
}

/// No strategy ends sooner: for every moment, what becomes ready from then on has to be computed
/// by so many rings, and each task needs its own time.
pub(crate) fn ideal_ns(tasks: &[Task], rings: usize) -> f64 {
    let mut order: Vec<&Task> = tasks.iter().collect();
    order.sort_by_key(|task| std::cmp::Reverse(task.arrives_ns));
    let (mut work_ns, mut bound_ns) = (0, 0.0_f64);
    for task in order {
        work_ns += task.poll_ns * u64::from(task.polls);
        let spread = task.arrives_ns as f64 + work_ns as f64 / rings as f64;
        let alone_ns = task.polls as u64 * (task.poll_ns + task.gap_ns) - task.gap_ns;
        bound_ns = bound_ns.max(spread).max((task.arrives_ns + alone_ns) as f64);
    }
    bound_ns
}
