//! Servers; each listener has an executor.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::Pin;
use std::rc::Rc;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};

use crate::{executor, run};

/// Sends back what it gets: one receive and one send a message.
pub(crate) fn echo(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, move |stream| echo_connection(stream, len));
}

/// Until the client closes it.
async fn echo_connection(mut stream: TcpStream, len: usize) {
    let mut buffer = vec![0; len];
    loop {
        let count = stream.read(&mut buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        stream.write_all(&buffer[..count]).await.expect("the client is there");
    }
}

/// The same with one buffer for all: it is read from a socket only when there is something, so that
/// an idle connection has none.
pub(crate) fn connections(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    let [listener] = listeners.try_into().expect("there is one listener");
    run(move || async move {
        let shared = Rc::new(RefCell::new(vec![0; len]));
        accept_all(listener, move |stream| lean_connection(stream, shared.clone())).await;
    });
}

/// Until the client closes it.
async fn lean_connection(mut stream: TcpStream, shared: Rc<RefCell<Vec<u8>>>) {
    loop {
        let message = poll_fn(|cx| {
            let mut buffer = shared.borrow_mut();
            let read = Pin::new(&mut stream).poll_read(cx, &mut buffer);
            read.map_ok(|count| buffer[..count].to_vec())
        });
        let message = message.await.expect("the client is there");
        if message.is_empty() {
            return;
        }
        stream.write_all(&message).await.expect("the client is there");
    }
}

/// Answers requests.
pub(crate) fn http(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, http_connection);
}

/// Until the client closes it.
async fn http_connection(mut stream: TcpStream) {
    let (mut buffer, mut unread, mut answers) = (vec![0; 4096], 0, Vec::new());
    loop {
        let read = stream.read(&mut buffer[unread..]).await;
        let count = read.expect("the client is there");
        if count == 0 {
            return;
        }
        unread += count;
        let (len, requests) = whole_requests(&buffer[..unread]);
        buffer.copy_within(len..unread, 0);
        unread -= len;
        answers.clear();
        (0..requests).for_each(|_| answers.extend_from_slice(RESPONSE));
        stream.write_all(&answers).await.expect("the client is there");
    }
}

/// A message a connection.
pub(crate) fn accept(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, move |mut stream| async move {
        let mut buffer = vec![0; len];
        let count = stream.read(&mut buffer).await.expect("the client is there");
        stream.write_all(&buffer[..count]).await.expect("the client is there");
    });
}

/// Computes for a while on each message.
pub(crate) fn hotspot(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, hot_connection);
}

/// Until the client closes it.
async fn hot_connection(mut stream: TcpStream) {
    let mut buffer = [0; HOT_LEN];
    loop {
        let count = stream.read(&mut buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        answer_hot(&mut buffer[..count], HOT_STEPS);
        stream.write_all(&buffer[..count]).await.expect("the client is there");
    }
}

/// On an executor for each listener: a task for each connection.
fn serve<T>(
    listeners: Vec<StdTcpListener>,
    task_of: impl Fn(TcpStream) -> T + Clone + Send + 'static,
) where
    T: Future<Output = ()> + 'static,
{
    let on_each = listeners.into_iter().enumerate().map(|(which, listener)| {
        let task_of = task_of.clone();
        executor(which).spawn(|| accept_all(listener, task_of)).expect("io_uring works here")
    });
    let serving: Vec<_> = on_each.collect();
    serving.into_iter().for_each(|one| one.join().expect("it goes on"));
}

/// Spawns a task for each connection.
async fn accept_all<T>(listener: StdTcpListener, task_of: impl Fn(TcpStream) -> T)
where
    T: Future<Output = ()> + 'static,
{
    // SAFETY: the descriptor is that of a socket which listens, and nobody else's any more.
    let listener = unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) };
    loop {
        let stream = listener.accept().await.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        glommio::spawn_local(task_of(stream)).detach();
    }
}
