//! Child processes, beside what the standard library says of them.

use std::io::Result;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use ringpool::Pool;
use ringpool::op::{self, ChildState, Children, SharedFd};

use crate::common::limit;
use crate::same::{called, errno_of, is_missing};
use crate::support::begin;

/// A child that does what a shell is told, and waits for its input to end before.
fn shell(script: &str) -> Child {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("read line; {script}")).stdin(Stdio::piped());
    command.spawn().expect("a shell is there")
}

/// The state, or `None` where the kernel lacks the operation.
fn known(state: Result<Option<ChildState>>, test: &str) -> Option<ChildState> {
    (!is_missing(&state, test, "6.7")).then(|| state.unwrap().expect("something has happened"))
}

#[test]
fn an_end_is_told_of_as_the_standard_library_tells_it() {
    let _limit = limit();
    let scripts = ["exit 0", "exit 7", "exit 255", "kill -TERM $$", "kill -KILL $$"];
    Pool::new(1).block_on(async {
        for script in scripts {
            let mut theirs = shell(script);
            let expected = theirs.wait().unwrap(); // closes its input
            let mut ours = shell(script);
            drop(ours.stdin.take());
            let waited = op::waitid(Children::Process(ours.id()), libc::WEXITED).await;
            let test = "an_end_is_told_of_as_the_standard_library_tells_it";
            let Some(state) = known(waited, test) else {
                ours.wait().unwrap();
                return;
            };
            assert_eq!(state.exit_status(), expected, "{script}");
            assert_eq!(state.id(), ours.id());
            // SAFETY: it cannot fail.
            assert_eq!(state.user(), unsafe { libc::getuid() });
            assert_eq!(ours.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD), "it is gone");
        }
    });
}

#[test]
fn a_wait_ends_when_the_child_does_and_leaves_it_if_it_is_told_to() {
    let _limit = limit();
    let mut child = shell("exit 3");
    Pool::new(1).block_on(async {
        let of_child = Children::Process(child.id());
        let test = "a_wait_ends_when_the_child_does_and_leaves_it_if_it_is_told_to";
        let nothing = op::waitid(of_child.clone(), libc::WEXITED | libc::WNOHANG).await;
        if is_missing(&nothing, test, "6.7") {
            return;
        }
        assert_eq!(nothing.unwrap(), None, "it waits for its input");
        let mut wait = op::waitid(of_child, libc::WEXITED | libc::WNOWAIT);
        begin(&mut wait).await;
        drop(child.stdin.take());
        let state = wait.await.unwrap().expect("it has ended");
        assert_eq!((state.code(), state.exit_status().code()), (libc::CLD_EXITED, Some(3)));
    });
    assert_eq!(child.wait().unwrap().code(), Some(3), "it was left for this");
}

#[test]
fn a_child_is_found_by_its_group_and_by_its_descriptor() {
    use std::os::unix::process::CommandExt;

    let _limit = limit();
    Pool::new(1).block_on(async {
        let test = "a_child_is_found_by_its_group_and_by_its_descriptor";
        let mut child = Command::new("true").process_group(0).spawn().unwrap();
        let waited = op::waitid(Children::Group(child.id()), libc::WEXITED).await;
        let Some(state) = known(waited, test) else {
            child.wait().unwrap();
            return;
        };
        assert_eq!(state.id(), child.id());
        let mut child = Command::new("false").spawn().unwrap();
        // SAFETY: only numbers are passed.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
        // SAFETY: the call has just made it.
        let fd = unsafe { OwnedFd::from_raw_fd(called(fd).unwrap() as i32) };
        let by_fd = Children::PidFd(SharedFd::from(fd));
        let state = op::waitid(by_fd, libc::WEXITED).await.unwrap().unwrap();
        assert_eq!((state.id(), state.exit_status().code()), (child.id(), Some(1)));
        assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    });
}

#[test]
fn a_stop_and_its_end_are_told_of() {
    use std::os::unix::process::ExitStatusExt;

    let _limit = limit();
    let mut child = shell("exit 0");
    Pool::new(1).block_on(async {
        let of_child = Children::Process(child.id());
        // SAFETY: only numbers are passed, and the child has not been waited for.
        let send = |signal| unsafe { libc::kill(child.id() as i32, signal) };
        assert_eq!(send(libc::SIGSTOP), 0);
        let stopped = op::waitid(of_child.clone(), libc::WSTOPPED).await;
        let known = known(stopped, "a_stop_and_its_end_are_told_of");
        assert_eq!(send(libc::SIGCONT), 0);
        let Some(stopped) = known else { return };
        assert_eq!(stopped.code(), libc::CLD_STOPPED);
        assert_eq!(stopped.exit_status().stopped_signal(), Some(libc::SIGSTOP));
        let on = op::waitid(of_child, libc::WCONTINUED).await.unwrap().unwrap();
        assert_eq!(on.code(), libc::CLD_CONTINUED);
        assert!(on.exit_status().continued());
    });
    assert!(child.wait().unwrap().success());
}

#[test]
fn no_child_and_wrong_options_are_errors() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let own = Children::Process(std::process::id());
        let waited = op::waitid(own.clone(), libc::WEXITED).await;
        if is_missing(&waited, "no_child_and_wrong_options_are_errors", "6.7") {
            return;
        }
        assert_eq!(errno_of(waited), libc::ECHILD);
        assert_eq!(errno_of(op::waitid(own, 0).await), libc::EINVAL);
    });
}

#[test]
fn a_wait_that_is_cancelled_leaves_the_child() {
    let _limit = limit();
    let mut child = shell("exit 5");
    Pool::new(1).block_on(async {
        let of_child = Children::Process(child.id());
        let look = op::waitid(of_child.clone(), libc::WEXITED | libc::WNOHANG).await;
        if is_missing(&look, "a_wait_that_is_cancelled_leaves_the_child", "6.7") {
            return;
        }
        let mut wait = op::waitid(of_child, libc::WEXITED);
        begin(&mut wait).await;
        assert_eq!(errno_of(wait.cancel().await), libc::ECANCELED);
    });
    assert_eq!(child.wait().unwrap().code(), Some(5));
}
