"""How a run ended: by its exit code, and by whether it was the wish to stop that ended it.

A client that hears the wish interrupts its script. A script in ``with wandb.init()`` then ends
with 1, as after any error; its last traceback tells the two apart where the console is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from epochal.domain.run import RunState
from epochal.protocols.wandb.memory import Memory
from epochal.protocols.wandb.rows import Shown

INTERRUPTED: Final = 255
_INTERRUPT: Final = "KeyboardInterrupt"
_RAISED: Final = re.compile(r"(?:\w+\.){0,20}(\w{1,80}(?:Error|Exception|Interrupt|Exit))(?::|$)")
"""The last line of a traceback."""


def watch(memory: Memory, shown: Iterable[Shown]) -> None:
    """Note what was raised since the client heard that it should stop."""
    if memory.told_to_stop:
        for line in shown:
            found = _RAISED.match(line.text) if line.stream == 1 else None
            if found is not None:
                memory.raised = found[1]


def ended_us(memory: Memory) -> int | None:
    """When a run ended whose script was over before its client began to send; None of others.

    So it is with runs that ``wandb sync`` brings: all their lines are older than their beginning.
    """
    last = max(memory.lines.wall_us, memory.seen_us)
    return last if 0 < last < memory.kept.since_us else None


def state_of(memory: Memory, exit_code: int | None, *, is_unwanted: bool) -> RunState:
    """The state of a run that ended.

    Args:
        memory: of the run.
        exit_code: as the client told it.
        is_unwanted: whether somebody wants the run to stop.
    """
    is_ours = is_unwanted and memory.told_to_stop and memory.raised in ("", _INTERRUPT)
    if exit_code == INTERRUPTED or (is_unwanted and not exit_code) or is_ours:
        return RunState.KILLED
    return RunState.FAILED if exit_code else RunState.FINISHED
