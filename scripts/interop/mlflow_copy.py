"""Copies a run to a real MLflow server on loopback and reads it back with MLflow's own client.

Usage: mlflow_copy.py TRAINER. Ends with an error where anything differs.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from pathlib import Path

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

STARTS_WITHIN = 120  # seconds


def main(trainer: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        desk = Path(name)
        run = train(trainer, desk)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        uri = f"http://127.0.0.1:{port}"
        server = start(desk, port)
        try:
            wait_for(uri, server, desk)
            said = copy(trainer, desk, uri)
            assert said == f"copied 1 run to {uri}, 0 already there", said
            compare(uri, run)
            said = copy(trainer, desk, uri)
            assert said == f"copied 0 runs to {uri}, 1 already there", said
            compare(uri, run)
        finally:
            server.terminate()
            server.wait(timeout=30)
    print("a run was copied to MLflow and read back: parameters, metrics of every epoch, results")


def train(trainer: str, desk: Path) -> Path:
    run = desk / "artifacts" / "copied" / "one"
    sets = ["name=copied", "training.epochs=3", "training.batch_size=500", "data.validation=5000"]
    arguments = [part for one in sets for part in ("--set", one)]
    command = [trainer, "train", "--quiet", "--run-dir", str(run), *arguments]
    subprocess.run(command, cwd=desk, check=True, stdout=subprocess.DEVNULL)
    return run


def start(desk: Path, port: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{desk}/mlflow.db"]
    command += ["--default-artifact-root", str(desk / "files")]
    log = open(desk / "server.log", "w")
    quiet = dict(os.environ, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    return subprocess.Popen(command, cwd=desk, stdout=log, stderr=subprocess.STDOUT, env=quiet)


def wait_for(uri: str, server: subprocess.Popen, desk: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=2).read()
            return
        except OSError:
            time.sleep(0.5)
    sys.exit("the MLflow server does not answer:\n" + (desk / "server.log").read_text()[-3000:])


def copy(trainer: str, desk: Path, uri: str) -> str:
    command = [trainer, "runs", "export", "mlflow", "--uri", uri]
    return subprocess.run(command, cwd=desk, check=True, capture_output=True, text=True).stdout.strip()


def compare(uri: str, run: Path) -> None:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("copied")
    (copied,) = client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL)
    assert copied.info.status == "FINISHED" and copied.info.run_name == "copied/one", copied.info

    config = tomllib.loads((run / "config.toml").read_text())
    rate = config["optimizer"]["learning_rate"]
    assert float(copied.data.params["optimizer.learning_rate"]) == rate, copied.data.params
    assert json.loads(copied.data.params["model.hidden"]) == config["model"]["hidden"]
    tables = {key: value for key, value in config.items() if isinstance(value, dict)}
    keys = {f"{table}.{key}" for table, values in tables.items() for key in values}
    missing = keys - set(copied.data.params)
    assert not missing, missing

    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for figure in ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]:
        history = client.get_metric_history(copied.info.run_id, figure)
        there = {point.step: point.value for point in history}
        assert there == {epoch["epoch"]: epoch[figure] for epoch in epochs}, (figure, there)
    test = json.loads((run / "manifest.json").read_text())["test"]
    assert copied.data.metrics["test_accuracy"] == test["accuracy"], copied.data.metrics
    assert copied.data.metrics["test_loss"] == test["loss"], copied.data.metrics


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
