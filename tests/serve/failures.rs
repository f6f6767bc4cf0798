//! What goes wrong ends one connection, or the server, and is said.

use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use ringpool::Pool;
use ringpool::net::{self, ServeFailure, TcpStream};

use super::support::*;
use crate::common::*;
use crate::network::{connect, is_ended, reset};

/// What a hook was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn hook(&self) -> impl Fn(&ServeFailure<SocketAddr>) + Send + Sync + 'static {
        let told = self.clone();
        move |failure| {
            let what = match failure {
                ServeFailure::Accept { error, .. } => format!("accept: {error}"),
                ServeFailure::Handler { peer, error, .. } => format!("{peer}: {error}"),
                ServeFailure::Panic { peer, payload, .. } => {
                    let payload = payload.downcast_ref::<OnPurpose>();
                    format!("{peer}: panic: {}", payload.map_or("?", |it| it.0))
                }
                other => format!("{other}"),
            };
            told.0.lock().unwrap().push(what);
        }
    }

    fn all(&self) -> Vec<String> {
        let mut told = self.0.lock().unwrap().clone();
        told.sort();
        told
    }
}

/// Does what the client asks for.
async fn obey(stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic_on_purpose("in a destructor");
        }
    }
    let ((), order) = stream.read_exact([0]).await?;
    match order[0] {
        b'p' => panic_on_purpose("as told"),
        b'd' => drop(PanicsOnDrop),
        b'e' => return Err(io::Error::other("no luck")),
        _ => {}
    }
    stream.write_all("done").await?;
    Ok(())
}

fn orders(mut client: &std::net::TcpStream, order: &[u8; 1]) {
    io::Write::write_all(&mut client, order).expect("it is connected");
}

fn is_done(mut client: std::net::TcpStream) -> bool {
    let mut answer = String::new();
    client.read_to_string(&mut answer).is_ok() && answer == "done"
}

#[test]
fn a_handler_that_panics_or_fails_ends_its_own_connection_and_is_reported() {
    let _limit = limit();
    let pool = Pool::new(2);
    let told = Told::default();
    let (listener, address) = listener(&pool);
    let server = net::serve(listener, obey).on_failure(told.hook()).max_connections(20);
    let server = Running::start(&pool, server);
    let good: Vec<_> = (0..10).map(|_| connect(address)).collect();
    let bad = [b"p", b"d", b"e"].map(|order| (connect(address), order));
    let mut expected = Vec::new();
    for (client, order) in &bad {
        orders(client, order);
        assert!(is_ended(client));
        let what = match *order {
            b"p" => "panic: as told",
            b"d" => "panic: in a destructor",
            _ => "no luck",
        };
        expected.push(format!("{}: {what}", client.local_addr().unwrap()));
    }
    for client in good {
        orders(&client, b"x");
        assert!(is_done(client));
    }
    let served = server.stop();
    let ends = (served.completed, served.failed, served.panicked, served.cancelled);
    assert_eq!(ends, (10, 1, 2, 0));
    expected.sort();
    assert_eq!(told.all(), expected);
}

#[test]
fn a_panic_before_there_is_a_future_is_one_of_the_handler_too() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (listener, address) = listener(&pool);
    let server = net::serve(listener, |_: TcpStream, _| -> std::future::Ready<()> {
        panic_on_purpose("at once")
    });
    // A hook that panics itself is no reason to end.
    let server = server.on_failure(|_| panic_on_purpose("in the hook"));
    let server = Running::start(&pool, server);
    for _ in 0..5 {
        assert!(is_ended(&connect(address)));
    }
    assert_eq!(server.stop().panicked, 5);
}

#[test]
fn a_client_that_is_gone_before_it_was_accepted_is_no_reason_to_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    let told = Told::default();
    let (listener, address) = listener(&pool);
    (0..10).for_each(|_| reset(connect(address)));
    let client = connect(address);
    let server = Running::start(&pool, net::serve(listener, obey).on_failure(told.hook()));
    orders(&client, b"x");
    assert!(is_done(client));
    let served = server.stop();
    assert_eq!(served.completed, 1);
    // Each was either found out by the accept, or by its handler.
    assert_eq!(served.accept_errors + served.failed, 10, "{served:?}");
    assert_eq!(told.all().len(), 10);
}

#[test]
fn a_listener_that_is_shut_down_ends_the_server_after_its_handlers() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let fd = listener.as_raw_fd();
    let server = Running::start(&pool, net::serve(listener, echo));
    let client = connect(address);
    ring_of(&client);
    // SAFETY: takes numbers only, and the server has the descriptor open.
    assert_eq!(unsafe { libc::shutdown(fd, libc::SHUT_RDWR) }, 0);
    until(|| server.handle.served().accept_errors == 1);
    echoed(&client, "still here");
    assert!(!server.task.is_finished());
    drop(client);
    let error = server.task.wait().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(server.handle.served().completed, 1);
}

#[test]
fn one_listener_of_several_that_fails_ends_them_all() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (first, address) = listener(&pool);
    let (second, _) = listener(&pool);
    let fd = second.as_raw_fd();
    let server = Running::start(&pool, net::serve(vec![first, second], echo));
    ring_of(connect(address));
    // SAFETY: takes numbers only, and the server has the descriptor open.
    assert_eq!(unsafe { libc::shutdown(fd, libc::SHUT_RDWR) }, 0);
    let error = server.task.wait().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
