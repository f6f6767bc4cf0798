//! What fails at once in a scope that is stopped lets the other tasks of its ring run: who tries
//! again after each failure must not keep the ring to itself.

use std::future::{Future, pending};

use crate::common::*;
use crate::support::*;
use ringpool::net::TcpListener;
use ringpool::stop::{StopSource, StopToken, Stopped, checkpoint, until, with_stop};
use ringpool::{Channel, Pool, fs, op, spawn};

/// Does something again and again in a scope that is stopped, until another task has run.
async fn again_and_again<F: Future>(mut attempt: impl FnMut() -> F) {
    let source = StopSource::new();
    source.stop();
    let runs = Count::new();
    let other = spawn({
        let runs = runs.clone();
        async move { runs.add() }
    });
    let trying = with_stop(source.token(), async {
        while runs.get() == 0 {
            attempt().await;
        }
    });
    trying.await;
    other.await.unwrap();
}

#[test]
fn operations() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (reader, writer) = pipe();
        let writer = op::SharedFd::from(std::os::fd::OwnedFd::from(writer));
        again_and_again(op::nop).await;
        again_and_again(|| read(&reader)).await;
        again_and_again(|| op::link((op::nop(), op::nop()))).await;
        again_and_again(|| op::nop().timeout(std::time::Duration::from_secs(1))).await;
        again_and_again(|| op::race((op::nop(), op::nop()))).await;
        again_and_again(|| op::send_zc(&writer, vec![0; 10], 0)).await;
    });
}

#[test]
fn accepts_and_files() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        again_and_again(|| listener.accept()).await;
        again_and_again(|| fs::metadata("/")).await;
        again_and_again(|| fs::canonicalize("/")).await;
        again_and_again(|| ringpool::net::lookup_host("localhost:1")).await;
        again_and_again(|| fs::read_dir("/")).await;
        let file = fs::File::open("/proc/version").await.unwrap();
        again_and_again(|| file.try_lock_shared()).await;
    });
}

#[test]
fn a_turn_at_a_listener() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut first = Box::pin(listener.accept());
        begin(&mut first).await;
        again_and_again(|| listener.accept()).await;
    });
}

#[test]
fn ends_of_waits() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        again_and_again(|| until(pending::<()>())).await;
        again_and_again(checkpoint).await;
        let token = StopToken::current;
        again_and_again(|| token().stopped()).await;
        again_and_again(|| async move { token().until(pending::<()>()).await }).await;
    });
}

#[test]
fn until_gives_all_that_is_there_however_much_it_is() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let items = Channel::bounded(1000);
        (0..1000).for_each(|item| items.try_send(item).unwrap());
        let source = StopSource::new();
        source.stop();
        with_stop(source.token(), async {
            for item in 0..1000 {
                assert_eq!(until(items.recv()).await, Ok(Ok(item)));
            }
            assert_eq!(until(items.recv()).await, Err(Stopped::default()));
        })
        .await;
        (0..1000).for_each(|item| items.try_send(item).unwrap());
        let token = source.token();
        for item in 0..1000 {
            assert_eq!(token.until(items.recv()).await, Ok(Ok(item)));
        }
    });
}
