//! An example that serves until it is killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::common::example;

/// A process that listens; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Runs an example at a port that the system chooses, and waits until it says which.
    pub(crate) fn start(name: &str) -> Self {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let mut command = Command::new(PROGRAM.get_or_init(|| example(name)));
        command.arg("0").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        lines.read_line(&mut line).expect("it says where it listens");
        let address = line.strip_prefix("listening on ").and_then(|at| at.trim_end().parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            panic!("{name} printed {line:?}, and ended with {:?}", child.wait());
        };
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is this child and no other, also if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
