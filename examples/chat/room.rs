//! Who is there, and how a line gets to all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ringpool::net::{Shutdown, TcpStream};
use ringpool::{Channel, Receiver, Sender};

/// Lines that wait for a client who does not read; with one more it is sent away.
const LINES_WAITING: usize = 1024;

/// A line with its end; all who get it share it.
pub(crate) type Line = Arc<str>;

/// Somebody who is there.
pub(crate) struct Member {
    number: u64,
    pub(crate) name: String,
    lines: Sender<Line>,
    stream: Arc<TcpStream>,
}

impl Member {
    /// Puts a line among those that wait for this member; never waits itself. A member that has
    /// too many waiting is cut off: whatever its tasks wait for ends then, and they leave the room.
    pub(crate) fn tell(&self, line: &Line) {
        if self.lines.try_send(line.clone()).is_err() {
            // It fails if the client has gone by itself.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

type Members = Arc<Vec<Arc<Member>>>;

/// The members, as a list that is never changed but replaced: who sends a line holds the lock only
/// to take the list, and goes through it afterwards.
#[derive(Default)]
pub(crate) struct Room {
    members: Mutex<Members>,
    next: AtomicU64,
}

impl Room {
    /// Lets somebody in, unless the name is taken; gives the lines for it.
    pub(crate) fn enter(
        &self,
        name: &str,
        stream: Arc<TcpStream>,
    ) -> Option<(Arc<Member>, Receiver<Line>)> {
        let (lines, waiting) = Channel::bounded(LINES_WAITING).split();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let member = Arc::new(Member { number, name: name.to_owned(), lines, stream });
        let is_in = self.change(|members| {
            let is_free = members.iter().all(|other| other.name != name);
            if is_free {
                members.push(member.clone());
            }
            is_free
        });
        is_in.then_some((member, waiting))
    }

    pub(crate) fn leave(&self, member: &Member) {
        self.change(|members| members.retain(|other| other.number != member.number));
    }

    /// Tells a line to all but `from`.
    pub(crate) fn tell_others(&self, from: &Member, line: String) {
        let line = Line::from(line);
        let members = self.members();
        members.iter().filter(|member| member.number != from.number).for_each(|to| to.tell(&line));
    }

    /// The names, in the order in which they came.
    pub(crate) fn names(&self) -> Vec<String> {
        self.members().iter().map(|member| member.name.clone()).collect()
    }

    fn members(&self) -> Members {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Member>>) -> T) -> T {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut members))
    }
}
