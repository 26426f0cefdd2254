"""trackio with its local SQLite store."""

import glob
import os
import sqlite3

SCALE = 0.1


def _tracker(directory: str):
    os.environ.update(TRACKIO_DIR=directory, HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    import trackio

    return trackio


def start(directory: str) -> None:
    global tracker
    tracker = _tracker(directory)
    tracker.init(project="bench", embed=False, auto_log_gpu=False)


def log(values: dict[str, float], step: int) -> None:
    tracker.log(values, step=step)


def finish() -> None:
    tracker.finish()


def points(directory: str, key: str) -> int:
    total = 0
    for path in glob.glob(os.path.join(directory, "**", "*.db"), recursive=True):
        total += (
            sqlite3.connect(path)
            .execute("SELECT count(*) FROM metrics WHERE instr(metrics, ?)", (f'"{key}"',))
            .fetchone()[0]
        )
    return total
