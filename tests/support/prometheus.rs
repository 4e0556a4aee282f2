//! A Prometheus that runs beside a test, and what it says.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether there is such a program; says so where there is none.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        // Not by `eprintln!`, which the harness would keep to itself.
        let _ = writeln!(std::io::stderr(), "skipped: there is no {program} here");
    }
    found.is_ok()
}

/// Killed when dropped.
pub struct Prometheus {
    child: Child,
    at: SocketAddr,
}

impl Prometheus {
    /// Starts one with its data in a folder, and these targets, by name of the job.
    pub fn start(folder: &Path, targets: &[(&str, SocketAddr)]) -> Self {
        let mut config =
            String::from("global: {scrape_interval: 250ms, scrape_timeout: 250ms}\nscrape_configs:\n");
        for (job, target) in targets {
            config += &format!("  - {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}\n");
        }
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        // Free now; another may take it, and then nothing becomes ready.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={at}"))
            .arg("--enable-feature=exemplar-storage")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, at }
    }

    /// What its API answers, once that fulfils a condition.
    pub fn until(&self, path: &str, is_fine: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = get(self.at, path, "").and_then(|(_, body)| serde_json::from_str(&body).ok());
            if let Some(answer) = answer.as_ref().filter(|answer: &&Value| is_fine(&answer["data"])) {
                return answer["data"].clone();
            }
            assert!(Instant::now() < deadline, "{path} is still {answer:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The values of a query, by labels, once there are so many.
    pub fn query(&self, query: &str, series: usize) -> Vec<(Value, f64)> {
        let path = format!("/api/v1/query?query={}", encoded(query));
        let of = |data: &Value| data["result"].as_array().map_or(0, Vec::len);
        let data = self.until(&path, |data| of(data) >= series);
        let result = data["result"].as_array().unwrap();
        let value = |row: &Value| row["value"][1].as_str().unwrap().parse().unwrap();
        result.iter().map(|row| (row["metric"].clone(), value(row))).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text as part of an address.
pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The head and the body of an answer to `GET`.
pub fn get(at: SocketAddr, path: &str, headers: &str) -> Option<(String, String)> {
    let mut socket = TcpStream::connect(at).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {at}\r\n{headers}\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}
