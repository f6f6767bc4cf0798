//! Servers; each listener has a shard.
//!
//! A task ends when its client has gone, in whatever way: if it panicked, the shard would end.

use std::net::TcpListener as StdTcpListener;
use std::os::fd::RawFd;

use io_uring::opcode::PollAdd;
use io_uring::types::Fd;
use spargio::net::{TcpListener, TcpStream};
use spargio::{Runtime, RuntimeHandle, UringNativeAny};
use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};

use crate::local::shard;
use crate::{AWAKE, RING_ENTRIES, runtime};

/// Sends back what it gets: one receive and one send a message.
pub(crate) fn echo(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, move |stream| echo_connection(stream, len));
}

/// Receives into all of one buffer, and sends out of all of another, since a buffer is as long as
/// what is received or sent at most.
async fn echo_connection(stream: TcpStream, len: usize) {
    let (mut buffer, mut answer) = (vec![0; len], Vec::new());
    loop {
        let Some(count) = receive(&stream, &mut buffer).await else { return };
        answer.clear();
        answer.extend_from_slice(&buffer[..count]);
        let Ok(sent) = stream.write_all_owned(answer).await else { return };
        answer = sent;
    }
}

/// Receives into the buffer; `None` if the client has gone.
async fn receive(stream: &TcpStream, buffer: &mut Vec<u8>) -> Option<usize> {
    let (count, received) = stream.recv_owned(std::mem::take(buffer)).await.ok()?;
    *buffer = received;
    (count > 0).then_some(count)
}

/// The same with a buffer only while there is something to read, which spargio's means for
/// operations of one's own say.
pub(crate) fn connections(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    let runtime = runtime(listeners.len(), AWAKE, RING_ENTRIES);
    let native = runtime.handle().uring_native_unbound().expect("there are rings");
    serve_on(&runtime, listeners, move |stream| idle_connection(stream, native.clone(), len));
}

async fn idle_connection(stream: TcpStream, native: UringNativeAny, len: usize) {
    loop {
        wait_readable(&stream, &native).await;
        let mut buffer = vec![0; len];
        let Some(count) = receive(&stream, &mut buffer).await else { return };
        buffer.truncate(count);
        if stream.write_all_owned(buffer).await.is_err() {
            return;
        }
    }
}

/// Waits until there is something to read.
async fn wait_readable(stream: &TcpStream, native: &UringNativeAny) {
    let poll = |stream: &mut TcpStream| {
        let fd: RawFd = stream.as_raw_fd();
        Ok(PollAdd::new(Fd(fd), libc::POLLIN as u32).build())
    };
    let shard = stream.session_shard();
    // SAFETY: the operation has the stream until it has completed, and points to nothing else.
    let polled = unsafe {
        native.submit_unsafe_on_shard(shard, stream.clone(), poll, |_, entry| Ok(entry.result))
    };
    assert!(polled.await.expect("the shard runs") > 0, "the client is there");
}

/// Answers requests.
pub(crate) fn http(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, http_connection);
}

async fn http_connection(stream: TcpStream) {
    let (mut buffer, mut unread, mut answers) = (vec![0; 4096], Vec::new(), Vec::new());
    loop {
        let Some(count) = receive(&stream, &mut buffer).await else { return };
        unread.extend_from_slice(&buffer[..count]);
        let (len, requests) = whole_requests(&unread);
        unread.drain(..len);
        answers.clear();
        (0..requests).for_each(|_| answers.extend_from_slice(RESPONSE));
        let Ok(sent) = stream.write_all_owned(answers).await else { return };
        answers = sent;
    }
}

/// A message a connection.
pub(crate) fn accept(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, move |stream| async move {
        let mut buffer = vec![0; len];
        let Some(count) = receive(&stream, &mut buffer).await else { return };
        buffer.truncate(count);
        let _ = stream.write_all_owned(buffer).await;
    });
}

/// Computes for a while on each message. The shards have the connections in turns, whichever
/// listener they come from: so does the server that spargio's README shows.
pub(crate) fn hotspot(listeners: Vec<StdTcpListener>, _: &Job) {
    let runtime = runtime(listeners.len(), AWAKE, RING_ENTRIES);
    on_each(&runtime, listeners, async |listener, handle| {
        loop {
            let (stream, _) = listener.accept_round_robin().await.expect("the client comes");
            let task = stream.spawn_on_session(&handle, hot_connection(stream.clone()));
            // It goes on without its handle.
            drop(task.expect("the shard runs"));
        }
    });
}

async fn hot_connection(stream: TcpStream) {
    let (mut buffer, mut answer) = (vec![0; HOT_LEN], Vec::new());
    loop {
        let Some(count) = receive(&stream, &mut buffer).await else { return };
        answer.clear();
        answer.extend_from_slice(&buffer[..count]);
        answer_hot(&mut answer, HOT_STEPS);
        let Ok(sent) = stream.write_all_owned(answer).await else { return };
        answer = sent;
    }
}

/// On a shard for each listener: a task for each connection.
fn serve<T>(
    listeners: Vec<StdTcpListener>,
    task_of: impl Fn(TcpStream) -> T + Clone + Send + 'static,
) where
    T: Future<Output = ()> + 'static,
{
    serve_on(&runtime(listeners.len(), AWAKE, RING_ENTRIES), listeners, task_of);
}

/// The same, on a runtime that is there.
fn serve_on<T>(
    runtime: &Runtime,
    listeners: Vec<StdTcpListener>,
    task_of: impl Fn(TcpStream) -> T + Clone + Send + 'static,
) where
    T: Future<Output = ()> + 'static,
{
    on_each(runtime, listeners, async move |listener, _| {
        let shard = shard();
        loop {
            // It is on this shard, and so is its task. `TCP_NODELAY` is set already.
            let (stream, _) = listener.accept().await.expect("the client comes");
            // It goes on without its handle.
            drop(shard.spawn_local(task_of(stream)));
        }
    });
}

/// Gives each listener to a task on a shard of its own, and waits for them.
fn on_each(
    runtime: &Runtime,
    listeners: Vec<StdTcpListener>,
    accept_all: impl AsyncFn(TcpListener, RuntimeHandle) + Clone + Send + 'static,
) {
    let handle = runtime.handle();
    let accepting = listeners.into_iter().zip(0..).map(|(listener, shard)| {
        let listener = TcpListener::from_std(handle.clone(), listener);
        let (handle, accept_all) = (handle.clone(), accept_all.clone());
        let main = move |_| async move { accept_all(listener, handle).await };
        runtime.handle().spawn_local_on(shard, main).expect("the shard runs")
    });
    let accepting: Vec<_> = accepting.collect();
    for task in accepting {
        futures_executor::block_on(task).expect("it goes on");
    }
}
