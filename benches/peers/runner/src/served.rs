//! Turns in which a program serves, and a client in this process asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout};

use serde::de::DeserializeOwned;
use workload::Cost;
use workload::program::{Memory, Ports};

use crate::Setting;
use crate::client::{self, Answers, Client};
use crate::programs::Contender;
use crate::statistics::Turns;

/// Work of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) client: Client,
    pub(crate) connections: usize,
    /// Bytes of a message.
    pub(crate) size: usize,
}

impl Served {
    pub(crate) fn measure(&self, setting: &Setting, contender: &Contender, turns: &mut Turns) {
        if turns.failure.is_some() {
            return;
        }
        if matches!(self.client, Client::Idle) {
            let grown = self.memory(setting, contender);
            if let Some(bytes) = turns.note(&contender.name, contender.workload, grown) {
                turns.bytes.push(bytes);
            }
            return;
        }
        let served = self.turn(setting, contender, false);
        let served = turns.note(&contender.name, contender.workload, served);
        let Some((answers, cost)) = served else { return };
        let count = answers.count as f64;
        turns.wall_ns.push(cost.wall_ns as f64 / count);
        turns.cpu_ns.push(cost.cpu_ns as f64 / count);
        if let Some(latencies) = &answers.latencies {
            turns.p50_ns.push(latencies.value_at_quantile(0.5) as f64);
            turns.p99_ns.push(latencies.value_at_quantile(0.99) as f64);
        }
    }

    /// One more turn, for system calls and allocations.
    pub(crate) fn count(&self, setting: &Setting, contender: &Contender, turns: &mut Turns) {
        if turns.failure.is_some() || matches!(self.client, Client::Idle) {
            return;
        }
        let served = self.turn(setting, contender, true);
        let served = turns.note(&contender.name, contender.workload, served);
        let Some((answers, cost)) = served else { return };
        turns.syscalls = Some(cost.syscalls as f64 / answers.count as f64);
        turns.allocations = Some(cost.allocations as f64 / answers.count as f64);
    }

    /// How many answers there were in a turn, and what they cost the server.
    fn turn(
        &self,
        setting: &Setting,
        contender: &Contender,
        counting: bool,
    ) -> Result<(Answers, Cost), String> {
        let mut server = Server::start(setting, contender, self, counting)?;
        let addresses = server.addresses.clone();
        let mut cost = Cost::default();
        let answers = client::ask(self, setting, &addresses, &mut |edge| match edge {
            client::Edge::Start => server.say::<Cost>("start").map(|_| ()),
            client::Edge::Stop => server.say("stop").map(|all| cost = all),
        });
        let answers = answers.map_err(|why| server.last_words(&why))?;
        Ok((answers, cost))
    }

    /// By how much the server grows for each connection that has been used once.
    fn memory(&self, setting: &Setting, contender: &Contender) -> Result<f64, String> {
        let mut server = Server::start(setting, contender, self, false)?;
        let address = server.addresses[0];
        let grown =
            client::idle::grown(address, self.size, setting.effort.idle_connections, || {
                server.say::<Memory>("memory").map(|memory| memory.resident)
            });
        grown.map_err(|why| server.last_words(&why))
    }
}

/// A program that serves; ended when dropped.
struct Server {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    fn start(
        setting: &Setting,
        contender: &Contender,
        served: &Served,
        counting: bool,
    ) -> Result<Self, String> {
        let mut command = contender.command(&setting.scratch);
        command.args(["--size", &served.size.to_string()]);
        command.args(["--listeners", &served.client.listeners().to_string()]);
        if counting {
            command.arg("--counting");
        }
        command.stdin(std::process::Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut server = Self { child, to, from, addresses: Vec::new() };
        match server.hear::<Ports>() {
            Ok(Ports { ports }) => {
                let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
                server.addresses = ports.into_iter().map(address).collect();
                Ok(server)
            }
            Err(why) => Err(server.last_words(&why)),
        }
    }

    fn say<T: DeserializeOwned>(&mut self, word: &str) -> Result<T, String> {
        let to = self.to.as_mut().expect("it is open until the end");
        writeln!(to, "{word}").map_err(|error| format!("hears nothing: {error}"))?;
        self.hear()
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|error| format!("cannot be heard: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("says {line:?}: {error}"))
    }

    /// What went wrong, with what the program has said about it.
    fn last_words(&mut self, why: &str) -> String {
        self.end();
        let mut said = String::new();
        if let Some(errors) = &mut self.child.stderr {
            // What cannot be read is not said.
            let _ = errors.read_to_string(&mut said);
        }
        format!("{why}: {said}")
    }

    fn end(&mut self) {
        drop(self.to.take());
        // A server that serves on is ended the hard way; one that has gone is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
