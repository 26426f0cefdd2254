"""Runs in a real Jupyter kernel: what cells show, errors, interrupts, restarts and its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import epochal

BEGIN = """
import epochal
%load_ext epochal
%epochal on
run = epochal.init(project="notes", settings={"system_interval": 0, "git": False})
"""
FOREVER = """
import itertools
for number in itertools.count():
    run.log({"loss": float(number)})
    print("going" if number == 100 else "", end="", flush=True)
"""


class Notebook:
    """A kernel and who asks it."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def wait(self) -> None:
        self.client.wait_for_ready(timeout=60)

    def cell(self, code: str, *, interrupt_at: str = "") -> tuple[str, list[Any], str]:
        """Run a cell: the name of its error, what it displayed, and what it printed."""
        displayed: list[Any] = []
        printed: list[str] = []

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] in ("display_data", "execute_result"):
                displayed.append(content["data"])
            if message["msg_type"] == "stream":
                printed.append(content["text"])
                if interrupt_at and interrupt_at in content["text"]:
                    self.manager.interrupt_kernel()

        reply = self.client.execute_interactive(code, output_hook=take, timeout=60)
        return reply["content"].get("ename", ""), displayed, "".join(printed)


@pytest.fixture
def notebook(home: Path, tmp_path: Path) -> Iterator[Notebook]:
    manager = KernelManager()
    variables = {"EPOCHAL_HOME": str(home), "IPYTHONDIR": str(tmp_path / "ipython")}
    manager.start_kernel(env={**os.environ, **variables}, cwd=str(tmp_path))
    client = manager.blocking_client()
    client.start_channels()
    made = Notebook(manager, client)
    try:
        made.wait()
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_run_lives_through_cells_errors_and_interrupts_and_ends_with_its_kernel(
    notebook: Notebook,
) -> None:
    """What cells log is shown below them, what they print is in the run and in the notebook."""
    assert notebook.cell(BEGIN)[0] == ""
    error, shown, printed = notebook.cell("print('a line')\nrun.log({'loss': 0.5})")
    assert (error, printed) == ("", "a line\n")
    assert [">loss <b>0.5</b>" in html["text/html"] for html in shown] == [True]
    assert notebook.cell("1 / 0")[0] == "ZeroDivisionError"
    error, _, printed = notebook.cell(FOREVER, interrupt_at="going")
    assert error == "KeyboardInterrupt"
    _, shown, _ = notebook.cell("%epochal off\nrun")
    assert [data["text/html"].count("<svg") for data in shown] == [1]
    notebook.manager.shutdown_kernel()
    (found,) = epochal.runs("notes")
    assert (found.state, found.exit_code) == ("finished", 0)
    assert found.series("loss").value[:101].tolist() == [0.5, *map(float, range(100))]
    assert next(iter(found.logs())) == "a line"


def test_a_restart_ends_the_run_and_the_next_one_is_another(notebook: Notebook) -> None:
    """As does a second `init` in one kernel; a kernel that is killed leaves a crashed run."""
    assert notebook.cell(BEGIN + "run.log({'loss': 1.0})")[0] == ""
    assert notebook.cell(BEGIN + "run.log({'loss': 2.0})")[0] == ""
    notebook.manager.restart_kernel()
    notebook.wait()
    assert notebook.cell(BEGIN + "run.log({'loss': 3.0})")[0] == ""
    notebook.manager.shutdown_kernel(now=True)
    found = {run.summary["loss"]: run.state for run in epochal.runs("notes")}
    assert found == {1.0: "finished", 2.0: "finished", 3.0: "crashed"}
