"""Files that nobody saved: the console and the config of a run that has ended.

Promises: ``output.log`` holds the console's lines as they were printed, ``config.yaml`` the
config; they are made from the records when they are asked for, so that a killed run and one of a
foreign client have them too; a file of that name that was saved is never hidden. While the run
goes on they would change under whoever reads them, so they are there from its end on.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.objects import FileRow
from epochal.domain.run import RunState
from epochal.errors import StorageFull
from epochal.store.contents import Content
from epochal.store.lines import read_chunks
from epochal.store.rows import decode_mapping, find_run_id
from epochal.store.schema import detail, run
from epochal.store.store import Store

CONSOLE = "output.log"
CONFIG = "config.yaml"
KNOWN = 1024
"""Runs whose made files are remembered."""
_ALIVE = frozenset({RunState.RUNNING})
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_NOT_PLAIN = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


class Made(msgspec.Struct, frozen=True):
    """A file that was made: digest, size, and when the run ended."""

    digest: str
    size: int
    ended_us: int


_known: dict[tuple[Path, str, int], dict[str, Made]] = {}
_lock = threading.Lock()


def made_rows(store: Store, uid: str) -> list[FileRow]:
    """The files that are made of a run's records, as they are listed.

    Raises:
        NotFound: no such run.
    """
    return [
        FileRow(
            path, one.digest, one.size, "text/plain", "end", one.ended_us, one.ended_us,
            present=True,
        )
        for path, one in sorted(_make(store, uid).items())
    ]  # fmt: skip


def made_file(store: Store, uid: str, path: str) -> Content | None:
    """One of these files; None when the run has none of this path.

    Raises:
        NotFound: no such run.
    """
    one = _make(store, uid).get(path)
    if one is None:
        return None
    return Content(store.blobs.path(one.digest), one.digest, one.size, "text/plain", path)


def _make(store: Store, uid: str) -> dict[str, Made]:
    """Make the files, unless they were made of the very same records already."""
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        row = connection.execute(
            sa.select(run.c.rev, run.c.state, run.c.ended_us, run.c.updated_us, run.c.lines).where(
                run.c.id == run_id
            )
        ).one()
        if RunState(row.state) in _ALIVE:
            return {}
        place = (store.home, uid, int(row.rev))
        with _lock:
            before = _known.get(place)
        if before is not None and all(store.blobs.keep(one.digest) for one in before.values()):
            return before
        texts: dict[str, bytes] = {}
        if row.lines:
            texts[CONSOLE] = b"".join(_lines(connection, run_id))
        packed = connection.execute(
            sa.select(detail.c.config).where(detail.c.run_id == run_id)
        ).scalar()
        config = decode_mapping(packed) if packed else {}
        if config:
            texts[CONFIG] = "".join(f"{line}\n" for line in yaml_lines(config)).encode()
    ended = int(row.ended_us or row.updated_us)
    try:
        found = {
            path: Made(store.blobs.put(text, "text/plain", sync=False).digest, len(text), ended)
            for path, text in texts.items()
        }
    except (OSError, StorageFull):  # saved files shall be seen also when there is no room
        return {}
    with _lock:
        if len(_known) >= KNOWN:
            _known.clear()
        _known[place] = found
    return found


def _lines(connection: sa.Connection, run_id: int) -> Iterator[bytes]:
    for _, _, lines in read_chunks(connection, run_id, 0, None):
        yield "".join(f"{line.text}\n" for line in lines).encode("utf-8", "replace")


def yaml_lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A mapping as the lines of a YAML document; every YAML library reads the same back."""
    for key, inner in value.items():
        name = str(key)
        shown = name if _is_plain(name) else _quoted(name)
        if isinstance(inner, Mapping) and inner:
            yield f"{indent}{shown}:"
            yield from yaml_lines(inner, f"{indent}  ")
        else:
            yield f"{indent}{shown}: {_flow(inner)}"


def _is_plain(key: str) -> bool:
    return _PLAIN_KEY.fullmatch(key) is not None and key.lower() not in _NOT_PLAIN


def _flow(value: Any) -> str:
    """A value on one line, nearly as JSON has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """A text in double quotes, in ASCII; YAML has no pairs of surrogates, so JSON will not do."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    if " " <= character <= "~":
        return "\\" + character if character in '"\\' else character
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _number(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    # YAML 1.1 takes 1e-05 for a word.
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text
