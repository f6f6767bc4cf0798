//! Where a task comes from: where it was spawned and, if it has one, its name.
//!
//! Both are one word in the header, since most tasks have no name: a pointer to the place, or,
//! tagged, to a box with both. Named tasks are in a register of the process besides, in which
//! somebody finds a name who knows no more of a task than its number, because the task's ring does
//! not answer. Who has no name pays nothing for it.

use std::collections::BTreeMap;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use super::TaskId;
use crate::primitives::unpoisoned;

/// The name of a task.
pub(crate) type Name = Arc<str>;

/// See the module's page.
pub(super) struct Origin(NonNull<()>);

struct Named {
    name: Name,
    spawned_at: &'static Location<'static>,
    id: TaskId,
}

/// Tag of the pointer to [`Named`]; places have even addresses.
const NAMED: usize = 1;

const _: () = assert!(align_of::<Location<'static>>() > NAMED && align_of::<Named>() > NAMED);

static NAMES: Mutex<BTreeMap<TaskId, Name>> = Mutex::new(BTreeMap::new());

/// The name of the task with this number, if it has one and is not freed.
pub(crate) fn name_of(task: TaskId) -> Option<Name> {
    unpoisoned(NAMES.lock()).get(&task).cloned()
}

impl Origin {
    #[inline]
    pub(super) fn new(
        name: Option<Name>,
        spawned_at: &'static Location<'static>,
        id: TaskId,
    ) -> Self {
        match name {
            None => Self(NonNull::from(spawned_at).cast()),
            Some(name) => Self::named(name, spawned_at, id),
        }
    }

    #[cold]
    fn named(name: Name, spawned_at: &'static Location<'static>, id: TaskId) -> Self {
        unpoisoned(NAMES.lock()).insert(id, name.clone());
        let named = NonNull::from(Box::leak(Box::new(Named { name, spawned_at, id })));
        Self(named.cast().map_addr(|address| address | NAMED))
    }

    fn untagged(&self) -> Option<NonNull<Named>> {
        let address = self.0.as_ptr();
        let is_named = address.addr() & NAMED != 0;
        let named = address.map_addr(|bits| bits & !NAMED).cast::<Named>();
        if is_named { NonNull::new(named) } else { None }
    }

    fn as_named(&self) -> Option<&Named> {
        // SAFETY: the tag says that it is a box that was leaked for this value.
        self.untagged().map(|named| unsafe { named.as_ref() })
    }

    pub(super) fn name(&self) -> Option<&Name> {
        self.as_named().map(|named| &named.name)
    }

    #[inline]
    pub(super) fn spawned_at(&self) -> &'static Location<'static> {
        match self.as_named() {
            Some(named) => named.spawned_at,
            // SAFETY: without the tag it was made from such a reference.
            None => unsafe { self.0.cast().as_ref() },
        }
    }
}

impl Drop for Origin {
    #[inline]
    fn drop(&mut self) {
        if let Some(named) = self.untagged() {
            // SAFETY: the box was leaked for this value, which nobody uses any more.
            forget(*unsafe { Box::from_raw(named.as_ptr()) });
        }
    }
}

#[cold]
fn forget(named: Named) {
    let kept = unpoisoned(NAMES.lock()).remove(&named.id);
    drop(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_the_number_until_the_task_is_freed() {
        let (here, id) = (Location::caller(), TaskId::next());
        let origin = Origin::new(Some(Name::from("salt")), here, id);
        assert_eq!(origin.name().map(|name| &**name), Some("salt"));
        assert!(std::ptr::eq(origin.spawned_at(), here));
        assert_eq!(name_of(id).as_deref(), Some("salt"));
        drop(origin);
        assert_eq!(name_of(id), None);
    }

    #[test]
    fn without_a_name_there_is_only_the_place() {
        let (here, id) = (Location::caller(), TaskId::next());
        let origin = Origin::new(None, here, id);
        assert_eq!(origin.name(), None);
        assert!(std::ptr::eq(origin.spawned_at(), here));
        assert_eq!(name_of(id), None);
    }
}
