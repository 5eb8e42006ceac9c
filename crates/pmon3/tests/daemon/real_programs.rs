//! Programs that people really run: started, killed, restarted, stopped.

use crate::world::{BOUND, World, kernel, program, until, we_are_root};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;

/// A port that nobody uses at the moment.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Sends this and waits for an answer with that in it.
fn answers(port: u16, question: &str, wanted: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let mut answer = Vec::new();
    let _ = stream.write_all(question.as_bytes());
    let mut block = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut block) {
        answer.extend_from_slice(&block[..length]);
        if String::from_utf8_lossy(&answer).contains(wanted) {
            return true;
        }
    }
    false
}

const HTTP: (&str, &str) = ("GET / HTTP/1.0\r\n\r\n", "hello from");

/// Started, serves; killed, serves again; restarted, serves; stopped, and its port is free.
fn lives_its_life(world: &World, file: &Path, args: &str, port: u16, (question, wanted): (&str, &str)) {
    let serves = |when: &str| {
        until(&format!("{} serves {when}", file.display()), || {
            answers(port, question, wanted)
        })
    };
    world.pmon3(&[
        "exec",
        file.to_str().unwrap(),
        "--name",
        "server",
        &format!("--args={args}"),
    ]);
    serves("after its start");
    let first = world.pid("server");
    kernel::signal(first, Signal::KILL);
    let second = world.successor("server", first);
    serves("after SIGKILL");
    world.pmon3(&["restart", "server"]);
    serves("after a restart");
    assert_ne!(world.pid("server"), second);
    assert_eq!(world.restarts("server"), 2);
    world.pmon3(&["stop", "server"]);
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("its port is free");
}

#[test]
fn nginx() {
    let Some(nginx) = program("nginx") else { return };
    let (world, port) = (World::new(), free_port());
    world.write("index.html", "hello from nginx\n");
    let user = if we_are_root() { "user root;" } else { "" };
    let dir = world.at("");
    world.write(
        "nginx.conf",
        &format!(
            "{user}\ndaemon off;\nworker_processes 2;\npid {dir}nginx.pid;\nerror_log stderr;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {dir}t1; proxy_temp_path {dir}t2; fastcgi_temp_path {dir}t3;\n\
             uwsgi_temp_path {dir}t4; scgi_temp_path {dir}t5;\n\
             server {{ listen 127.0.0.1:{port}; root {dir}; }} }}\n"
        ),
    );
    lives_its_life(&world, &nginx, &format!("-c {dir}nginx.conf -e stderr"), port, HTTP);
}

#[test]
fn redis() {
    let Some(redis) = program("redis-server") else { return };
    let (world, port) = (World::new(), free_port());
    let args = format!("--bind 127.0.0.1 --port {port} --save '' --dir {}", world.at(""));
    lives_its_life(&world, &redis, &args, port, ("PING\r\n", "+PONG"));
}

#[test]
fn python() {
    let Some(python) = program("python3") else { return };
    let (world, port) = (World::new(), free_port());
    world.write("index.html", "hello from python\n");
    let args = format!("-m http.server --bind 127.0.0.1 --directory {} {port}", world.at(""));
    lives_its_life(&world, &python, &args, port, HTTP);
}

#[test]
fn node() {
    let Some(node) = program("node") else { return };
    let (world, port) = (World::new(), free_port());
    world.write(
        "server.js",
        &format!("require('http').createServer((q, s) => s.end('hello from node\\n')).listen({port}, '127.0.0.1');\n"),
    );
    lives_its_life(&world, &node, &world.at("server.js"), port, HTTP);
}
