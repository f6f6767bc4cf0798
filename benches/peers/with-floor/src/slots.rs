//! What belongs to operations under way, by the numbers in their user data.

/// Values, each with a number that stays the same, and that another one may get later.
pub(crate) struct Slots<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    /// None at first.
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Keeps the value; gives its number.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[number] = Some(value);
        number
    }

    /// The value of that number.
    pub(crate) fn get(&mut self, number: usize) -> &mut T {
        self.slots[number].as_mut().expect("an operation of it was under way")
    }

    /// Takes the value of that number out.
    pub(crate) fn remove(&mut self, number: usize) -> T {
        self.free.push(number);
        self.slots[number].take().expect("an operation of it was under way")
    }
}
