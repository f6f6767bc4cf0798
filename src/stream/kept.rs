//! Room for what is seldom there.

/// A place for a value, which takes one word while it never had one. The memory for it is made when
/// there first is one, and kept for those that come after.
pub(super) struct Kept<T>(Option<Box<Option<T>>>);

impl<T> Kept<T> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn is_none(&self) -> bool {
        self.get().is_none()
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_deref().and_then(Option::as_ref)
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut().and_then(Option::as_mut)
    }

    pub(super) fn put(&mut self, value: T) {
        match &mut self.0 {
            Some(place) => **place = Some(value),
            None => self.0 = Some(Box::new(Some(value))),
        }
    }

    pub(super) fn take(&mut self) -> Option<T> {
        self.0.as_deref_mut().and_then(Option::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_and_its_memory_is_used_again() {
        let mut kept = Kept::new();
        assert!(kept.is_none() && kept.take().is_none() && kept.get_mut().is_none());
        kept.put(1);
        let memory: *const i32 = kept.get().unwrap();
        assert_eq!(kept.take(), Some(1));
        assert!(kept.is_none());
        kept.put(2);
        assert!(std::ptr::eq(kept.get().unwrap(), memory));
        assert_eq!(kept.get_mut().copied(), Some(2));
    }
}
