//! Prints what io_uring can do on this machine; exits with 1 where it cannot be used.

use std::process::ExitCode;

fn main() -> ExitCode {
    let capabilities = ringpool::capabilities();
    print!("{capabilities}");
    ExitCode::from(u8::from(capabilities.io_uring.is_err()))
}
