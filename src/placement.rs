//! Where a pool puts a new task.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::context;
use crate::runtime::Runtime;

/// Where [`Pool::spawn`](crate::Pool::spawn) puts a new task; see
/// [`Builder::placement`](crate::Builder::placement).
///
/// # Examples
///
/// ```
/// use ringpool::{Placement, Pool, current};
///
/// # fn main() -> std::io::Result<()> {
/// let last = Placement::by(|rings| rings.len() - 1);
/// let pool = Pool::builder().threads(2).placement(last).build()?;
/// let task = pool.spawn(async { current().map(|ring| ring.index()) });
/// assert_eq!(task.wait()?, Some(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Placement {
    /// On the ring it is spawned from; from a thread that has none of the pool's, on each in turn.
    #[default]
    HereOrInTurn,
    /// On each ring in turn.
    RoundRobin,
    /// On the ring that has the least to do: of up to four rings on the least loaded one, of more
    /// on the better one of two random ones. See [`Runtime::load`].
    LeastLoaded,
    /// On the ring whose index the function gives, where it stays; made by [`by`](Self::by).
    By(PlaceBy),
}

/// A function that chooses among the rings of a pool.
#[derive(Clone)]
pub struct PlaceBy(Arc<Choose>);

type Choose = dyn Fn(&[Runtime]) -> usize + Send + Sync;

// A function that panics leaves nothing of the pool behind half done.
impl UnwindSafe for PlaceBy {}
impl RefUnwindSafe for PlaceBy {}

/// Up to how many rings are all asked for their load.
const ALL_ASKED_MAX: usize = 4;

impl Placement {
    /// On the ring whose index `choose` gives, which it is called with for each task; a number
    /// that is too large goes round. The task stays there unless it switches.
    pub fn by(choose: impl Fn(&[Runtime]) -> usize + Send + Sync + 'static) -> Self {
        Self::By(PlaceBy(Arc::new(choose)))
    }

    /// Whether tasks that are placed this way may be given to other rings.
    pub(crate) fn is_binding(&self) -> bool {
        matches!(self, Self::By(_))
    }

    /// The ring for a new task.
    pub(crate) fn choose<'a>(&self, runtimes: &'a [Runtime], turn: &AtomicUsize) -> &'a Runtime {
        let in_turn = || {
            // Ordering: Relaxed: a counter.
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            &runtimes[turn % runtimes.len()]
        };
        match self {
            Self::HereOrInTurn => here(runtimes).unwrap_or_else(in_turn),
            Self::RoundRobin => in_turn(),
            Self::LeastLoaded => least_loaded(runtimes),
            Self::By(PlaceBy(choose)) => &runtimes[choose(runtimes) % runtimes.len()],
        }
    }
}

/// The calling thread's ring, if it is one of these.
fn here(runtimes: &[Runtime]) -> Option<&Runtime> {
    let index = context::with(|local| local.map(|local| local.shared.index))?;
    runtimes.get(index).filter(|runtime| crate::runtime::is_current(runtime))
}

fn least_loaded(runtimes: &[Runtime]) -> &Runtime {
    let lighter = |one, other| if load_of(other) < load_of(one) { other } else { one };
    if runtimes.len() <= ALL_ASKED_MAX {
        return runtimes.iter().reduce(lighter).expect("a pool has a ring");
    }
    let mut random = random();
    let mut any = || {
        let index = random as u32 as usize % runtimes.len();
        random >>= 32;
        &runtimes[index]
    };
    lighter(any(), any())
}

/// First what is ready to run, then what there is at all.
fn load_of(runtime: &Runtime) -> (usize, usize) {
    let load = runtime.load();
    (load.tasks_ready, load.tasks_alive)
}

/// A number of which two halves can be used.
fn random() -> u64 {
    // Each `RandomState` has other keys.
    let state = std::collections::hash_map::RandomState::new();
    std::hash::BuildHasher::hash_one(&state, 0)
}

/// The ring that always has the tasks of `key`.
pub(crate) fn by_key<'a>(runtimes: &'a [Runtime], key: &(impl Hash + ?Sized)) -> &'a Runtime {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    &runtimes[(hasher.finish() % runtimes.len() as u64) as usize]
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HereOrInTurn => "HereOrInTurn",
            Self::RoundRobin => "RoundRobin",
            Self::LeastLoaded => "LeastLoaded",
            Self::By(_) => "By(..)",
        })
    }
}

impl fmt::Debug for PlaceBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaceBy(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pool;

    #[test]
    fn a_key_always_has_the_same_ring_and_keys_are_spread() {
        let pool = Pool::new(2);
        let index_of = |key: u32| by_key(pool.runtimes(), &key).index();
        assert!((0..100).all(|key| index_of(key) == index_of(key)));
        let on_the_first = (0..1000).filter(|key| index_of(*key) == 0).count();
        assert!((400..600).contains(&on_the_first), "{on_the_first}");
    }
}
