//! The example `chat` as strangers use it: a process of its own, and clients of `std`.

mod common;
#[path = "common/server.rs"]
mod server;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use common::{limit, soon};
use server::Server;

struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and is asked for the name.
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).expect("it listens");
        stream.set_read_timeout(Some(common::LIMIT)).expect("it can be set");
        let lines = BufReader::new(stream.try_clone().expect("it can be cloned"));
        let mut client = Self { stream, lines };
        client.hears("Welcome! What is your name?");
        client
    }

    /// Is let in.
    fn enter(server: &Server, name: &str, here: &str) -> Self {
        let mut client = Self::connect(server);
        client.says(name);
        client.hears(&format!("* here: {here}"));
        client
    }

    fn says(&mut self, line: &str) {
        writeln!(self.stream, "{line}").expect("the server is there");
    }

    #[track_caller]
    fn hears(&mut self, expected: &str) {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line comes");
        assert_eq!(line, format!("{expected}\n"));
    }

    /// The server has closed the connection, and nothing else comes.
    #[track_caller]
    fn hears_no_more(&mut self) {
        let mut rest = String::new();
        match self.lines.read_to_string(&mut rest) {
            Ok(_) => assert_eq!(rest, ""),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn everybody_hears_what_the_others_say_in_order() {
    let _limit = limit();
    let server = Server::start("chat");
    let mut ann = Client::enter(&server, "ann", "ann");
    let mut bob = Client::enter(&server, "bob", "ann, bob");
    let mut cleo = Client::enter(&server, "cleo", "ann, bob, cleo");
    ann.hears("* bob is here");
    ann.hears("* cleo is here");
    bob.hears("* cleo is here");
    for number in 0..200 {
        ann.says(&format!("line {number}"));
    }
    for number in 0..200 {
        bob.hears(&format!("ann: line {number}"));
        cleo.hears(&format!("ann: line {number}"));
    }
    bob.says("thanks");
    // Nobody hears what they have said themselves.
    ann.hears("bob: thanks");
    cleo.hears("bob: thanks");
}

#[test]
fn those_who_leave_are_seen_to_leave_however_they_do() {
    let _limit = limit();
    let server = Server::start("chat");
    let mut ann = Client::enter(&server, "ann", "ann");
    let mut bob = Client::enter(&server, "bob", "ann, bob");
    ann.hears("* bob is here");
    bob.says("/quit");
    bob.hears_no_more();
    ann.hears("* bob has left");
    // One that only stops sending still hears what is left to hear.
    let mut cleo = Client::enter(&server, "cleo", "ann, cleo");
    ann.hears("* cleo is here");
    cleo.says("good bye");
    cleo.stream.shutdown(Shutdown::Write).expect("it is connected");
    cleo.hears_no_more();
    ann.hears("cleo: good bye");
    ann.hears("* cleo has left");
    drop(Client::enter(&server, "dan", "ann, dan"));
    ann.hears("* dan is here");
    ann.hears("* dan has left");
    ann.says("/who");
    ann.hears("* here: ann");
}

#[test]
fn a_name_is_asked_for_until_it_is_good_and_free() {
    let _limit = limit();
    let server = Server::start("chat");
    let mut ann = Client::enter(&server, "ann", "ann");
    let mut other = Client::connect(&server);
    other.says("");
    other.hears("A name has 1 to 32 characters. Yours?");
    other.says(&"x".repeat(33));
    other.hears("A name has 1 to 32 characters. Yours?");
    other.says("ann");
    other.hears("This name is taken. Another one?");
    other.says("ann's friend");
    other.hears("* here: ann, ann's friend");
    ann.hears("* ann's friend is here");
}

#[test]
fn lines_come_out_whole_however_they_were_cut_and_without_what_moves_cursors() {
    let _limit = limit();
    let server = Server::start("chat");
    let mut ann = Client::enter(&server, "ann", "ann");
    let mut bob = Client::enter(&server, "bob", "ann, bob");
    ann.hears("* bob is here");
    bob.stream.set_nodelay(true).expect("it can be set");
    let long = "long ".repeat(600);
    for byte in format!("in pieces\r\n\n \u{1b}[2Jred\u{7}\n{long}\nnot\u{e9}").bytes() {
        bob.stream.write_all(&[byte]).expect("the server is there");
    }
    bob.stream.write_all(b"\xff\n").expect("the server is there");
    ann.hears("bob: in pieces");
    ann.hears("bob: [2Jred");
    ann.hears(&format!("bob: {}", long.trim_end()));
    ann.hears("bob: not\u{e9}\u{fffd}");
}

#[test]
fn who_sends_a_line_without_end_is_sent_away() {
    let _limit = limit();
    let server = Server::start("chat");
    let mut ann = Client::enter(&server, "ann", "ann");
    let mut bob = Client::enter(&server, "bob", "ann, bob");
    ann.hears("* bob is here");
    // The server may have gone before it has all been sent.
    let _ = bob.stream.write_all(&[b'x'; 10_000]);
    bob.hears_no_more();
    ann.hears("* bob has left");
}

#[test]
fn who_does_not_read_is_cut_off_and_holds_up_nobody() {
    let _limit = limit();
    let server = Server::start("chat");
    let slow = Client::enter(&server, "slow", "slow");
    let mut ann = Client::enter(&server, "ann", "slow, ann");
    let mut bob = Client::enter(&server, "bob", "slow, ann, bob");
    ann.hears("* bob is here");
    // More than the sockets and the channel can hold, sooner or later. Each line is answered
    // before the next one, so nobody but the slow one falls behind.
    let line = "x".repeat(4000);
    let deadline = soon();
    let mut is_gone = false;
    while !is_gone {
        assert!(std::time::Instant::now() < deadline, "the slow one is never cut off");
        ann.says(&line);
        let mut heard = String::new();
        bob.lines.read_line(&mut heard).expect("a line comes");
        is_gone = heard == "* slow has left\n";
        assert!(is_gone || heard.trim_end() == format!("ann: {line}"), "{heard}");
    }
    ann.hears("* slow has left");
    ann.says("/who");
    ann.hears("* here: ann, bob");
    drop(slow);
}

#[test]
fn a_hundred_clients_hear_each_other() {
    let _limit = limit();
    let server = Server::start("chat");
    let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(&server)).collect();
    for number in 0..clients.len() {
        clients[number].says(&format!("c{number}"));
        let here: Vec<String> = (0..=number).map(|number| format!("c{number}")).collect();
        clients[number].hears(&format!("* here: {}", here.join(", ")));
        for earlier in &mut clients[..number] {
            earlier.hears(&format!("* c{number} is here"));
        }
    }
    for number in [0, 1, 50, 99] {
        clients[number].says("hello");
        let heard = format!("c{number}: hello");
        let others = clients.iter_mut().enumerate().filter(|(other, _)| *other != number);
        others.for_each(|(_, client)| client.hears(&heard));
    }
}
