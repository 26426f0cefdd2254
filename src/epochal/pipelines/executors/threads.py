"""The executor of threads: the calling thread does the work, and cannot be killed."""

from __future__ import annotations

from collections.abc import Callable

from epochal.pipelines.execution import Outcome, Task, carry_out
from epochal.pipelines.signature import Signature


def run_here(
    task: Task,
    signature: Signature,
    timeout: float | None,
    raised: Callable[[BaseException], None],
) -> Outcome:
    """See the package; ``timeout`` is not for threads."""
    del timeout
    return carry_out(task, signature, raised)
