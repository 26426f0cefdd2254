"""The wandb client in offline mode; capture of console, system, git and code switched off."""

import glob
import os
import struct
from collections.abc import Iterator

import wandb as tracker
from wandb.proto import wandb_internal_pb2

SCALE = 0.05


def start(directory: str) -> None:
    os.environ.update(WANDB_MODE="offline", WANDB_DIR=directory, WANDB_SILENT="true")
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    settings = tracker.Settings(
        console="off",
        x_disable_stats=True,
        x_disable_meta=True,
        disable_git=True,
        save_code=False,
    )
    tracker.init(project="bench", settings=settings)


def log(values: dict[str, float], step: int) -> None:
    tracker.log(values, step=step)


def finish() -> None:
    tracker.finish()


def _records(path: str) -> Iterator[bytes]:
    """Records of a `.wandb` file: 7 bytes, then LevelDB log blocks of 32 KiB; may end torn."""
    with open(path, "rb") as file:
        data = file.read()
    position, parts = 7, b""
    while position + 7 <= len(data):
        if 32768 - position % 32768 < 7:
            position += 32768 - position % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        body = data[position + 7 : position + 7 + length]
        if kind == 0 or len(body) < length:
            return
        position += 7 + length
        parts = body if kind in {1, 2} else parts + body
        if kind in {1, 4}:
            yield parts


def points(directory: str, key: str) -> int:
    total = 0
    for path in glob.glob(os.path.join(directory, "wandb", "offline-run*", "*.wandb")):
        for data in _records(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            names = (i.key or "".join(i.nested_key[:1]) for i in record.history.item)
            total += key in names
    return total
