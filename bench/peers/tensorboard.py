"""tensorboardX event files (float32), read by TensorBoard's accumulator, no sampling."""

import tensorboardX as tracker

SCALE = 0.1
writer: tracker.SummaryWriter


def start(directory: str) -> None:
    global writer
    writer = tracker.SummaryWriter(directory)


def log(values: dict[str, float], step: int) -> None:
    for key, value in values.items():
        writer.add_scalar(key, value, step)


def finish() -> None:
    writer.close()


def points(directory: str, key: str) -> int:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(directory, size_guidance={"scalars": 0})
    accumulator.Reload()
    return len(accumulator.Scalars(key)) if key in accumulator.Tags()["scalars"] else 0
