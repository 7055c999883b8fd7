//! A made-up Alertmanager that answers as it is told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Status(u16),
    /// Elsewhere, where a request would be seen.
    Redirect,
    /// Not within any time that somebody would wait.
    Hang,
}

/// One that listens on loopback for as long as the test runs.
pub(super) struct Alertmanager {
    pub(super) url: String,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Alertmanager {
    pub(super) fn start(answer: Answer) -> Alertmanager {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(answer));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (told, seen, own) = (Arc::clone(&answer), Arc::clone(&requests), url.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (told, seen, own) = (Arc::clone(&told), Arc::clone(&seen), own.clone());
                thread::spawn(move || serve(stream, &told, &seen, &own));
            }
        });
        Alertmanager { url, answer, requests }
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Heads and bodies of what was asked so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: &Mutex<Answer>, seen: &Mutex<Vec<String>>, own: &str) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Ok(read) = stream.read(&mut buffer) else { return };
        if read == 0 {
            return;
        }
        text.extend_from_slice(&buffer[..read]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        seen.lock().unwrap().push(whole.clone());
        text.clear();
        let answer = *answer.lock().unwrap();
        let said = match answer {
            Answer::Status(status) => {
                format!("HTTP/1.1 {status} -\r\ncontent-length: 0\r\n\r\n")
            }
            Answer::Redirect => {
                format!("HTTP/1.1 307 -\r\nlocation: {own}/elsewhere\r\ncontent-length: 0\r\n\r\n")
            }
            Answer::Hang => {
                thread::sleep(Duration::from_secs(60));
                return;
            }
        };
        if stream.write_all(said.as_bytes()).is_err() {
            return;
        }
    }
}
