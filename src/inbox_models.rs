//! loom models of the inbox: every interleaving of pushers and an owner that sleeps.

use super::*;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

/// A payload whose plain cell is written before the push and read after the take, so that loom
/// sees a data race if the inbox does not order them.
#[repr(C)]
struct Letter {
    node: Node,
    text: loom::cell::UnsafeCell<u32>,
}

// SAFETY: `text` is written before the push and read after the take only.
unsafe impl Sync for Letter {}
// SAFETY: as above.
unsafe impl Send for Letter {}

unsafe fn unused(_: NonNull<Node>) {}

fn letter(text: u32) -> &'static Letter {
    let text = loom::cell::UnsafeCell::new(text);
    Box::leak(Box::new(Letter { node: Node::new(unused), text }))
}

fn read(message: Message) -> u32 {
    // SAFETY: every node of these models is the first field of a leaked `Letter`.
    unsafe { message.0.cast::<Letter>().as_ref().text.with(|text| *text) }
}

/// The kernel's part: a bell that the sleeper blocks on.
struct Sleeper {
    inbox: Inbox,
    bell: loom::sync::Mutex<usize>,
    rung: loom::sync::Condvar,
    rings: AtomicUsize,
}

impl Sleeper {
    fn new() -> Arc<Self> {
        let inbox = Inbox::new();
        inbox.open();
        Arc::new(Self {
            inbox,
            bell: loom::sync::Mutex::new(0),
            rung: loom::sync::Condvar::new(),
            rings: AtomicUsize::new(0),
        })
    }

    fn send(&self, text: u32) -> Result<(), Closed> {
        let letter = letter(0);
        letter.text.with_mut(|cell| {
            // SAFETY: not pushed yet, so nobody else sees it.
            unsafe { *cell = text }
        });
        // SAFETY: leaked, so valid for ever.
        match unsafe { self.inbox.push(NonNull::from(&letter.node)) }? {
            Pushed::Quiet => {}
            Pushed::RingTheBell => {
                self.rings.fetch_add(1, Ordering::Relaxed);
                *self.bell.lock().unwrap() += 1;
                self.rung.notify_one();
            }
        }
        Ok(())
    }

    /// The owner's loop: returns what it got, and how often it slept.
    fn receive(&self, mut missing: usize) -> (Vec<u32>, usize) {
        let (mut got, mut sleeps) = (Vec::new(), 0);
        while missing > 0 {
            let batch: Vec<u32> = self.inbox.take_all().map(read).collect();
            missing -= batch.len();
            got.extend(batch);
            if missing > 0 && self.inbox.fall_asleep() {
                sleeps += 1;
                let mut bell = self.bell.lock().unwrap();
                while *bell == 0 {
                    bell = self.rung.wait(bell).unwrap();
                }
                *bell -= 1;
                drop(bell);
                self.inbox.wake_up();
            }
        }
        (got, sleeps)
    }
}

#[test]
fn no_wake_is_lost_and_one_bell_a_sleep() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let senders: Vec<_> = [1, 2]
            .map(|text| {
                let sleeper = sleeper.clone();
                thread::spawn(move || sleeper.send(text).unwrap())
            })
            .into();
        let (mut got, sleeps) = sleeper.receive(2);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        assert_eq!(sleeper.rings.load(Ordering::Relaxed), sleeps);
    });
}

#[test]
fn one_sender_keeps_its_order() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let theirs = sleeper.clone();
        let sender = thread::spawn(move || {
            theirs.send(1).unwrap();
            theirs.send(2).unwrap();
        });
        assert_eq!(sleeper.receive(2).0, [1, 2]);
        sender.join().unwrap();
    });
}

#[test]
fn a_push_beside_close_is_either_taken_or_refused() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let theirs = sleeper.clone();
        let sender = thread::spawn(move || theirs.send(7));
        let taken: Vec<u32> = sleeper.inbox.close().map(read).collect();
        match sender.join().unwrap() {
            Ok(()) => assert_eq!(taken, [7]),
            Err(Closed) => assert!(taken.is_empty()),
        }
    });
}

#[test]
fn who_is_refused_sees_what_the_owner_did_before_it_closed() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let address = Arc::new(AtomicUsize::new(1));
        let (theirs, known) = (sleeper.clone(), address.clone());
        let sender = thread::spawn(move || {
            if theirs.send(7) == Err(Closed) {
                assert_eq!(known.load(Ordering::Relaxed), 2, "the task has left before");
            }
        });
        // A task leaves for another ring.
        address.store(2, Ordering::Relaxed);
        drop(sleeper.inbox.close());
        sender.join().unwrap();
    });
}
