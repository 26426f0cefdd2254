"""Inputs of a model from a file, and its outputs to one.

JSON gives lists and dicts of arrays, NumPy's files give arrays, CSV gives a table. No file is
ever unpickled.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from epochal.api.frames import load_optional
from epochal.cli.terminal import print_json
from epochal.errors import InvalidInput
from epochal.journal.whole import write_whole

SUFFIXES = ".json, .csv, .npy or .npz"


def read_input(path: Path) -> Any:
    """What a file holds, as `Model.predict` takes it.

    Raises:
        InvalidInput: it is missing, of another kind, or cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        data = path.read_bytes()
        if suffix == ".json":
            return _arrays(msgspec.json.decode(data))
        if suffix in (".npy", ".npz"):
            return _numpy(data)
        if suffix == ".csv":
            return load_optional("pandas", "pandas").read_csv(io.BytesIO(data))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, ValueError, EOFError, KeyError) as error:
        raise InvalidInput(f"{path} is no {suffix[1:]} of inputs: {error}") from error
    raise InvalidInput(f"{path} has the ending {suffix!r}; inputs are {SUFFIXES}")


def _arrays(value: Any) -> Any:
    """Lists of numbers as arrays, in dicts by name; floats become float32, as models take them."""
    if isinstance(value, Mapping):
        return {key: _arrays(item) for key, item in value.items()}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InvalidInput("JSON inputs are nested lists of numbers, or a dict of these by name")
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _numpy(data: bytes) -> Any:
    found = np.load(io.BytesIO(data), allow_pickle=False)
    if isinstance(found, np.ndarray):
        return found
    with found:
        arrays = {name: found[name] for name in found.files}
    return arrays["arr_0"] if list(arrays) == ["arr_0"] else arrays


def write_output(value: Any, path: Path | None) -> None:
    """Print outputs as JSON, or write them to a file.

    Raises:
        InvalidInput: the file is of another kind or cannot be written.
    """
    if path is None:
        print_json(_plain(value), indent=0 if not sys.stdout.isatty() else 2)
        return
    suffix = path.suffix.lower()
    if suffix == ".json":
        data = msgspec.json.encode(_plain(value))
    elif suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, _one_array(value), allow_pickle=False)
        data = buffer.getvalue()
    elif suffix == ".csv":
        data = _csv(_one_array(value))
    else:
        raise InvalidInput(f"{path} has the ending {suffix!r}; outputs are .json, .csv or .npy")
    try:
        write_whole(path, data, mode=0o666)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _one_array(value: Any) -> Any:
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if not isinstance(value, np.ndarray):
        raise InvalidInput(
            f"the model gives a {type(value).__name__}, no single array; write .json instead"
        )
    return value


def _csv(array: Any) -> bytes:
    if array.ndim > 2:
        raise InvalidInput(f"CSV holds two dimensions, the output has {array.ndim}; use .npy")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(row if isinstance(row, list) else [row] for row in array.tolist())
    return text.getvalue().encode()
