//! A slow line: a relay between a client and a server that lets little through from the client for
//! a while.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How often a piece is let through while the line is slow.
const EVERY: Duration = Duration::from_millis(50);

/// Where the slow line begins. It goes on for as long as the test runs.
#[derive(Clone, Copy, Debug)]
pub struct SlowLine {
    /// What a client connects to.
    pub address: SocketAddr,
}

impl SlowLine {
    /// Opens a line to a server. Of each connection the first `slow_for` lets only so many bytes a
    /// second through from the client; what the server says always goes through at once.
    pub fn to(server: SocketAddr, bytes_per_second: usize, slow_for: Duration) -> anyhow::Result<SlowLine> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let piece = (bytes_per_second / 20).max(1);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else {
                    break;
                };
                let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone())
                else {
                    break;
                };
                std::thread::spawn(move || {
                    let begun = Instant::now();
                    let mut buffer = vec![0; 64 * 1024];
                    loop {
                        let is_slow = begun.elapsed() < slow_for;
                        let most = if is_slow { piece } else { buffer.len() };
                        match from_client.read(&mut buffer[..most]) {
                            Ok(read @ 1..) if to_server.write_all(&buffer[..read]).is_ok() => {}
                            _ => break,
                        }
                        if is_slow {
                            std::thread::sleep(EVERY);
                        }
                    }
                    // The other end is gone already, or learns it now.
                    let _ = to_server.shutdown(Shutdown::Write);
                });
                let (mut from_server, mut to_client) = (server, client);
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from_server, &mut to_client);
                    let _ = to_client.shutdown(Shutdown::Write);
                });
            }
        });
        Ok(SlowLine { address })
    }
}
