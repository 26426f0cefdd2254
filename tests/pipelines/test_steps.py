"""Steps and pipelines as a user calls them."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

import epochal
from epochal.errors import InvalidInput, NotFound, StepFailed
from epochal.pipelines import (
    Output,
    StepContext,
    current_step,
    get_run,
    get_runs,
    pickled,
    pipeline,
    step,
    unmapped,
)

DEADLINE_S = 30.0


class Pair(NamedTuple):
    left: int
    right: str


class Opaque:
    def __init__(self, n: int) -> None:
        self.n = n

    def __reduce__(self) -> Any:
        return Opaque, (self.n,)


def note(path: Path, text: object) -> None:
    """Write down that a step ran, where its key does not see it."""
    with path.open("a") as file:
        file.write(f"{text}\n")


def step_state(run: Any, name: str) -> str:
    state: str = run.step(name).state
    return state


# ------------------------------------------------------------------------------------- plain calls
def test_outside_of_a_pipeline_a_step_just_runs() -> None:
    """A plain function stays one, context included."""

    @step
    def add(a: int, b: int = 2) -> int:
        return a + b

    @step
    def where(context: StepContext) -> str:
        return context.get_output_artifact_uri()

    assert add(1) == 3
    assert add.map([1, 2], b=10) == [11, 12]
    assert Path(where()).is_dir()
    assert add.name == "add"


def test_inside_of_a_step_another_step_just_runs() -> None:
    @step
    def inner(n: int) -> int:
        return n + 1

    @step
    def outer(n: int) -> int:
        value: int = inner(n)
        return value * 10

    @pipeline
    def flow() -> None:
        outer(1)

    run = flow()
    assert run.step("outer").output.load() == 20
    assert list(run.steps) == ["outer"]


def test_a_pipeline_inside_of_a_pipeline_gives_its_steps_to_the_outer_one() -> None:
    @step
    def one(n: int) -> int:
        return n

    @pipeline
    def inner(n: int) -> Any:
        return one(n)

    @pipeline
    def outer() -> Any:
        return one(inner(5))

    run = outer()
    assert list(run.steps) == ["one", "one_2"]
    assert run.returned.load() == 5


# ----------------------------------------------------------------------------------------- outputs
def test_outputs_are_named_by_every_kind_of_annotation() -> None:
    @step
    def annotated() -> tuple[Annotated[int, "n"], Annotated[str, "s"]]:
        return 1, "a"

    @step
    def named_tuple() -> Pair:
        return Pair(1, "a")

    @step
    def with_output() -> Output(n=int, s=str):  # type: ignore[valid-type]
        return 1, "a"

    @step
    def unnamed() -> tuple[int, str]:
        return 1, "a"

    @step
    def single() -> Annotated[int, "only"]:
        return 1

    @step
    def nothing() -> None:
        return None

    @pipeline
    def flow() -> None:
        n, s = annotated()
        pair = named_tuple()
        named = with_output()
        unnamed()
        single()
        nothing().wait()
        assert (n.load(), s.load()) == (1, "a")
        assert (pair.left.load(), pair.right.load()) == (1, "a")
        assert (named.n.load(), named.s.load()) == (1, "a")

    steps = flow().steps
    names = {name: list(each.out) for name, each in steps.items()}
    assert names == {
        "annotated": ["n", "s"],
        "named_tuple": ["left", "right"],
        "with_output": ["n", "s"],
        "unnamed": ["output_0", "output_1"],
        "single": ["only"],
        "nothing": [],
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1,), r"step 'work' returned 1 where 2 outputs were expected \(n, s\)"),
        (1, "step 'work' returned int where 2 outputs were expected"),
        ((1, 2), "output 's' must be str, got int"),
        (("1", "2"), "output 'n' must be int, got str"),
    ],
    ids=["too few", "no tuple", "wrong second", "wrong first"],
)
def test_a_wrong_count_or_type_names_step_and_output(given: Any, message: str) -> None:
    @step
    def work(value: Any) -> Output(n=int, s=str):  # type: ignore[valid-type]
        return value

    @pipeline
    def flow() -> None:
        work(given)

    with pytest.raises(StepFailed, match=message):
        flow()


def test_a_value_that_nothing_keeps_names_step_output_and_remedy() -> None:
    @step
    def work() -> Annotated[Any, "thing"]:
        return (i for i in range(3))

    @pipeline
    def flow() -> None:
        work()

    with pytest.raises(
        StepFailed, match=r"step 'work': output 'thing': no safe serializer .*pickled"
    ):
        flow()


def test_a_pickle_travels_only_between_those_that_ask_for_it() -> None:
    @step
    def make() -> Annotated[Any, "thing", pickled]:
        return Opaque(3)

    @step
    def trusting(thing: Annotated[Any, pickled]) -> int:
        n: int = thing.n
        return n

    @step
    def careful(thing: Any) -> int:
        return 0

    @pipeline
    def good() -> None:
        trusting(make())

    @pipeline
    def bad() -> None:
        careful(make())

    assert good().step("trusting").output.load() == 3
    with pytest.raises(StepFailed, match="is a pickle, and reading one runs the code"):
        bad()


def test_each_step_gets_a_fresh_copy(tmp_path: Path) -> None:
    """What one step does to its input, no other sees, and the cache neither."""

    @step
    def make() -> list[int]:
        return [1]

    @step
    def spoil(values: list[int], n: int) -> int:
        values.append(n)
        return len(values)

    @pipeline
    def flow() -> None:
        made = make()
        spoil.map(made, n=[1, 2, 3])

    run = flow()
    assert [run.step(f"spoil[{i}]").output.load() for i in range(3)] == [2, 2, 2]
    assert run.step("make").output.load() == [1]


# ------------------------------------------------------------------------------------ control flow
def test_independent_steps_overlap() -> None:
    """Each of two steps waits for the other to have begun."""
    both = threading.Barrier(2, timeout=DEADLINE_S)

    @step
    def meet(n: int) -> int:
        both.wait()
        return n

    @pipeline(cache=False)
    def flow() -> None:
        meet(1)
        meet(2)

    assert flow().state == "finished"


def test_a_loaded_value_decides_what_runs() -> None:
    """``load()`` is the barrier that gives the value to Python."""

    @step
    def score(n: int) -> int:
        return n * n

    @step
    def promote(n: int) -> str:
        return f"promoted {n}"

    @pipeline
    def flow(n: int) -> None:
        found = score(n)
        if found.load() > 10:
            promote(found)

    assert list(flow(2).steps) == ["score"]
    assert flow(5).step("promote").output.load() == "promoted 25"


def test_map_fans_out_and_a_list_of_futures_reduces() -> None:
    @step
    def square(n: int, plus: int, table: list[int]) -> int:
        return n * n + plus + table[0]

    @step
    def total(parts: list[int]) -> int:
        return sum(parts)

    @pipeline
    def flow() -> None:
        total(square.map(range(4), plus=1, table=unmapped([100])))

    assert flow().step("total").output.load() == 0 + 1 + 4 + 9 + 4 * 101


def test_map_wants_lists_of_one_length() -> None:
    @step
    def both(a: int, b: int) -> int:
        return a + b

    with pytest.raises(InvalidInput, match="got 2 and 3"):
        both.map([1, 2], [1, 2, 3])
    with pytest.raises(InvalidInput, match="got none"):
        both.map(1, b=2)


def test_a_future_is_no_value() -> None:
    """A forgotten ``load()`` is an error that says so, not a wrong branch."""

    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        if one() > 0:
            one()

    with pytest.raises(InvalidInput, match=r"is a future; .*\.load\(\)"):
        flow()


def test_after_orders_steps_without_data() -> None:
    seen: list[str] = []

    @step
    def slow() -> None:
        seen.append("slow")

    @step
    def later() -> None:
        seen.append("later")

    @pipeline(cache=False)
    def flow() -> None:
        later.after(slow())()

    flow()
    assert seen == ["slow", "later"]


def test_a_future_of_another_run_is_refused() -> None:
    kept: list[Any] = []

    @step
    def one(n: int = 1) -> int:
        return n

    @pipeline
    def first() -> None:
        kept.append(one())

    @pipeline
    def second() -> None:
        one(kept[0])

    first()
    with pytest.raises(InvalidInput, match="of another run"):
        second()


def test_two_equal_calls_run_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    @step
    def work(n: int) -> int:
        note(calls, n)
        return n

    @pipeline
    def flow() -> None:
        work(1)
        work(1)

    run = flow()
    assert calls.read_text() == "1\n"
    assert sorted(each.state for each in run.steps.values()) == ["cached", "finished"]


# -------------------------------------------------------------------------------------- parameters
def test_parameters_come_from_call_file_and_defaults_in_this_order(tmp_path: Path) -> None:
    @step
    def fit(lr: float, epochs: int = 1, name: str = "a") -> list[Any]:
        return [lr, epochs, name]

    @pipeline
    def flow(lr: float = 0.1) -> None:
        fit(lr)

    path = tmp_path / "flow.yaml"
    path.write_text(
        "parameters: {lr: 0.5}\nsteps: {fit: {parameters: {epochs: 3}, retries: 1, cache: false}}"
    )
    configured = flow.with_options(config=path)
    assert flow().step("fit").output.load() == [0.1, 1, "a"]
    assert configured().step("fit").output.load() == [0.5, 3, "a"]
    assert configured(lr=0.9).step("fit").output.load() == [0.9, 3, "a"]
    assert configured().step("fit").state == "finished"
    texts = flow.with_parameters({"lr": "0.25"})
    assert texts().step("fit").output.load() == [0.25, 1, "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {rate: 1}", "has no parameter 'rate'; it has lr"),
        ("parameters: {lr: fast}", "parameter 'lr' must be"),
        ("steps: {fit: {parameters: {x: 1}}}", "step 'fit' has no parameter 'x'"),
        ("steps: {fit: {speed: 1}}", "a step has no option 'speed'"),
        ("other: 1", "'parameters' and 'steps'"),
        ("a: [", "is no YAML"),
    ],
    ids=["parameter", "type", "step parameter", "option", "part", "syntax"],
)
def test_a_wrong_configuration_is_refused(text: str, message: str, tmp_path: Path) -> None:
    @step
    def fit(lr: float) -> float:
        return lr

    @pipeline
    def flow(lr: float = 0.1) -> None:
        fit(lr)

    path = tmp_path / "flow.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        flow.with_options(config=path)()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 1}, "a step has no option 'speed'"),
        ({"retries": -1}, "retries is a whole number"),
        ({"timeout": "soon"}, "timeout is seconds, or a text"),
        ({"timeout": 1, "executor": "thread"}, "a thread cannot be ended"),
        ({"cache": "maybe"}, "cache is True, False or 'strict'"),
        ({"resources": 3}, "resources look like"),
        ({"pin": "loose"}, "pin is one of"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_when_the_step_is_made(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        step(**options)


def test_what_is_no_plain_function_is_no_step() -> None:
    async def coroutine() -> None: ...

    def generator() -> Any:
        yield 1

    for wrong in (coroutine, generator, print, 3):
        with pytest.raises(InvalidInput, match=r"plain"):
            step(wrong)  # type: ignore[arg-type]


def test_a_missing_argument_is_named() -> None:
    @step
    def work(a: int, b: int) -> int:
        return a + b

    @pipeline
    def flow() -> None:
        work(1)

    with pytest.raises(InvalidInput, match="step 'work' is called without 'b'"):
        flow()


def test_a_value_that_is_no_parameter_becomes_an_input() -> None:
    """An array given from the pipeline's function is kept by content like any output."""
    numpy = pytest.importorskip("numpy")

    @step
    def total(values: Any) -> float:
        return float(values.sum())

    @pipeline
    def flow(n: int) -> None:
        total(numpy.arange(n))

    assert flow(4).step("total").output.load() == 6.0
    assert step_state(flow(4), "total") == "cached"
    assert flow(5).step("total").output.load() == 10.0


def test_one_value_given_twice_is_one_input_and_two_values_are_two() -> None:
    numpy = pytest.importorskip("numpy")

    @step
    def same(values: list[Any]) -> list[Any]:
        return [values[0] is values[1], float(values[2].sum())]

    @pipeline
    def flow() -> None:
        array = numpy.ones(3)
        same([array, array, numpy.zeros(3)])

    assert flow().step("same").output.load() == [True, 0.0]


# -------------------------------------------------------------------------------- failure, retries
def test_a_failed_step_fails_the_run_with_its_own_exception_behind() -> None:
    @step
    def broken() -> int:
        raise ValueError("no such luck")

    @step
    def after(n: int) -> int:
        return n

    @pipeline
    def flow() -> None:
        after(broken())

    with pytest.raises(
        StepFailed, match="step 'broken' failed: ValueError: no such luck"
    ) as caught:
        flow()
    assert isinstance(caught.value.__cause__, ValueError)
    run: Any = caught.value.run
    assert run.state == "failed"
    assert {name: each.state for name, each in run.steps.items()} == {
        "broken": "failed",
        "after": "skipped",
    }


def test_continue_runs_what_does_not_need_the_failed_step() -> None:
    @step
    def broken() -> int:
        raise ValueError("x")

    @step
    def good(n: int) -> int:
        return n

    @pipeline(on_error="continue", parallel=1)
    def flow() -> None:
        bad = broken()
        good(1)
        good(bad)

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    states = {name: each.state for name, each in run.steps.items()}
    assert states == {"broken": "failed", "good": "finished", "good_2": "skipped"}
    assert "needs 'broken'" in run.step("good_2").error


def test_stop_starts_nothing_new() -> None:
    @step
    def broken() -> int:
        raise ValueError("x")

    @step
    def good(n: int) -> int:
        return n

    @pipeline(on_error="stop", parallel=1)
    def flow() -> None:
        broken()
        for n in range(3):
            good(n)

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    assert [each.state for each in run.steps.values()] == ["failed", *["skipped"] * 3]


def test_a_failure_can_be_caught_where_it_is_loaded() -> None:
    """With ``continue`` the pipeline's function may fall back to something else."""

    @step
    def broken() -> int:
        raise ValueError("x")

    @step
    def fallback() -> int:
        return 7

    @pipeline(on_error="continue")
    def flow() -> int:
        try:
            value: int = broken().load()
        except StepFailed:
            value = fallback().load()
        return value

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    assert run.step("fallback").output.load() == 7


def test_a_failed_step_is_tried_again_and_each_attempt_is_a_run() -> None:
    tries: list[int] = []
    told: list[str] = []

    @step(
        retries=2,
        retry_delay=0,
        on_failure=lambda context, error: told.append(f"{context.attempt} {error}"),
        on_success=lambda context: told.append(f"{context.attempt} fine"),
    )
    def flaky() -> int:
        tries.append(current_step().attempt)
        if len(tries) < 3:
            raise OSError("busy")
        return len(tries)

    @pipeline
    def flow() -> None:
        flaky()

    run = flow()
    assert tries == [1, 2, 3]
    assert told == ["1 busy", "2 busy", "3 fine"]
    found = {each.name: each.state for each in epochal.runs("flow")}
    assert found["flaky"] == found["flaky (attempt 2)"] == "failed"
    assert found["flaky (attempt 3)"] == "finished"
    assert run.step("flaky").attempts == 3


def test_only_the_exceptions_named_are_worth_a_retry() -> None:
    tries: list[int] = []

    @step(retries=5, retry_delay=0, retry_on=OSError)
    def work() -> int:
        tries.append(1)
        raise ValueError("not that one")

    @pipeline
    def flow() -> None:
        work()

    with pytest.raises(StepFailed):
        flow()
    assert len(tries) == 1


def test_what_finished_before_a_failure_stays_finished(tmp_path: Path) -> None:
    """The next run goes on there, without being told to."""
    calls = tmp_path / "calls"
    broken = tmp_path / "broken"
    broken.touch()

    @step
    def first() -> int:
        note(calls, "first")
        return 1

    @step(cache=False, version="1")
    def second(n: int) -> int:
        note(calls, "second")
        if broken.exists():
            raise ValueError("x")
        return n

    @pipeline
    def flow() -> None:
        second(first())

    with pytest.raises(StepFailed):
        flow()
    broken.unlink()
    assert flow().state == "finished"
    assert calls.read_text().split() == ["first", "second", "second"]


def test_a_needed_resource_that_is_not_there_is_refused() -> None:
    @step(resources={"gpu": 2})
    def work() -> int:
        return 1

    @pipeline(resources={"gpu": 1})
    def flow() -> None:
        work()

    with pytest.raises(InvalidInput, match="step 'work' needs 2 gpu, and the pipeline has 1"):
        flow()


def test_resources_limit_what_runs_at_the_same_time() -> None:
    """One token: never two at once, though there are threads for all."""
    running: list[int] = []
    most: list[int] = []

    @step(resources={"gpu": 1})
    def work(n: int) -> int:
        running.append(n)
        most.append(len(running))
        time.sleep(0)
        running.remove(n)
        return n

    @pipeline(resources={"gpu": 1}, parallel=8, cache=False)
    def flow() -> None:
        work.map(range(8))

    flow()
    assert max(most) == 1


# --------------------------------------------------------------------------------- plan and report
def test_a_plan_says_what_would_run_and_runs_nothing(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    @step
    def work(n: int) -> int:
        note(calls, n)
        return n

    @step
    def last(n: int) -> int:
        return n

    @pipeline
    def flow(n: int) -> None:
        found = last(work(n))
        work(0)
        if found.load() > 100:
            work(1)

    flow(5)
    before = len(get_runs())
    assert [(each.name, each.action) for each in flow.plan(5)] == [
        ("work", "cached"),
        ("last", "cached"),
        ("work_2", "cached"),
    ]
    planned = {each.name: each.action for each in flow.plan(6)}
    assert planned == {"work": "runs", "last": "waits", "work_2": "cached", "...": "waits"}
    assert sorted(calls.read_text().split()) == ["0", "5"]
    assert len(get_runs()) == before


def test_runs_are_found_again_by_id_and_pipeline() -> None:
    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    @pipeline(listed=False)
    def other() -> None:
        one()

    first, second = flow(), other()
    assert get_run(first.id).step("one").output.load() == 1
    assert [each.id for each in get_runs()] == [first.id]
    assert [each.id for each in get_runs("other", unlisted=True)] == [second.id]
    assert [each.id for each in flow.runs()] == [first.id]
    with pytest.raises(NotFound, match="epochal pipeline ls"):
        get_run("nothere")
    with pytest.raises(NotFound, match="has no step 'two'; it has one"):
        first.step("two")
    with pytest.raises(NotFound, match="no output 'x'; it has output"):
        _ = first.step("one").out.x


def test_streams_and_current_run_are_as_before_afterwards() -> None:
    before = sys.stdout, sys.stderr

    @step
    def one() -> int:
        print("hello")
        return 1

    @pipeline
    def flow() -> None:
        one()

    flow()
    assert (sys.stdout, sys.stderr) == before
    assert not epochal.run
