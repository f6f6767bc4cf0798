//! Connections that are used once and then not any more.

use std::net::SocketAddr;

use workload::processors::on_core;

use super::connections::{Connections, Script};

/// Connections that are there before: what the first ones make once and for all is no question.
const BEFORE: usize = 64;

/// Opens so many connections, uses each once, and gives by how many bytes the server has grown for
/// each of them.
pub(crate) fn grown(
    address: SocketAddr,
    len: usize,
    count: usize,
    mut memory: impl FnMut() -> Result<u64, String> + Send,
) -> Result<f64, String> {
    on_core(1, || {
        let script = Script::Echo { len };
        let _first = Connections::open(address, BEFORE, script)?;
        let before = memory()?;
        let mut connections = Connections::open(address, count, script)?;
        for index in 0..count {
            connections.converse(index)?;
        }
        Ok(memory()?.saturating_sub(before) as f64 / count as f64)
    })
}
