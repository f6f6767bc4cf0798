//! The example `graceful` as strangers use it: a process of its own, and clients of `std`.

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Lines, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use common::{example, limit};

/// A process that is killed when this is dropped.
struct Server {
    child: Child,
    typing: Option<ChildStdin>,
    says: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let mut command = Command::new(PROGRAM.get_or_init(|| example("graceful")));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut says = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = says.next().expect("it says where it listens").expect("it is text");
        let address = line.strip_prefix("listening on ").and_then(|at| at.parse().ok());
        let address = address.unwrap_or_else(|| panic!("it said {line:?}"));
        Self { typing: child.stdin.take(), child, says, address }
    }

    fn types(&mut self, line: &str) {
        writeln!(self.typing.as_ref().expect("its input is open"), "{line}").expect("it listens");
    }

    /// Waits for its end; gives what it has said since, sorted.
    fn ends(&mut self) -> Vec<String> {
        let mut said: Vec<_> = self.says.by_ref().map(|line| line.expect("it is text")).collect();
        assert!(self.child.wait().expect("it is ours").success());
        assert_eq!(said.pop().as_deref(), Some("stopped"));
        said.sort();
        said
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).expect("it listens")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is this child and no other, also if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn echoed(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("it is connected");
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("an answer comes");
    assert_eq!(answer, text.as_bytes());
}

fn rest(mut stream: &TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("it ends in good order");
    rest
}

#[test]
fn all_clients_hear_goodbye_when_it_stops_and_nobody_else_gets_in() {
    let _limit = limit();
    let mut server = Server::start(&["0"]);
    let clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for (number, client) in clients.iter().enumerate() {
        echoed(client, &format!("a line of client {number}"));
    }
    let gone = server.connect();
    echoed(&gone, "salt");
    drop(gone);
    server.types("go on");
    echoed(&clients[0], "it does");
    server.types("stop");
    for client in &clients {
        assert_eq!(rest(client), "goodbye\n");
    }
    let said = server.ends();
    assert_eq!(said.len(), 21, "{said:?}");
    assert_eq!(said.iter().filter(|line| line.ends_with(": 4 bytes")).count(), 1, "{said:?}");
    let refused = TcpStream::connect(server.address).expect_err("nobody listens any more");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_client_that_takes_no_answer_does_not_keep_it_from_stopping() {
    let _limit = limit();
    let mut server = Server::start(&["0"]);
    let (reader, mut flood) = (server.connect(), server.connect());
    echoed(&reader, "salt");
    // Its answers have filled all buffers on the way when it cannot send any more.
    flood.set_write_timeout(Some(std::time::Duration::from_millis(500))).expect("it can be set");
    let block = vec![b'x'; 1 << 20];
    while flood.write(&block).is_ok() {}
    server.types("stop");
    assert_eq!(rest(&reader), "goodbye\n");
    let said = server.ends();
    assert_eq!(said.len(), 2, "each has a last word: {said:?}");
}

#[test]
fn it_stops_by_itself_when_its_time_is_over_though_nobody_can_type() {
    let _limit = limit();
    let mut server = Server::start(&["0", "1"]);
    server.typing = None;
    assert!(server.ends().is_empty());
}

#[test]
fn what_is_no_number_is_refused() {
    let _limit = limit();
    for arguments in [&["salt"][..], &["0", "-1"]] {
        let mut command = Command::new(example("graceful"));
        let refused = command.args(arguments).output().expect("it can be run");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("must be a number"), "{said}");
    }
}
