//! A child process: another instance of this binary, with a configuration.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child as Process, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::{process_config::ProcessConfig, roles};

/// A process that runs its role until it is killed. Dropping this kills it; it also exits when the test ends.
pub(crate) struct Child {
    pub(crate) config: ProcessConfig,
    process: Process,
    output: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Child {
    pub(crate) fn spawn(config: ProcessConfig) -> Self {
        let (variable, value) = config.to_env();
        let mut process = Command::new(env::current_exe().unwrap())
            .args([roles::TEST, "--exact", "--nocapture", "--test-threads=1"])
            .env(variable, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let collected = Arc::clone(&output);
        // The pipe keeps what the process wrote before it was killed.
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(line) = line.strip_prefix(roles::MARK) {
                    collected.lock().unwrap().push(line.to_owned());
                }
            }
        });
        Self { config, process, output, reader: Some(reader) }
    }

    /// The lines that it has written so far.
    pub(crate) fn output(&self) -> Vec<String> {
        self.output.lock().unwrap().clone()
    }

    /// # Panics
    ///
    /// When it has exited by itself. It has written the reason to stderr.
    pub(crate) fn assert_alive(&mut self) {
        assert_eq!(self.process.try_wait().unwrap(), None, "{} has exited by itself", self.config.name);
    }

    /// Kills it with SIGKILL, as a crash would, and returns all its output.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.assert_alive();
        self.end();
        self.output()
    }

    /// Shuts it down gracefully, as a deployment would.
    pub(crate) async fn shut_down(mut self) {
        self.send_line(roles::SHUT_DOWN);
        loop {
            match self.process.try_wait().unwrap() {
                None => tokio::time::sleep(Duration::from_millis(5)).await,
                Some(status) => return assert!(status.success(), "{}: {status}", self.config.name),
            }
        }
    }

    /// Writes a line to its stdin.
    pub(crate) fn send_line(&mut self, line: &str) {
        writeln!(self.process.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line with this prefix, skips the first `after` of them, and returns the line without the
    /// prefix.
    pub(crate) async fn wait_for_line(&self, beginning: &str, after: usize) -> String {
        let next = || {
            self.output().iter().filter_map(|line| line.strip_prefix(beginning)).nth(after).map(str::to_owned)
        };
        loop {
            if let Some(line) = next() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops it (SIGSTOP).
    pub(crate) fn stop(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Waits until it is stopped.
    pub(crate) async fn stopped(&self) {
        let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
        while !waitpid(Some(self.pid()), options).unwrap().is_some_and(|(_, status)| status.stopped()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Continues it after a stop (SIGCONT).
    pub(crate) fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn end(&mut self) {
        // SIGKILL; it fails if the process has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}
