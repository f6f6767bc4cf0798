//! How a ring stops: cancel everything, get back from the kernel what it has, and only then let go.

use std::io;
use std::time::{Duration, Instant};

use crate::context::Local;
use crate::op::cell;
use crate::task::{run, shed};
use crate::time::{since_start_ns, timer};
use crate::worker::Worker;

/// The longest wait for the kernel in one turn of stopping: others may still send us messages
/// although our bell is being taken down.
const STEP: Duration = Duration::from_millis(2);

impl Worker<'_> {
    /// Ends every task, operation and timer of this ring. What the kernel has not given back by the
    /// deadline is leaked: the memory of those operations is never freed.
    pub(crate) fn stop(&mut self) {
        let local = self.local;
        local.stopping.set(true);
        shed::gather(local);
        run::cancel_all(local);
        let mut told_kernel: Option<Instant> = None;
        // One pass at least, also if there is no time: the kernel has been told then.
        while !self.is_drained() {
            self.take_messages();
            self.run_tasks();
            timer::stop_all(local);
            if local.ready.is_empty() && told_kernel.is_none_or(|told| told.elapsed() >= STEP) {
                // Once all futures are gone: most have asked for it themselves. And again, since
                // the kernel does not find operations that it has set aside for a moment.
                local.ring.borrow_mut().cancel_everything();
                told_kernel = Some(Instant::now());
            }
            let is_late = since_start_ns(Instant::now()) >= local.shared.stop_deadline_ns();
            if self.wait_a_little().is_err() || is_late {
                break;
            }
        }
        self.close();
        self.publish();
    }

    fn is_drained(&self) -> bool {
        let local = self.local;
        let in_flight = local.ring.borrow().in_flight();
        local.live.len() == 0 && local.ready.is_empty() && in_flight == 0
    }

    fn wait_a_little(&mut self) -> io::Result<()> {
        let local = self.local;
        let busy = !local.ready.is_empty() || self.is_drained();
        if !busy && local.mailbox.inbox.fall_asleep() {
            let waited = local.ring.borrow_mut().wait(Some(STEP));
            local.mailbox.inbox.wake_up();
            waited?;
        }
        self.submit_and_reap()
    }

    /// Takes the last messages, and lets nobody send another.
    fn close(&mut self) {
        let local = self.local;
        self.deliver(local.mailbox.inbox.close());
        if local.ring.borrow().in_flight() > 0 {
            self.leak_operations();
        }
        // Before user code runs again: what tries to come here shall hear that it cannot.
        local.shared.set_stopped();
        local.awaited_pools.end();
        end_everything(local);
        local.mailbox.gate.shut();
    }

    /// The kernel has not given everything back in time. Futures elsewhere may still have what it
    /// keeps, so this mailbox shall never be another ring's: they would take that for their home.
    fn leak_operations(&self) {
        let local = self.local;
        std::mem::forget(local.shared.clone());
        let stopped = local.ring.borrow_mut().take_stopped();
        for cell in stopped {
            // SAFETY: at home; in `to_stop` as long as it has not completed, and nothing is reaped
            // from here on.
            unsafe { cell::leak(local, cell) };
        }
    }
}

/// Ends the tasks that are left on a ring that has closed: those that came with the last messages,
/// those whose operations the kernel keeps, and those that destructors, wakers and hooks of the
/// user's spawn while we are at it.
pub(crate) fn end_everything(local: &Local) {
    while local.live.len() > 0 || !local.ready.is_empty() || local.timers.borrow().len() > 0 {
        while run::run_next(local) {}
        run::finish_those_winding_down(local);
        timer::stop_all(local);
    }
}
