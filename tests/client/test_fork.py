"""Forked and spawned children: no deadlock, no doubled record, and never the end of the
parent's run (F17-F19).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.scripts import read_home, run_script

BEGIN = """\
import os, threading
run = epochal.init(project='fork', settings=QUIET)
run.log({'parent': 0})
"""


def test_a_child_that_logs_gets_a_journal_of_its_own(home: Path) -> None:
    source = (
        BEGIN
        + """
child = os.fork()
if child == 0:
    for i in range(100): epochal.log({"child": i})
    os._exit(0)
os.waitpid(child, 0)
for i in range(1, 50): run.log({"parent": i})
"""
    )
    assert run_script(source, home).returncode == 0
    parent, child = read_home(home)
    assert parent.points("parent") == [(i, i) for i in range(50)]
    assert [value for _, value in child.points("child")] == list(range(100))
    assert (parent.header.primary, child.header.primary) == (True, False)
    assert child.header.continues == Path(parent.path).stem
    assert child.header.run_id == parent.header.run_id
    assert child.header.pid != parent.header.pid
    assert parent.finish is not None
    assert parent.finish.state == "finished"


@pytest.mark.parametrize(
    "end", ["os._exit(3)", "import sys; sys.exit(3)", "raise ValueError", "epochal.finish()"]
)
def test_a_childs_end_is_not_the_end_of_the_parents_run(end: str, home: Path) -> None:
    source = (
        BEGIN
        + f"""
child = os.fork()
if child == 0:
    epochal.log({{"child": 1}})
    {end}
    os._exit(0)
os.waitpid(child, 0)
assert not run.finished
run.log({{"parent": 1}})
"""
    )
    done = run_script(source, home)
    assert done.returncode == 0, done.stderr
    parent, child = read_home(home)
    assert parent.points("parent") == [(0, 0), (1, 1)]
    assert parent.finish is not None
    assert parent.finish.state == "finished"
    assert child.points("child") == [(1, 1)]
    assert child.finish is None or child.finish.state is None


def test_a_child_that_logs_nothing_leaves_nothing(home: Path) -> None:
    source = (
        BEGIN
        + """
for _ in range(20):
    child = os.fork()
    if child == 0:
        import sys; sys.exit(0)
    os.waitpid(child, 0)
"""
    )
    assert run_script(source, home).returncode == 0
    assert len(read_home(home)) == 1


def test_forking_beside_busy_threads_never_deadlocks(home: Path) -> None:
    """Locks that other threads hold at the instant of the fork are fresh in the child."""
    source = (
        BEGIN
        + """
stop = threading.Event()
def busy(n):
    i = 0
    while not stop.is_set():
        run.log({f"busy{n}": i, "nested": {"x": i}}); i += 1
        if i % 50 == 0: run.flush()
threads = [threading.Thread(target=busy, args=(n,), daemon=True) for n in range(3)]
for t in threads: t.start()
for k in range(60):
    child = os.fork()
    if child == 0:
        run.log({"child": k}); run.config.update({"k": k}); run.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
stop.set()
for t in threads: t.join()
"""
    )
    done = run_script(source, home, timeout=90)
    assert done.returncode == 0, done.stderr
    children = [told for told in read_home(home) if not told.header.primary]
    assert sorted(value for told in children for _, value in told.points("child")) == list(
        range(60)
    )


def test_data_loader_workers_restarting_every_epoch(home: Path) -> None:
    """Eight workers log while they load, epoch after epoch; our threads do not multiply (F17)."""
    pytest.importorskip("torch")
    source = """
    import threading, torch
    from torch.utils.data import DataLoader, Dataset
    run = epochal.init(project="fork", settings=QUIET)
    class Squares(Dataset):
        def __len__(self): return 64
        def __getitem__(self, i):
            epochal.log({"loaded": i}, step=i)
            return torch.tensor(i * i)
    counts = []
    for epoch in range(3):
        loader = DataLoader(Squares(), 4, num_workers=8, multiprocessing_context="fork")
        for batch in loader:
            run.log({"sum": batch.sum()})
        counts.append([t.name for t in threading.enumerate() if t.name.startswith("epochal")])
    assert counts == [["epochal-worker"]] * 3, counts
    """
    done = run_script(source, home, timeout=150)
    assert done.returncode == 0, done.stderr
    journals = read_home(home)
    parent = journals[0]
    children = journals[1:]
    assert len(parent.points("sum")) == 48
    assert len(children) == 24
    loaded = sorted(step for told in children for step, _ in told.points("loaded"))
    assert loaded == sorted(list(range(64)) * 3)
    assert all(told.finish is not None and told.finish.state is None for told in children)
    assert parent.finish is not None


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_spawned_children_have_no_run_of_their_own(
    method: str, tmp_path: Path, home: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, epochal\n"
        "def work(n):\n"
        "    epochal.log({'child': n})\n"
        "    assert not epochal.run\n"
        "if __name__ == '__main__':\n"
        "    settings = dict(console=False, git=False, environment=False, silent=True)\n"
        "    epochal.init(project='spawn', settings=settings)\n"
        f"    context = multiprocessing.get_context('{method}')\n"
        "    children = [context.Process(target=work, args=(n,)) for n in range(2)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join(); assert child.exitcode == 0\n"
    )
    done = run_script(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", home)
    assert done.returncode == 0, done.stderr
    (told,) = read_home(home)
    assert told.finish is not None
    assert told.finish.state == "finished"


def test_an_exception_in_a_spawned_worker_keeps_its_exit_code(tmp_path: Path, home: Path) -> None:
    """The process ends, with the code that it would have without us (F19)."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys, epochal\n"
        "def work():\n"
        "    epochal.init(project='spawn', settings=dict(console=False, silent=True, git=False,"
        " environment=False))\n"
        "    raise ValueError('in the worker')\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=work)\n"
        "    child.start(); child.join(); sys.exit(40 + child.exitcode)\n"
    )
    done = run_script(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", home)
    assert done.returncode == 41, done.stderr
    assert "in the worker" in done.stderr
