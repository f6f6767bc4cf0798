//! What a ring's own thread does for those who look at the pool's tasks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{OperationDump, TaskDump};
use crate::context::Local;
use crate::task::header::Header;
use crate::task::{self, TaskId};
use crate::time::moment::Moment;

/// What a ring says of itself.
#[derive(Default)]
pub(crate) struct Answer {
    pub(super) tasks: Vec<TaskDump>,
    pub(super) operations: Vec<OperationDump>,
}

/// The tasks that have arrived since a ring has answered, each as it was when it did so first: one
/// that goes to and fro shall cost no more than others.
pub(crate) type Arrivals = BTreeMap<TaskId, TaskDump>;

/// The looks that are under way, each with its number.
#[derive(Default)]
pub(crate) struct Looks(RefCell<Vec<(u64, Arrivals)>>);

impl Looks {
    #[inline]
    pub(crate) fn are_open(&self) -> bool {
        !self.0.borrow().is_empty()
    }

    /// A task has arrived.
    #[cold]
    pub(crate) fn arrived(&self, local: &Local, task: &Header) {
        for (_, arrivals) in self.0.borrow_mut().iter_mut() {
            arrivals.entry(task.identity().0).or_insert_with(|| task::arriving(local, task));
        }
    }

    /// Says what there is, and writes down who arrives from now on.
    pub(super) fn open(&self, local: &Local, look: u64) -> Answer {
        local.now.set(Moment::now());
        self.0.borrow_mut().push((look, Arrivals::new()));
        Answer { tasks: task::live(local), operations: operations(local) }
    }

    /// Who has arrived meanwhile.
    pub(super) fn close(&self, look: u64) -> Arrivals {
        let mut open = self.0.borrow_mut();
        let place = open.iter().position(|(number, _)| *number == look);
        place.map_or_else(Arrivals::new, |place| open.swap_remove(place).1)
    }
}

fn operations(local: &Local) -> Vec<OperationDump> {
    let ring = local.ring.borrow();
    let operations = ring.operations(local.now.get());
    let described = operations.map(|operation| OperationDump {
        name: operation.name,
        opcode: operation.opcode,
        descriptor: operation.descriptor,
        is_direct: operation.is_direct,
        ring: local.shared.index,
        task: (operation.task != 0).then(|| TaskId::of(operation.task)),
        age: operation.age,
    });
    described.collect()
}
