//! Copying runs to an MLflow server through its REST API
//! (<https://mlflow.org/docs/latest/rest-api.html>).

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use super::list::{self, Summary};
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a response, in bytes.
const MAX_ANSWER: u64 = 16 << 20;
/// Maximum number of metrics and of parameters that MLflow accepts at once.
const MOST_METRICS: usize = 1000;
const MOST_PARAMETERS: usize = 100;
/// The tag that names the original run of a copy.
const TAG: &str = "trainer.run";

/// An MLflow server.
pub struct Server {
    agent: Agent,
    uri: String,
}

impl Server {
    /// Returns the server at `uri`, e.g. `http://127.0.0.1:5000`, or `127.0.0.1:5000` for short. Nothing is sent
    /// yet.
    pub fn at(uri: &str) -> Self {
        let scheme = if uri.contains("://") { "" } else { "http://" };
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false);
        Self {
            agent: config.build().into(),
            uri: format!("{scheme}{}", uri.trim_end_matches('/')),
        }
    }

    /// Returns its address, without the name and password that it may have.
    pub fn address(&self) -> String {
        let Some((scheme, rest)) = self.uri.split_once("://") else {
            return self.uri.clone();
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        format!("{scheme}://{host}{path}")
    }

    /// Copies a run: its config as parameters, its epochs and results as metrics. Returns whether it was new to
    /// the server; one that is already there is left as it is.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn export(&self, run: &Summary) -> Result<bool, Failure> {
        let experiment = self.experiment(&run.experiment)?;
        let filter = format!("tags.`{TAG}` = '{}'", run.run.replace('\'', ""));
        let known = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let known = self.post("runs/search", &known)?;
        if known
            .get("runs")
            .and_then(Value::as_array)
            .is_some_and(|runs| !runs.is_empty())
        {
            return Ok(false);
        }
        let started = run.started.as_millisecond();
        let made = self.post(
            "runs/create",
            &json!({
                "experiment_id": experiment,
                "run_name": run.run,
                "start_time": started,
                "tags": [{ "key": TAG, "value": run.run }, { "key": "backend", "value": run.backend }],
            }),
        )?;
        let id = made.pointer("/run/info/run_id").and_then(Value::as_str);
        let id = id.ok_or_else(|| self.misunderstood("it created a run without an id"))?;

        let parameters: Vec<Value> = run
            .settings
            .iter()
            .filter(|(_, value)| !value.is_empty()) // MLflow rejects empty values
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        for part in parameters.chunks(MOST_PARAMETERS) {
            self.post("runs/log-batch", &json!({ "run_id": id, "params": part }))?;
        }
        let (metrics, ended) = metrics(run, started);
        for part in metrics.chunks(MOST_METRICS) {
            self.post("runs/log-batch", &json!({ "run_id": id, "metrics": part }))?;
        }
        let done = json!({ "run_id": id, "status": "FINISHED", "end_time": ended });
        self.post("runs/update", &done)?;
        Ok(true)
    }

    /// Returns the id of the experiment `name`, creating it if there is none.
    fn experiment(&self, name: &str) -> Result<String, Failure> {
        let id = |answer: &Value, at: &str| Some(answer.pointer(at)?.as_str()?.to_string());
        let filter = format!("name = '{}'", name.replace('\'', ""));
        let search = json!({ "filter": filter, "max_results": 1 });
        let found = self.post("experiments/search", &search)?;
        if let Some(id) = id(&found, "/experiments/0/experiment_id") {
            return Ok(id);
        }
        let made = self.post("experiments/create", &json!({ "name": name }))?;
        id(&made, "/experiment_id")
            .ok_or_else(|| self.misunderstood("it created an experiment without an id"))
    }

    fn post(&self, call: &str, body: &Value) -> Result<Value, Failure> {
        let address = format!("{}/api/2.0/mlflow/{call}", self.uri);
        let failed = |what: String| {
            Failure::failed(what)
                .hint("is an MLflow server running there? start one: mlflow server --port 5000")
        };
        let unreachable = |e: ureq::Error| failed(self.address()).because(e);
        let request = self.agent.post(&address).content_type("application/json");
        let mut answer = request.send(body.to_string()).map_err(unreachable)?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string();
        let text = text.map_err(unreachable)?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if !answer.status().is_success() {
            let said = value
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let line: String = said.chars().take(200).collect();
            let status = answer.status();
            return Err(failed(format!(
                "{}: status {status}: {line}",
                self.address()
            )));
        }
        Ok(value)
    }

    fn misunderstood(&self, problem: &str) -> Failure {
        Failure::failed(format!("{}: {problem}", self.address()))
            .hint("is this an MLflow server of version 2 or 3?")
    }
}

/// Returns every metric of every epoch with its time, and when the run ended; times in milliseconds since
/// 1970.
fn metrics(run: &Summary, started: i64) -> (Vec<Value>, i64) {
    let mut time = started;
    let mut metrics = Vec::new();
    for epoch in list::metrics(&run.folder) {
        time += (epoch.seconds * 1000.0) as i64;
        for (key, value) in named(&epoch) {
            metrics.push(
                json!({ "key": key, "value": value, "timestamp": time, "step": epoch.epoch }),
            );
        }
    }
    for (key, value) in &run.figures {
        if let (Some(value), true) = (value, key.starts_with("test_")) {
            metrics
                .push(json!({ "key": key, "value": value, "timestamp": time, "step": run.epochs }));
        }
    }
    (metrics, time)
}

fn named(epoch: &EpochMetrics) -> Vec<(String, f64)> {
    let figures = epoch.figures();
    let figures = figures.map(|(images, metric, figure)| (list::name(images, metric), figure));
    let rate = ("learning_rate".to_string(), epoch.learning_rate);
    let all = figures.chain([rate]);
    all.filter(|(_, value)| value.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_shows_no_password() {
        for (uri, shown) in [
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("https://host/mlflow/", "https://host/mlflow"),
            ("http://me:secret@host:5000", "http://host:5000"),
            ("me:p@ss@host/a@b", "http://host/a@b"),
        ] {
            assert_eq!(Server::at(uri).address(), shown);
        }
    }
}
