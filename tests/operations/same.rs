//! Comparing an operation with a system call.

use std::fmt::Debug;
use std::io::{Error, ErrorKind, Result};

/// What a system call gives that answers with −1 and `errno`.
pub(crate) fn called<N: TryInto<i64>>(answer: N) -> Result<u64> {
    let answer = answer.try_into().ok().expect("an answer is a number");
    u64::try_from(answer).map_err(|_| Error::last_os_error())
}

/// The operation and the call have both given this number, or failed with the same error.
#[track_caller]
pub(crate) fn assert_same<N: TryInto<u64>>(ours: Result<N>, theirs: Result<u64>, what: impl Debug) {
    let ours = ours.map(|number| number.try_into().ok().expect("a number"));
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{what:?}"),
        (Err(ours), Err(theirs)) => {
            assert_eq!(ours.raw_os_error(), theirs.raw_os_error(), "{what:?}: {ours}, {theirs}");
        }
        (ours, theirs) => panic!("{what:?}: {ours:?} and {theirs:?}"),
    }
}

/// The error number of what has failed.
#[track_caller]
pub(crate) fn errno_of<T: Debug>(result: Result<T>) -> i32 {
    let error = result.expect_err("it fails");
    error.raw_os_error().unwrap_or_else(|| panic!("not an error of the system's: {error}"))
}

/// Whether this kernel lacks the operation; says then that the test is skipped, and since when
/// Linux has it must be in the error.
pub(crate) fn is_missing<T>(result: &Result<T>, test: &str, since: &str) -> bool {
    let Err(error) = result else { return false };
    if error.kind() != ErrorKind::Unsupported {
        return false;
    }
    assert!(error.to_string().contains(&format!("since Linux {since}")), "{error}");
    println!("skipped: {test} needs Linux {since}");
    true
}
