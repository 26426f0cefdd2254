"""What `log` makes of a call: one row at once, with W&B's meaning of steps, and never an
exception.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import itertools
import logging
import math
import os
import signal
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import epochal
from epochal.domain.record import Event
from epochal.errors import EpochalWarning
from tests.client.scripts import read_home, run_script

Begin = Callable[..., epochal.Run]


def logged(home: Path, key: str) -> list[tuple[int, Any]]:
    epochal.finish()
    (told,) = read_home(home)
    return told.points(key)


def log_all(calls: list[dict[str, Any]], step: Any = None) -> None:
    for data in calls:
        epochal.log(data, step=step)


def test_steps_count_from_zero(begin: Begin, home: Path) -> None:
    begin()
    for i in range(4):
        epochal.log({"a": i * 0.5})
    assert logged(home, "a") == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5)]


def test_commit_false_keeps_the_step_for_the_next_call(begin: Begin, home: Path) -> None:
    begin()
    epochal.log({"a": 1}, commit=False)
    epochal.log({"a": 2}, commit=False)
    epochal.log({"a": 3})
    epochal.log({"a": 4})
    assert logged(home, "a") == [(0, 1), (0, 2), (0, 3), (1, 4)]


def test_an_explicit_step_is_kept_until_a_call_without_one(begin: Begin, home: Path) -> None:
    run = begin()
    epochal.log({"a": 1}, step=10)
    assert run.step == 10
    epochal.log({"a": 2})
    epochal.log({"a": 3})
    epochal.log({"a": 4}, step=20, commit=True)
    epochal.log({"a": 5})
    assert run.step == 22
    assert logged(home, "a") == [(10, 1), (10, 2), (11, 3), (20, 4), (21, 5)]


def test_an_explicit_step_behind_does_not_take_the_automatic_step_back(
    begin: Begin, home: Path
) -> None:
    """A validation every tenth batch, logged under its epoch, must not fold the batches."""
    run = begin()
    for batch in range(100):
        epochal.log({"a": batch})
        if batch % 10 == 9:
            epochal.log({"b": batch}, step=batch // 10)
    assert run.step == 100
    assert logged(home, "a") == [(s, s) for s in range(100)]
    assert logged(home, "b") == [(s, 10 * s + 9) for s in range(10)]


def test_a_lower_explicit_step_leaves_the_higher_one_in_force(begin: Begin, home: Path) -> None:
    run = begin()
    epochal.log({"a": 1}, step=10)
    epochal.log({"a": 2}, step=3)
    epochal.log({"a": 3})
    assert run.step == 11
    assert logged(home, "a") == [(10, 1), (3, 2), (10, 3)]


def test_who_asks_for_a_step_hears_that_of_the_next_call(begin: Begin, home: Path) -> None:
    """Whatever it is, and though the keys of the call are well known."""
    run = begin()
    heard: list[int] = []
    for step in (None, 7, None, None):
        run._session.recorder.ask_step(heard.append)
        run.log({"a": 1}, step=step)
        run.log({"a": 2}, step=step)
    run._session.recorder.ask_step(heard.append)
    run.finish()
    assert heard == [0, 7, 7, 9, 11]
    assert [s for s, _ in logged(home, "a")] == [0, 1, 7, 7, 7, 8, 9, 10]


def test_repeated_and_decreasing_steps_are_kept(begin: Begin, home: Path) -> None:
    """Nothing is dropped because of its step (F31)."""
    begin()
    for step in (5, 5, 3, -7, 2**62, 4):
        epochal.log({"a": step}, step=step)
    assert logged(home, "a") == [(s, s) for s in (5, 5, 3, -7, 2**62, 4)]


@pytest.mark.parametrize("step", [1.5, "3", None.__class__, float("nan"), 2**63, [1], 1j])
def test_a_bad_step_is_replaced_with_one_warning(step: Any, begin: Begin, home: Path) -> None:
    begin()
    epochal.log({"a": 1})
    with pytest.warns(EpochalWarning, match="step") as caught:
        log_all([{"a": 2}, {"a": 3}], step)
    assert len(caught) == 1
    assert logged(home, "a") == [(0, 1), (1, 2), (2, 3)]


def test_whole_float_and_numpy_steps_are_steps(begin: Begin, home: Path) -> None:
    numpy = pytest.importorskip("numpy")
    begin()
    epochal.log({"a": 1}, step=3.0)  # type: ignore[arg-type]
    epochal.log({"a": 2}, step=numpy.int64(4))
    epochal.log({"a": 3}, step=numpy.array(5))
    assert logged(home, "a") == [(3, 1), (4, 2), (5, 3)]


def test_nested_keys_join_with_dots(begin: Begin, home: Path) -> None:
    begin()
    epochal.log({"train": {"loss": 1.0, "by": {"head": 2.0}}, "val/acc": 3.0})
    epochal.finish()
    (told,) = read_home(home)
    assert told.rows == [(["train.loss", "train.by.head", "val/acc"], 0, [1.0, 2.0, 3.0])]


def test_two_names_for_one_key_keep_the_last_and_say_so(begin: Begin, home: Path) -> None:
    begin()
    with pytest.warns(EpochalWarning, match="two values for 'a.b'"):
        epochal.log({"a": {"b": 1}, "a.b": 2})
    assert logged(home, "a.b") == [(0, 2)]


def test_the_fast_and_the_slow_way_write_the_same(begin: Begin, home: Path) -> None:
    """The first call of a key set goes the slow way, later ones the fast way."""
    begin()
    for _ in range(3):
        epochal.log({"f": 0.5, "i": 3, "b": True})
    epochal.finish()
    (told,) = read_home(home)
    assert told.rows == [(["f", "i", "b"], step, [0.5, 3, True]) for step in range(3)]
    assert all(type(values[2]) is bool for _, _, values in told.rows)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=25,
)
@given(st.lists(st.floats(width=64), min_size=1, max_size=30))
def test_numbers_keep_their_bits(begin: Begin, home: Path, values: list[float]) -> None:
    """NaN, infinities, minus zero and denormals are data."""
    run = begin(reinit="create_new")
    for value in values:
        run.log({"x": value})
    run.finish()
    told = next(one for one in read_home(home) if one.header.run_id == run.id)
    packed = [struct.pack("<d", value) for _, value in told.points("x")]
    assert packed == [struct.pack("<d", value) for value in values]


def test_a_tensor_is_read_at_once(begin: Begin, home: Path) -> None:
    """A later in-place change is never seen."""
    torch = pytest.importorskip("torch")
    begin()
    value = torch.tensor(1.5, requires_grad=True)
    epochal.log({"a": value})
    with torch.no_grad():
        value.zero_()
    assert logged(home, "a") == [(0, 1.5)]


def test_the_first_log_counts_even_when_values_are_numpy(begin: Begin, home: Path) -> None:
    numpy = pytest.importorskip("numpy")
    begin()
    for i in range(3):
        epochal.log({"a": numpy.float64(i), "b": numpy.float32(0.5), "c": numpy.bool_(i % 2)})
    epochal.finish()
    (told,) = read_home(home)
    assert told.points("a") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert told.points("c") == [(0, False), (1, True), (2, False)]


def test_rotation_goes_on_in_a_journal_that_continues_the_first(begin: Begin, home: Path) -> None:
    run = begin()
    for i in range(10):
        epochal.log({"a": i})
    run._session.rotate()
    for i in range(10, 20):
        epochal.log({"a": i})
    assert run.summary["a"] == 19
    epochal.finish()
    first, second = read_home(home)
    assert first.points("a") + second.points("a") == [(i, i) for i in range(20)]
    assert second.header.continues == Path(first.path).stem
    assert first.finish is not None
    assert first.finish.state is None
    assert second.finish is not None
    assert second.finish.state == "finished"


def test_rotation_under_fire_loses_and_doubles_nothing(begin: Begin, home: Path) -> None:
    run = begin()
    done = threading.Event()
    written = [0, 0, 0]

    def write(number: int) -> None:
        while not done.is_set():
            epochal.log({f"t{number}": written[number]}, step=written[number])
            written[number] += 1

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in writers:
        thread.start()
    for _ in range(20):
        run._session.rotate()
    done.set()
    for thread in writers:
        thread.join()
    epochal.finish()
    journals = read_home(home)
    assert len(journals) == 21
    for n in range(3):
        points = [point for told in journals for point in told.points(f"t{n}")]
        assert points == [(i, i) for i in range(written[n])]


def test_64_threads_lose_and_double_nothing(begin: Begin, home: Path) -> None:
    """Every thread's rows are there once, in its order, and automatic steps are not given twice
    (F21).
    """
    begin()

    def write(name: int) -> None:
        for i in range(1000):
            epochal.log({f"t{name}": i})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    epochal.finish()
    (told,) = read_home(home)
    for n in range(64):
        assert [value for _, value in told.points(f"t{n}")] == list(range(1000))
    assert sorted(step for _, step, _ in told.rows) == list(range(64_000))


def test_logging_from_a_signal_handler_is_safe(begin: Begin, home: Path) -> None:
    """The handler interrupts `log`, and itself, again and again (F22)."""
    begin()
    numbers = itertools.count()

    def handler(*_: object) -> None:
        epochal.log({"signal": next(numbers)})

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0004, 0.0004)
    try:
        for i in range(30_000):
            epochal.log({"program": i})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    epochal.finish()
    (told,) = read_home(home)
    assert [value for _, value in told.points("program")] == list(range(30_000))
    count = next(numbers)
    assert sorted(value for _, value in told.points("signal")) == list(range(count))
    assert count > 3


@pytest.mark.filterwarnings("ignore::epochal.errors.EpochalWarning")
def test_logging_from_finalizers_and_handlers_of_logging(begin: Begin, home: Path) -> None:
    begin()

    class Dying:
        def __del__(self) -> None:
            epochal.log({"dying": 1})

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            epochal.log({"lines": 1, "bad": object()})

    logger = logging.getLogger("epochal-test")
    handler = Handler()
    logger.addHandler(handler)
    for _ in range(200):
        cycle: list[Any] = [Dying()]
        cycle.append(cycle)
        del cycle
        logger.warning("x")
    gc.collect()
    logger.removeHandler(handler)
    epochal.finish()
    (told,) = read_home(home)
    assert len(told.points("dying")) == 200
    assert len(told.points("lines")) == 200


def test_logging_from_coroutines(begin: Begin, home: Path) -> None:
    begin()

    async def write(name: str) -> None:
        for i in range(50):
            epochal.log({name: i})
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(write(f"c{n}") for n in range(5)))

    asyncio.run(main())
    epochal.finish()
    (told,) = read_home(home)
    assert all([v for _, v in told.points(f"c{n}")] == list(range(50)) for n in range(5))


def test_without_a_run_log_warns_once_and_does_nothing(home: Path) -> None:
    done = run_script("from epochal import log\nfor i in range(3): log({'a': 1})", home)
    assert done.returncode == 0
    assert done.stderr.count("call epochal.init() first") == 1
    assert list(home.iterdir()) == []


def test_after_finish_log_warns_once_and_does_nothing(begin: Begin, home: Path) -> None:
    run = begin()
    run.log({"a": 1})
    run.finish()
    with pytest.warns(EpochalWarning, match="after finish") as caught:
        log_all([{"a": 2}] * 3)
    assert len(caught) == 1
    (told,) = read_home(home)
    assert told.points("a") == [(0, 1)]


def test_warnings_as_errors_do_not_come_out_of_log(begin: Begin, home: Path) -> None:
    """Not even ``python -W error`` makes `log` raise (P1)."""
    import warnings

    begin()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epochal.log({"a": object(), "b": 1})
    assert logged(home, "b") == [(0, 1)]


def test_infinite_and_nan_values_show_in_the_summary(begin: Begin) -> None:
    run = begin()
    epochal.log({"a": math.inf, "b": math.nan})
    assert run.summary["a"] == math.inf
    assert math.isnan(run.summary["b"])


def test_a_disk_that_fails_to_sync_is_left_for_a_new_file_and_named(
    begin: Begin, home: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., Any]
) -> None:
    """No silent retry on the same file: the run is flagged and goes on in a new one (F05)."""
    run = begin()
    failing = [True]
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        if failing:
            failing.pop()
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    run.log({"a": 1})
    wait_for(lambda: any(told.all(Event) for told in read_home(home)))
    run.log({"a": 2})
    assert run.flush()
    run.finish()
    first, second = read_home(home)
    assert (first.points("a"), second.points("a")) == ([(0, 1)], [(1, 2)])
    assert "failed to sync" in second.all(Event)[0].title
