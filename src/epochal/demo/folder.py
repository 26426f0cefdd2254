"""Where the demo's images lie. Imports no PyTorch, so that the command line can ask."""

from __future__ import annotations

from pathlib import Path

from epochal.errors import NotFound

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian: dataset-fashion-mnist
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
VAL_IMAGES = "t10k-images-idx3-ubyte.gz"
VAL_LABELS = "t10k-labels-idx1-ubyte.gz"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, VAL_IMAGES, VAL_LABELS)


def find_folder(explicit: Path | None = None) -> Path | None:
    """The folder that holds Fashion-MNIST, or None when this machine has none.

    Raises:
        NotFound: ``explicit`` was given and lacks one of the four files.
    """
    if explicit is None:
        return SYSTEM_FOLDER if all((SYSTEM_FOLDER / name).is_file() for name in FILES) else None
    missing = [name for name in FILES if not (explicit / name).is_file()]
    if missing:
        raise NotFound(
            f"{explicit} has no {missing[0]}. Fashion-MNIST is expected as its four gzipped IDX "
            "files; leave --data out to use what this machine has."
        )
    return explicit
