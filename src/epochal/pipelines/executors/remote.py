"""Carrying out a task in a process that is not the driver's: the step is found by its name."""

from __future__ import annotations

from collections.abc import Callable

from epochal.pipelines.execution import Outcome, Task, carry_out, failure
from epochal.pipelines.fingerprint import fingerprint
from epochal.pipelines.named import find_definition, open_definitions
from epochal.pipelines.signature import Signature

OTHER_CODE_KIND = "epochal.pipelines:OtherCode"
OTHER_CODE = (
    "the code of step {!r} in its worker process is another than in the driver: a file was edited "
    "since the driver started, or a function was replaced at run time; start the driver again, or "
    "use executor='thread'"
)

_signatures: dict[str, Signature] = {}


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
