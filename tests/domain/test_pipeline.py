"""The course of a pipeline run is folded into its steps, whatever is missing of it."""

from __future__ import annotations

from epochal.domain.pipeline import (
    Added,
    Began,
    Dependency,
    Ended,
    Facts,
    Line,
    Over,
    Started,
    StepCourse,
    fold,
    read_lines,
    write_lines,
)
from epochal.domain.step_changes import compare_courses, why

BEGAN = Began("r", "p", "m:p", "", 1, 2, "h", "local", "p", "r", "uid")
COURSE: list[Line] = [
    BEGAN,
    Added("a", "m:a", 2),
    Added("b", "m:b", 3, ["a"]),
    Started("a", 4, 1, "r-a", "key", Facts("code")),
    Ended("a", "failed", 5, attempt=1, again=True, error="no"),
    Started("a", 6, 2, "r-a-try2"),
]


def no_table(_: str) -> list[Dependency]:
    return []


def test_lines_are_read_as_they_were_written_and_what_is_torn_or_new_is_left_out() -> None:
    data = write_lines(COURSE)
    assert read_lines(data) == COURSE
    odd = b'{"type":"later","x":1}\n\xff\n' + data + b'{"type":"ended","st'
    assert read_lines(odd) == COURSE
    assert read_lines(data[:-3]) == COURSE[:-1]


def test_a_running_step_has_its_last_attempt_and_what_its_key_was_made_of() -> None:
    a, b = fold(COURSE, "running").values()
    assert (a.state, a.attempts, a.run_id, a.error) == ("running", 2, "r-a-try2", "no")
    assert (a.key, a.facts) == ("key", Facts("code"))
    assert (b.state, b.needs, b.project) == ("waiting", ["a"], "p")


def test_steps_of_a_run_that_crashed_crashed_or_were_skipped() -> None:
    assert [each.state for each in fold(COURSE, "crashed").values()] == ["crashed", "skipped"]
    over: list[Line] = [*COURSE, Ended("a", "finished", 7), Over("finished", 8)]
    assert [each.state for each in fold(over, "finished").values()] == ["finished", "skipped"]


def test_lines_about_steps_that_were_never_called_are_left_out() -> None:
    assert fold([BEGAN, Started("x", 1, 1, "r-x"), Ended("x", "finished", 2)], "running") == {}


def course(state: str, key: str = "", facts: Facts | None = None) -> StepCourse:
    return StepCourse("s", "m:s", 0, [], state, key=key, facts=facts)


def test_two_runs_are_compared_whatever_became_of_their_steps() -> None:
    """Each reason is one sentence; equal keys are equal work."""
    one, other = Facts("c", more={"python": "3.11"}), Facts("c", more={"python": "3.12"})
    pairs = {
        "nothing": (course("finished", "k", one), course("cached", "k", one), True, []),
        "state": (
            course("failed", "k", one), course("finished", "k", one), False,
            ["the same key, but failed -> finished"],
        ),
        "python": (
            course("finished", "k", one), course("finished", "l", other), False,
            ["python: 3.11 -> 3.12"],
        ),
        "early": (
            course("skipped"), course("finished", "k", one), False,
            ["the first run did not get to this step"],
        ),
        "new": (None, course("finished", "k", one), False, ["only the second run has this step"]),
    }  # fmt: skip
    before = {name: pair[0] for name, pair in pairs.items() if pair[0] is not None}
    after = {name: pair[1] for name, pair in pairs.items()}
    found = compare_courses(before, after, no_table)
    assert {each.name: (each.same, each.reasons) for each in found} == {
        name: (pair[2], pair[3]) for name, pair in pairs.items()
    }
    (gone,) = compare_courses({"gone": course("finished")}, {}, no_table)
    assert gone.reasons == ["only the first run has this step"]


def test_why_a_step_ran_is_told_from_the_time_before() -> None:
    facts = Facts("c")
    step = course("finished", "k", facts)
    assert why(step, None, no_table).endswith("it is the first time in this home")
    assert "nothing changed, but the last time it failed" in why(
        step, course("failed", "k", facts), no_table
    )
    changed = why(step, course("finished", "l", Facts("d")), no_table)
    assert "code changed (its earlier state was not kept)" in changed
