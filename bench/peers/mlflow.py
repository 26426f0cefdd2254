"""The mlflow client on its own SQLite store, logging synchronously as it does by default."""

import os

import mlflow as tracker

SCALE = 0.01


def _point_at(directory: str) -> None:
    tracker.set_tracking_uri(f"sqlite:///{os.path.join(directory, 'mlflow.db')}")


def start(directory: str) -> None:
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    _point_at(directory)
    tracker.set_experiment("bench")
    tracker.start_run(log_system_metrics=False)


def log(values: dict[str, float], step: int) -> None:
    tracker.log_metrics(values, step=step)


def finish() -> None:
    tracker.end_run()


def points(directory: str, key: str) -> int:
    _point_at(directory)
    client = tracker.MlflowClient()
    experiment = client.get_experiment_by_name("bench")
    runs = client.search_runs([experiment.experiment_id])
    return sum(len(client.get_metric_history(run.info.run_id, key)) for run in runs)
