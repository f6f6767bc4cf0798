//! Servers; each listener has a thread with a runtime.

use std::io::ErrorKind;
use std::net::TcpListener as StdTcpListener;

use compio::BufResult;
use compio::driver::ProactorBuilder;
use compio::io::{AsyncRead, AsyncReadExt, AsyncReadMulti, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use futures_util::StreamExt;
use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};
use workload::processors::on_core;

use crate::{proactor, proactor_with_buffers, runtime};

/// Provided buffers of a ring.
const BUFFERS: u16 = 256;

/// Sends back what it gets: one receive and one send a message.
pub(crate) fn echo(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, &proactor(), move |stream| echo_connection(stream, len));
}

/// Until the client closes it.
async fn echo_connection(mut stream: TcpStream, len: usize) {
    let mut buffer = Vec::with_capacity(len);
    loop {
        buffer.clear();
        let (count, written);
        BufResult(count, buffer) = stream.read(buffer).await;
        if count.expect("the client is there") == 0 {
            return;
        }
        BufResult(written, buffer) = stream.write_all(buffer).await;
        written.expect("the client is there");
    }
}

/// The same with one receive a connection, which the kernel completes again and again, each time
/// into another provided buffer, out of which the answer is sent. An idle connection has none.
pub(crate) fn echo_multishot(listeners: Vec<StdTcpListener>, job: &Job) {
    let proactor = proactor_with_buffers(BUFFERS, job.buffer_len());
    serve(listeners, &proactor, multishot_connection);
}

/// Until the client closes it.
async fn multishot_connection(stream: TcpStream) {
    let (mut reading, mut writing) = (&stream, &stream);
    let mut pieces = std::pin::pin!(reading.read_multi(0));
    while let Some(piece) = pieces.next().await {
        match piece {
            // The stream gives an empty piece at the end.
            Ok(piece) if piece.is_empty() => return,
            Ok(piece) => {
                let BufResult(written, _) = writing.write_all(piece).await;
                written.expect("the client is there");
            }
            // All buffers are in use. The stream starts another receive.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => crate::yield_now().await,
            Err(error) => panic!("the client is there: {error}"),
        }
    }
}

/// Answers requests.
pub(crate) fn http(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, &proactor(), http_connection);
}

/// Until the client closes it.
async fn http_connection(mut stream: TcpStream) {
    let (mut unread, mut answers) = (Vec::with_capacity(4096), Vec::new());
    loop {
        let (count, written);
        BufResult(count, unread) = stream.append(unread).await;
        if count.expect("the client is there") == 0 {
            return;
        }
        let (len, requests) = whole_requests(&unread);
        unread.drain(..len);
        answers.clear();
        (0..requests).for_each(|_| answers.extend_from_slice(RESPONSE));
        BufResult(written, answers) = stream.write_all(answers).await;
        written.expect("the client is there");
    }
}

/// A message a connection.
pub(crate) fn accept(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, &proactor(), move |mut stream| async move {
        let BufResult(count, buffer) = stream.read(Vec::with_capacity(len)).await;
        count.expect("the client is there");
        let BufResult(written, _) = stream.write_all(buffer).await;
        written.expect("the client is there");
    });
}

/// Computes for a while on each message.
pub(crate) fn hotspot(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, &proactor(), hot_connection);
}

/// Until the client closes it.
async fn hot_connection(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(HOT_LEN);
    loop {
        buffer.clear();
        let (count, written);
        BufResult(count, buffer) = stream.read(buffer).await;
        if count.expect("the client is there") == 0 {
            return;
        }
        answer_hot(&mut buffer, HOT_STEPS);
        BufResult(written, buffer) = stream.write_all(buffer).await;
        written.expect("the client is there");
    }
}

/// On a thread for each listener: a task for each connection.
fn serve<T>(
    listeners: Vec<StdTcpListener>,
    proactor: &ProactorBuilder,
    task_of: impl Fn(TcpStream) -> T + Clone + Send + 'static,
) where
    T: Future<Output = ()> + 'static,
{
    std::thread::scope(|scope| {
        for (which, listener) in listeners.into_iter().enumerate() {
            let task_of = task_of.clone();
            scope.spawn(move || {
                on_core(which, || {
                    runtime(proactor.clone()).block_on(async {
                        let accepting = compio::runtime::spawn(accept_all(listener, task_of));
                        accepting.await.expect("it goes on");
                    });
                });
            });
        }
    });
}

/// Spawns a task for each connection.
async fn accept_all<T>(listener: StdTcpListener, task_of: impl Fn(TcpStream) -> T)
where
    T: Future<Output = ()> + 'static,
{
    let listener = TcpListener::from_std(listener).expect("it listens");
    // One accept, which the kernel completes again and again.
    let mut incoming = listener.incoming();
    while let Some(stream) = incoming.next().await {
        let stream = stream.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        compio::runtime::spawn(task_of(stream)).detach();
    }
}
