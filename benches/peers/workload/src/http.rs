//! The least of HTTP/1.1 that the benchmark known as "plaintext" needs; the same for all servers,
//! since it is not their parsing that is compared.

/// What the client sends.
pub const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\nUser-Agent: runner\r\n\
    Accept: text/plain\r\nConnection: keep-alive\r\n\r\n";

/// What it wants to read.
pub const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: peers\r\nContent-Type: text/plain\r\n\
    Content-Length: 13\r\n\r\nHello, World!";

/// Finds whole requests in what was read so far.
///
/// Gives the number of bytes that belong to whole requests, and how many of them there are.
///
/// # Panics
///
/// If what was read is no `GET /plaintext`.
pub fn whole_requests(bytes: &[u8]) -> (usize, usize) {
    let (mut start, mut requests) = (0, 0);
    while let Some(len) = find_end(&bytes[start..]) {
        assert!(bytes[start..].starts_with(b"GET /plaintext HTTP/1.1\r\n"), "not asked for that");
        start += len;
        requests += 1;
    }
    (start, requests)
}

/// The length of the head that `bytes` begin with, the empty line included.
fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}
