"""What a file says when it arrives: about the machine, packages, media that wait for it."""

from __future__ import annotations

import time
from typing import Any, Final

from epochal.domain.record import BlobRef, Environment
from epochal.errors import InvalidInput
from epochal.protocols.wandb import awaiting
from epochal.protocols.wandb.arguments import read_json
from epochal.protocols.wandb.memory import memory_of
from epochal.service import foreign
from epochal.service.foreign import Recorder, Recording

METADATA: Final = "wandb-metadata.json"
REQUIREMENTS: Final = "requirements.txt"
MAX_READ: Final = 4 * 1024 * 1024
_GIB: Final = 2**30


class Arrival:
    """A file that is complete and durable.

    Args:
        name: the file's path in the run.
        ref: its bytes.
    """

    def __init__(self, name: str, ref: BlobRef) -> None:
        self._name = name
        self._ref = ref

    def note(self, recorder: Recorder, recording: Recording) -> None:
        """Record what the file says, in the held run."""
        memory = memory_of(recording)
        if memory.files is not None:
            memory.files[self._name] = self._ref
        now_us = time.time_ns() // 1000
        if self._name in (METADATA, REQUIREMENTS) and self._ref.size <= MAX_READ:
            text = foreign.read_blob(recorder, self._ref.digest).decode("utf-8", "replace")
            facts = metadata(text) if self._name == METADATA else packages(text)
            if facts:
                recorder.write(recording, [Environment(now_us, facts)])
        awaiting.resolve(recorder, recording, memory)


def packages(text: str) -> dict[str, Any]:
    """The installed packages, from the lines ``name==version``."""
    pairs = (line.strip().partition("==") for line in text.splitlines())
    found = {name: version for name, mark, version in pairs if mark and name}
    return {"packages": found} if found else {}


def metadata(text: str) -> dict[str, Any]:
    """What wandb's metadata says of the machine and the program, in our words."""
    try:
        given = read_json(text, METADATA)
    except InvalidInput:
        return {}
    if not isinstance(given, dict):
        return {}
    memory = given.get("memory")
    total = memory.get("total") if isinstance(memory, dict) else None
    git = given.get("git")
    found: dict[str, Any] = {
        "command": [given.get("executable"), given.get("program"), *_items(given.get("args"))],
        "program": given.get("codePath") or given.get("program"),
        "python": str(given.get("python") or "").removeprefix("CPython "),
        "executable": given.get("executable"),
        "platform": given.get("os"),
        "host": given.get("host"),
        "user": given.get("username"),
        "working_directory": given.get("root"),
        "cpu_count": given.get("cpu_count_logical") or given.get("cpu_count"),
        "memory_total_gb": _gib(total),
        "gpus": _gpus(given),
        "cuda_driver": given.get("cudaVersion"),
    }
    if isinstance(git, dict):
        found["git"] = {"remote": git.get("remote") or "", "commit": git.get("commit") or ""}
    found["command"] = [str(word) for word in found["command"] if word]
    return {name: value for name, value in found.items() if value}


def _gpus(given: dict[str, Any]) -> list[dict[str, Any]]:
    devices = given.get("gpu_nvidia")
    found = []
    for device in _items(devices):
        if isinstance(device, dict):
            total = device.get("memoryTotal")
            uuid = str(device.get("uuid") or "")
            found.append(
                {"name": str(device.get("name") or ""), "memory_gb": _gib(total), "uuid": uuid}
            )
    return found


def _gib(size: object) -> float:
    return int(str(size)) / _GIB if str(size).isdecimal() else 0.0


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
