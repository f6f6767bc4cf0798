//! A web server and its clients: `hyper` over our connections, its tasks on our rings.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, client, server};
use hyper_util::rt::TokioIo;
use ringpool::io::BufStream;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::{Pool, Task, spawn, spawn_on, yield_now};

use crate::common::*;
use crate::network::*;

/// Answers with the body turned around.
async fn reverse(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/reverse" {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let body = request.into_body().collect().await.expect("the client sends all of it");
    let mut body = body.to_bytes().to_vec();
    body.reverse();
    yield_now().await;
    Ok(Response::new(Full::from(body)))
}

/// Serves `count` connections, each in a task of its own.
async fn serve(listener: TcpListener, count: usize) {
    let mut serving = Vec::new();
    for _ in 0..count {
        let (stream, _) = listener.accept().await.unwrap();
        let io = TokioIo::new(BufStream::new(stream));
        let connection = server::conn::http1::Builder::new();
        serving.push(spawn(async move {
            connection.serve_connection(io, service_fn(reverse)).await.unwrap();
        }));
    }
    for task in serving {
        task.await.unwrap();
    }
}

/// Sends requests through one connection and compares the answers.
async fn ask(address: SocketAddr, mut random: Random) {
    let io = TokioIo::new(BufStream::new(TcpStream::connect(address).await.unwrap()));
    let (mut sender, connection) = client::conn::http1::handshake(io).await.unwrap();
    let driver: Task<_> = spawn(connection);
    for _ in 0..20 {
        let len = random.below(100_000);
        let body = random.bytes(len);
        let request = Request::builder().method(Method::POST).uri("/reverse");
        let request = request.header("host", "localhost").body(Full::from(body.clone()));
        let response = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut answer = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        answer.reverse();
        assert!(answer == body);
    }
    let request = Request::builder().uri("/elsewhere").header("host", "localhost");
    let response = sender.send_request(request.body(Full::<Bytes>::default()).unwrap());
    assert_eq!(response.await.unwrap().status(), StatusCode::NOT_FOUND);
    drop(sender);
    driver.await.unwrap().unwrap();
}

#[test]
fn a_server_of_hyper_answers_clients_of_hyper() {
    let _limit = limit();
    let mut random = Random::new();
    let pool = Pool::new(2);
    let listener = pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn_on(&pool.runtime(0), serve(listener, 8));
    let clients: Vec<_> = (0..8)
        .map(|number| spawn_on(&pool.runtime(number % 2), ask(address, random.fork())))
        .collect();
    for client in clients {
        client.wait().unwrap();
    }
    server.wait().unwrap();
}
