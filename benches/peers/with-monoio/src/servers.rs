//! Servers; each listener has a thread with a runtime.

use std::net::TcpListener as StdTcpListener;
use std::thread;

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};
use workload::processors::pin;

use crate::threads::builder;

/// Length of the ring: monoio's default.
const ENTRIES: u32 = 1024;
/// That of a ring for more than ten thousand connections, of which each has an operation.
const MANY_ENTRIES: u32 = 16_384;

/// Sends back what it gets.
pub(crate) fn echo(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, ENTRIES, move |stream| echo_connection(stream, len));
}

/// Until the client goes.
async fn echo_connection(mut stream: TcpStream, len: usize) {
    let mut buffer = Vec::with_capacity(len);
    loop {
        let (read, written);
        (read, buffer) = stream.read(buffer).await;
        if read.expect("the client is there") == 0 {
            return;
        }
        (written, buffer) = stream.write_all(buffer).await;
        written.expect("the client is there");
    }
}

/// The same of connections that are idle mostly: they have no buffer until there is something to
/// read.
pub(crate) fn connections(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, MANY_ENTRIES, move |stream| idle_connection(stream, len));
}

/// Until the client goes.
async fn idle_connection(mut stream: TcpStream, len: usize) {
    loop {
        stream.readable(false).await.expect("the client is there");
        let (read, buffer) = stream.read(Vec::with_capacity(len)).await;
        if read.expect("the client is there") == 0 {
            return;
        }
        stream.write_all(buffer).await.0.expect("the client is there");
    }
}

/// Answers requests.
pub(crate) fn http(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, ENTRIES, http_connection);
}

/// Until the client goes.
async fn http_connection(mut stream: TcpStream) {
    let (mut unread, mut answers) = (Vec::with_capacity(4096), Vec::new());
    loop {
        // A read fills a buffer from its begin: this is the part of it that has nothing in it.
        unread.reserve(1);
        let rest = unread.len()..unread.capacity();
        let (read, filled) = stream.read(unread.slice_mut(rest)).await;
        if read.expect("the client is there") == 0 {
            return;
        }
        unread = filled.into_inner();
        let (len, requests) = whole_requests(&unread);
        unread.drain(..len);
        answers.clear();
        (0..requests).for_each(|_| answers.extend_from_slice(RESPONSE));
        let written;
        (written, answers) = stream.write_all(answers).await;
        written.expect("the client is there");
    }
}

/// A message a connection.
pub(crate) fn accept(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, ENTRIES, move |mut stream| async move {
        let (read, buffer) = stream.read(Vec::with_capacity(len)).await;
        read.expect("the client is there");
        stream.write_all(buffer).await.0.expect("the client is there");
    });
}

/// Computes for a while on each message.
pub(crate) fn hotspot(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, ENTRIES, hot_connection);
}

/// Until the client goes.
async fn hot_connection(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(HOT_LEN);
    loop {
        let (read, written);
        (read, buffer) = stream.read(buffer).await;
        if read.expect("the client is there") == 0 {
            return;
        }
        answer_hot(&mut buffer, HOT_STEPS);
        (written, buffer) = stream.write_all(buffer).await;
        written.expect("the client is there");
    }
}

/// On a thread for each listener: a task for each connection.
fn serve<F>(
    listeners: Vec<StdTcpListener>,
    entries: u32,
    task_of: impl Fn(TcpStream) -> F + Copy + Send,
) where
    F: Future<Output = ()> + 'static,
{
    thread::scope(|scope| {
        for (which, listener) in listeners.into_iter().enumerate() {
            scope.spawn(move || {
                pin(which);
                let builder = builder().with_entries(entries).enable_timer();
                let mut runtime = builder.build().expect("io_uring works here");
                runtime.block_on(accept_all(listener, task_of));
            });
        }
    });
}

/// Spawns a task for each connection that comes.
async fn accept_all<F>(listener: StdTcpListener, task_of: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::from_std(listener).expect("it listens");
    loop {
        let (stream, _) = listener.accept().await.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        monoio::spawn(task_of(stream));
    }
}
