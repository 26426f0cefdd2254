"""Journals as bytes, made as a writer makes them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Fact, Finish, Header
from epochal.journal.frame import FileHeader, pack_file_header, pack_frame

START_US = 1_700_000_000_000_000
encode = msgspec.msgpack.Encoder().encode


class Script:
    """A journal under construction: a header, one key set, then whatever is added."""

    def __init__(
        self, run_id: str = "r1", project: str = "p", entity: str = "local", key: str = "loss"
    ) -> None:
        self.uid = run_uid(entity, project, run_id)
        self.writer = new_uid()
        self.project = project
        header = Header(
            entity=entity, project=project, run_id=run_id, started_us=START_US, host="h", pid=1
        )
        self.frames: list[bytes] = [pack_frame(encode(header)), pack_frame(encode((0, 1, [key])))]
        self._steps = itertools.count()
        self._opening = pack_file_header(
            FileHeader(run=self.uid, writer=self.writer, created_us=START_US)
        )

    def rows(self, *values: float) -> Script:
        """One row per value, at the next steps."""
        for value in values:
            step = next(self._steps)
            self.frames.append(pack_frame(encode((1, step, START_US + step, [value]))))
        return self

    def fact(self, *facts: Fact) -> Script:
        """Records that are no rows."""
        self.frames += [pack_frame(encode(fact)) for fact in facts]
        return self

    def finish(self, state: str = "finished") -> Script:
        """The last record."""
        return self.fact(Finish(wall_us=START_US + 10_000_000, state=state, exit_code=0))

    def bytes(self) -> bytes:
        """The whole file."""
        return self._opening + b"".join(self.frames)

    def ends(self) -> list[int]:
        """The offset after each frame."""
        return list(itertools.accumulate((len(frame) for frame in self.frames), initial=64))[1:]

    def save(self, home: Path) -> Script:
        """Write the journal where a local writer would."""
        directory = home / "runs" / self.uid
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / f"{self.writer}.ej").write_bytes(self.bytes())
        return self

    @property
    def address(self) -> str:
        """The route of this journal."""
        return f"/api/v1/runs/{self.uid}/journals/{self.writer}"


def points_of(body: bytes) -> dict[str, Any]:
    """The head and columns of an ``EPCOLS01`` answer as Python lists."""
    import numpy as np

    assert body[:8] == b"EPCOLS01"
    size = int.from_bytes(body[8:12], "little")
    head = msgspec.json.decode(body[16 : 16 + size])
    kinds = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "i64": "<i8", "f32": "<f4", "f64": "<f8"}
    base = 16 + size
    columns = {
        column["name"]: np.frombuffer(
            body, kinds[column["dtype"]], column["length"], base + column["offset"]
        ).tolist()
        for column in head["columns"]
    }
    return {"head": head, **columns}
