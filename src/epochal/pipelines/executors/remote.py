"""Carrying out a task in a process that is not the driver's: the step is found by its name.

Also what all executors of such processes share: the errand that is sent, and the outcome of an
attempt that did not come to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from epochal.clusters.place import Place, here
from epochal.pipelines.console import routed
from epochal.pipelines.execution import Outcome, Task, carry_out, failure
from epochal.pipelines.fingerprint import fingerprint
from epochal.pipelines.named import find_definition, open_definitions
from epochal.pipelines.signature import Signature

TIMEOUT: Final = "builtins:TimeoutError"
DIED: Final = "epochal.pipelines:WorkerDied"
OTHER_CODE_KIND: Final = "epochal.pipelines:OtherCode"
OTHER_CODE: Final = (
    "the code of step {!r} in its worker process is another than in the driver: a file was edited "
    "since the driver started, or a function was replaced at run time; start the driver again, or "
    "use executor='thread'"
)

_signatures: dict[str, Signature] = {}


class Errand(msgspec.Struct):
    """What a worker on another machine needs: where modules lie, settings, and its task."""

    place: Place
    task: Task


def errand_of(task: Task) -> bytes:
    """A task as it is sent to another machine."""
    return msgspec.msgpack.encode(Errand(here(), task))


def do_errand(data: bytes) -> bytes:
    """Carry out an errand; runs on the other machine."""
    errand = msgspec.msgpack.decode(data, type=Errand)
    errand.place.enter()
    with routed():
        outcome = carry_out_by_name(errand.task, lambda: None)
    return msgspec.msgpack.encode(outcome)


def took_too_long(timeout: float) -> Outcome:
    """The outcome of an attempt that was killed for it.

    Args:
        timeout: in seconds.
    """
    text = f"TimeoutError: it took longer than {timeout:g} s and was killed"
    return Outcome(None, text, "", [TIMEOUT, "builtins:Exception"])


def died(text: str, trace: str = "") -> Outcome:
    """The outcome of an attempt whose worker came to no end that it could tell."""
    return Outcome(None, text, trace[-5000:], [DIED, "builtins:Exception"])


def carry_out_by_name(task: Task, begun: Callable[[], None]) -> Outcome:
    """Carry out a task; never with other code than the driver has.

    Args:
        task: what to do.
        begun: called when the step was found, and its time begins to count.
    """
    try:
        signature = _signature(task)
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything
        begun()
        return failure(error)
    begun()
    if task.code and fingerprint(signature.function, task.pin).code != task.code:
        return Outcome(None, OTHER_CODE.format(task.step), "", [OTHER_CODE_KIND])
    return carry_out(task, signature)


def _signature(task: Task) -> Signature:
    known = _signatures.get(task.target)
    if known is None:
        if task.script:
            open_definitions(task.script)
        found = find_definition(task.target)
        function = getattr(found, "function", found)
        known = _signatures[task.target] = Signature(function)
    return known
