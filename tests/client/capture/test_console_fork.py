"""F17-F19: a forked or spawned child prints through its parent's record and never hangs on it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.client.capture.conftest import STOP


def test_eight_forked_children_are_recorded_by_their_parent(run_script):
    """Each prints 1,000 lines and exits; all lines arrive whole, none twice."""
    body = """
print("parent", flush=True)
children = []
for child in range(8):
    pid = os.fork()
    if pid == 0:
        for n in range(1000):
            os.write(1, f"child {child} line {n}\\n".encode())
        console.stop(10)
        console.stop(10)
        os._exit(child)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
assert codes == list(range(8)), codes
print("parent again")
"""
    result = run_script(body + STOP)
    assert result.code == 0, result.err
    expected = Counter(f"child {child} line {n}" for child in range(8) for n in range(1000))
    expected += Counter(["parent", "parent again"])
    assert Counter(result.texts(0)) == expected
    assert Counter(result.out.decode().splitlines()) == expected


def test_a_child_that_exits_normally_does_not_end_the_record(run_script):
    """The child runs the exit hooks that it inherited; the parent records on."""
    body = """
import atexit
atexit.register(console.stop, 10)
if os.fork() == 0:
    print("child")
    sys.exit(0)
os.wait()
print("parent")
"""
    result = run_script(body)
    assert result.code == 0, result.err
    assert result.texts(0) == ["child", "parent"]
    assert result.out == b"child\nparent\n"


def test_hundreds_of_forks_neither_hang_nor_leak(run_script):
    """While another thread prints all the time, so that every lock is held now and then."""
    body = """
import threading
done = threading.Event()
def chat():
    while not done.wait(0.0005):
        os.write(1, b"chat\\n")
thread = threading.Thread(target=chat); thread.start()
before = len(os.listdir("/proc/self/fd"))
for n in range(400):
    pid = os.fork()
    if pid == 0:
        os.write(1, b"c\\n")
        os._exit(0)
    os.waitpid(pid, 0)
done.set(); thread.join()
assert len(os.listdir("/proc/self/fd")) <= before + 1  # the sink may have its file open
"""
    result = run_script(body + STOP)
    assert result.code == 0, result.err
    assert result.out.split(b"\n").count(b"c") == 400
    notice = r"\[epochal: [\d,]+ bytes of output were not recorded\]"
    assert all(text in {"c", "chat"} or re.fullmatch(notice, text) for text in result.texts(0))


def test_a_child_may_record_itself(run_script):
    """F18: a child with a run of its own has a `Console` of its own, inside of its parent's."""
    body = """
if os.fork() == 0:
    seen = []
    own = Console()
    own.start(lambda stream, first, lines: seen.extend(lines))
    print("from the child", flush=True)
    own.stop(10)
    os._exit(0 if seen == ["from the child"] else 1)
assert os.wait()[1] == 0
print("from the parent")
"""
    result = run_script(body + STOP)
    assert result.code == 0, result.err
    assert result.texts(0) == ["from the child", "from the parent"]


def test_a_program_that_waits_for_all_its_children_does_not_wait_for_ours(run_script):
    """The relay is nobody's child: ``os.wait`` until there is none left comes to an end."""
    body = """
print("x", flush=True)
try:
    while True:
        os.wait()
except ChildProcessError:
    print("none left")
"""
    result = run_script(body + STOP)
    assert result.texts() == ["x", "none left"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_are_recorded(method, run_script, tmp_path):
    """Prints and tracebacks of pool workers land in the parent's record."""
    (tmp_path / "work.py").write_text(
        "import os\ndef work(n):\n    os.write(1, b'worker %d\\n' % n)\n    return n\n"
    )
    body = f"""
import multiprocessing, work
if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map(work.work, range(20)) == list(range(20))
    console.stop(10)
"""
    if method != "fork":  # the children import this file again
        body = body.replace("import multi", "import __main__, multi", 1)
    guarded = "\nif __name__ != '__main__':\n    console.stop(10)\n"
    result = run_script(guarded + body)
    assert result.code == 0, result.err
    mine = [text for text in result.out.decode().splitlines() if text.startswith("worker")]
    assert sorted(mine) == sorted(f"worker {n}" for n in range(20))
    assert set(mine) <= set(result.texts())


def test_loader_workers_that_restart_each_epoch_are_recorded(run_script):
    """PyTorch forks its workers anew for every epoch."""
    pytest.importorskip("torch")
    body = """
import torch
class Data(torch.utils.data.Dataset):
    def __len__(self): return 8
    def __getitem__(self, index):
        os.write(1, b"item %d\\n" % index)
        return index
loader = torch.utils.data.DataLoader(Data(), num_workers=2, multiprocessing_context="fork")
for epoch in range(3):
    assert sum(int(item) for item in loader) == 28
"""
    result = run_script(body + STOP)
    assert result.code == 0, result.err
    counts = Counter(result.texts(0))
    assert {text: counts[text] for text in (f"item {n}" for n in range(8))} == {
        f"item {n}": 3 for n in range(8)
    }


def test_many_threads_lose_no_line(run_script):
    """Eight threads write 2,000 lines each."""
    body = """
import threading
def chat(name):
    for n in range(2000):
        os.write(1, f"{name} {n}\\n".encode())
threads = [threading.Thread(target=chat, args=(name,)) for name in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    result = run_script(body + STOP)
    assert Counter(result.texts()) == Counter(f"{t} {n}" for t in range(8) for n in range(2000))
