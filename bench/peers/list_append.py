"""The floor: what it costs to do nothing but copy the mapping into a list."""

SCALE = 1.0
kept: list[dict[str, float]] = []


def start(directory: str) -> None:
    kept.clear()


def log(values: dict[str, float], step: int) -> None:
    kept.append(dict(values))


def finish() -> None:
    pass


def points(directory: str, key: str) -> int:
    return 0
