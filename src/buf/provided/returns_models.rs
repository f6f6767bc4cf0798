//! loom models of the buffers that come home: every interleaving of those who bring them and a home
//! that waits.

use super::*;
use crate::primitives::UnsafeCell;
use crate::primitives::models::Post;
use loom::sync::Arc;
use loom::thread;
use std::sync::Arc as StdArc;
use std::task::Wake;

struct Bell(Arc<Post>);

impl Wake for Bell {
    fn wake(self: StdArc<Self>) {
        self.0.send(1);
    }
}

/// A list, and buffers that are written by who brings them and read by home.
struct Pool {
    returns: Returns,
    /// Where home is told that a buffer has come although nobody waited at home.
    home: Arc<Post>,
    bytes: Vec<UnsafeCell<u32>>,
}

// SAFETY: a buffer is touched by who has it, and home has it once it is out of the list.
unsafe impl Sync for Pool {}
// SAFETY: as above.
unsafe impl Send for Pool {}

impl Pool {
    fn new(count: u16) -> Arc<Self> {
        let bytes = (0..count).map(|_| UnsafeCell::new(0)).collect();
        Arc::new(Self { returns: Returns::new(count), home: Post::new(), bytes })
    }

    fn bring(&self, buffer: u16) {
        // SAFETY: the caller has the buffer.
        self.bytes[usize::from(buffer)].with_mut(|byte| unsafe { *byte = 1 });
        if self.returns.push(buffer) {
            self.home.send(1);
        }
    }

    fn take(&self) -> usize {
        let read = |buffer| {
            // SAFETY: it came out of the list, so we have it.
            self.bytes[usize::from(buffer)].with(|byte| unsafe { *byte }) as usize
        };
        self.returns.take_all().map(read).sum()
    }

    /// Home waits as `poll_returned` and `look` do, until `count` buffers have come.
    fn wait_for(&self, count: usize) {
        let bell = Post::new();
        let waker = Waker::from(StdArc::new(Bell(bell.clone())));
        let (mut place, mut got) = (Place::default(), 0);
        loop {
            got += self.take();
            if got >= count {
                self.returns.leave(&mut place);
                return;
            }
            if !place.is_taken() {
                self.returns.enlist(&mut place, got as u64, &waker);
            }
            if !self.returns.announce() {
                continue;
            }
            self.home.receive();
            got += self.take();
            let mut called = Vec::new();
            self.returns.call(1, got as u64, &mut called);
            called.into_iter().for_each(Waker::wake);
            bell.receive();
            assert!(self.returns.poll_called(&mut place, &waker).is_ready());
        }
    }
}

#[test]
fn who_waits_gets_every_buffer() {
    loom::model(|| {
        let pool = Pool::new(2);
        let bringing: Vec<_> = (0..2)
            .map(|buffer| {
                let pool = pool.clone();
                thread::spawn(move || pool.bring(buffer))
            })
            .collect();
        pool.wait_for(2);
        bringing.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_buffer_that_is_given_out_again_may_be_brought_again() {
    loom::model(|| {
        let pool = Pool::new(2);
        let theirs = pool.clone();
        let bringing = thread::spawn(move || theirs.bring(0));
        // Out of the list and in again while the other push may be half done.
        pool.bring(1);
        let mut came = pool.take();
        pool.bring(1);
        came += pool.take();
        pool.wait_for(3 - came);
        bringing.join().unwrap();
    });
}

#[test]
fn a_waiter_may_leave_while_a_buffer_comes() {
    loom::model(|| {
        let pool = Pool::new(1);
        let theirs = pool.clone();
        let bringing = thread::spawn(move || theirs.bring(0));
        let waker = Waker::from(StdArc::new(Bell(Post::new())));
        let mut place = Place::default();
        pool.returns.enlist(&mut place, 0, &waker);
        let waits = pool.returns.announce();
        pool.returns.leave(&mut place);
        bringing.join().unwrap();
        assert!(waits || pool.returns.has_some());
        assert_eq!(pool.take(), 1);
    });
}
