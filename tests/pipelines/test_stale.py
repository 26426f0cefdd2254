"""A cached step is never stale, and is not run again for what does not matter.

The table is that of the peers' known faults: each row is an edit of a program, and what has to
happen to a step whose result it changes or does not change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.written import FLOW, STEP, modules, run

RUNS = [
    ("the step itself", {"main": STEP.format("1")}, {"main": STEP.format("2")}, 2),
    (
        "a helper",
        {"main": "def helper(x): return x * 2\n" + STEP.format("helper(3)")},
        {"main": "def helper(x): return x * 100\n" + STEP.format("helper(3)")},
        300,
    ),
    (
        "a helper of a helper in another module",
        {
            "deep": "def inner(x): return x + 1\n",
            "near": "import deep\ndef outer(x): return deep.inner(x)\n",
            "main": "from near import outer\n" + STEP.format("outer(1)"),
        },
        {
            "deep": "def inner(x): return x + 10\n",
            "near": "import deep\ndef outer(x): return deep.inner(x)\n",
            "main": "from near import outer\n" + STEP.format("outer(1)"),
        },
        11,
    ),
    (
        "a global",
        {"main": "N = 1\n" + STEP.format("N")},
        {"main": "N = 2\n" + STEP.format("N")},
        2,
    ),
    (
        "a global of another module",
        {"near": "N = [1]\n", "main": "import near\n" + STEP.format("near.N[0]")},
        {"near": "N = [5]\n", "main": "import near\n" + STEP.format("near.N[0]")},
        5,
    ),
    (
        "the type of a global",
        {"main": "N = 1\n" + STEP.format("type(N).__name__")},
        {"main": "N = 1.0\n" + STEP.format("type(N).__name__")},
        "float",
    ),
    (
        "a method of a class",
        {"main": "class A:\n    def f(self): return 1\n" + STEP.format("A().f()")},
        {"main": "class A:\n    def f(self): return 7\n" + STEP.format("A().f()")},
        7,
    ),
    (
        "a method of a base class",
        {
            "main": "class A:\n    def f(self): return 1\nclass B(A): pass\n"
            + STEP.format("B().f()")
        },
        {
            "main": "class A:\n    def f(self): return 8\nclass B(A): pass\n"
            + STEP.format("B().f()")
        },
        8,
    ),
    (
        "a property of a class",
        {"main": "class A:\n    p = property(lambda self: 1)\n" + STEP.format("A().p")},
        {"main": "class A:\n    p = property(lambda self: 9)\n" + STEP.format("A().p")},
        9,
    ),
    (
        "an attribute of a class",
        {"main": "class A:\n    n = 1\n" + STEP.format("A.n")},
        {"main": "class A:\n    n = 2\n" + STEP.format("A.n")},
        2,
    ),
    (
        "a default of a helper",
        {"main": "def helper(x=1): return x\n" + STEP.format("helper()")},
        {"main": "def helper(x=2): return x\n" + STEP.format("helper()")},
        2,
    ),
    (
        "what a closure holds",
        {
            "main": "def make(n):\n    def inner(): return n\n    return inner\nf = make(1)\n"
            + STEP.format("f()")
        },
        {
            "main": "def make(n):\n    def inner(): return n\n    return inner\nf = make(2)\n"
            + STEP.format("f()")
        },
        2,
    ),
    (
        "a decorator of a helper",
        {
            "main": "def twice(f): return lambda: f() * 2\n@twice\ndef helper(): return 1\n"
            + STEP.format("helper()")
        },
        {
            "main": "def twice(f): return lambda: f() * 3\n@twice\ndef helper(): return 1\n"
            + STEP.format("helper()")
        },
        3,
    ),
    (
        "a function behind functools.partial",
        {
            "main": "import functools\ndef g(a, b): return a + b\nf = functools.partial(g, 1)\n"
            + STEP.format("f(1)")
        },
        {
            "main": "import functools\ndef g(a, b): return a + b\nf = functools.partial(g, 5)\n"
            + STEP.format("f(1)")
        },
        6,
    ),
    (
        "a function in a table",
        {"main": "def g(): return 1\nTABLE = {'g': g}\n" + STEP.format("TABLE['g']()")},
        {"main": "def g(): return 4\nTABLE = {'g': g}\n" + STEP.format("TABLE['g']()")},
        4,
    ),
    (
        "a helper that is imported inside of the step",
        {
            "near": "def g(): return 1\n",
            "main": "@step\ndef work() -> Any:\n    from near import g\n    return g()\n" + FLOW,
        },
        {
            "near": "def g(): return 2\n",
            "main": "@step\ndef work() -> Any:\n    from near import g\n    return g()\n" + FLOW,
        },
        2,
    ),
    (
        "a cached helper",
        {
            "main": "import functools\n@functools.lru_cache\ndef g(): return 1\n"
            + STEP.format("g()")
        },
        {
            "main": "import functools\n@functools.lru_cache\ndef g(): return 2\n"
            + STEP.format("g()")
        },
        2,
    ),
    (
        "an array that is a global",
        {"main": "import numpy\nA = numpy.arange(3)\n" + STEP.format("int(A.sum())")},
        {"main": "import numpy\nA = numpy.arange(4)\n" + STEP.format("int(A.sum())")},
        6,
    ),
    (
        "an object that is a global",
        {
            "main": "class C:\n    def __init__(self, n): self.n = n\nc = C(1)\n"
            + STEP.format("c.n")
        },
        {
            "main": "class C:\n    def __init__(self, n): self.n = n\nc = C(3)\n"
            + STEP.format("c.n")
        },
        3,
    ),
    (
        "a lambda",
        {"main": "f = lambda: 1\n" + STEP.format("f()")},
        {"main": "f = lambda: 2\n" + STEP.format("f()")},
        2,
    ),
]

HITS = [
    (
        "a comment, a docstring and white space",
        {"main": "def helper(x): return x * 2\n" + STEP.format("helper(3)")},
        {
            "main": "# a comment\n\ndef helper(x):\n    '''Twice.'''\n\n    return  x * 2  # so\n"
            "@step\ndef work() -> Any:\n    '''Work.'''\n    # more\n    return helper( 3 )\n"
            + FLOW
        },
    ),
    (
        "a global that is not read",
        {"main": "N = 1\n" + STEP.format("5")},
        {"main": "N = 2\nM = 3\n" + STEP.format("5")},
    ),
    (
        "a helper that is not called",
        {"main": "def helper(): return 1\n" + STEP.format("5")},
        {"main": "def helper(): return 2\n" + STEP.format("5")},
    ),
    (
        "the options of the decorator",
        {"main": STEP.format("5")},
        {"main": STEP.format("5").replace("@step", "@step(retries=3, resources={'cpu': 1})")},
    ),
    (
        "the order of definitions",
        {"main": "def f(): return 1\ndef g(): return 2\n" + STEP.format("f() + g()")},
        {"main": "def g(): return 2\ndef f(): return 1\n" + STEP.format("f() + g()")},
    ),
]


@pytest.mark.parametrize(
    ("edit", "before", "after", "expected"), RUNS, ids=[row[0] for row in RUNS]
)
def test_an_edit_that_matters_runs_the_step_again(
    edit: str, before: dict[str, str], after: dict[str, str], expected: Any, tmp_path: Path
) -> None:
    """The edited program's result is what it would be without a cache; undoing the edit hits."""
    state, first = run(tmp_path, before)
    assert state == "finished", edit
    assert run(tmp_path, before) == ("cached", first)
    assert run(tmp_path, after) == ("finished", expected)
    assert run(tmp_path, before) == ("cached", first)


@pytest.mark.parametrize(("edit", "before", "after"), HITS, ids=[row[0] for row in HITS])
def test_an_edit_that_does_not_matter_hits(
    edit: str, before: dict[str, str], after: dict[str, str], tmp_path: Path
) -> None:
    """Nothing runs again for it."""
    state, first = run(tmp_path, before)
    assert state == "finished", edit
    assert run(tmp_path, after) == ("cached", first)


def test_a_global_that_changes_in_a_running_program_is_seen(tmp_path: Path) -> None:
    """Neither a new object nor a change inside of the old one is missed."""
    source = "N = 1\nL = [1]\n" + STEP.format("(N, L[0])")
    with modules(tmp_path, {"main": source}) as made:
        main: Any = made["main"]
        assert main.flow().step("work").output.load() == (1, 1)
        main.N = 2
        assert main.flow().step("work").output.load() == (2, 1)
        main.L[0] = 3
        assert main.flow().step("work").output.load() == (2, 3)
        assert main.flow().step("work").state == "cached"


def test_a_patched_helper_and_a_patched_method_are_seen(tmp_path: Path) -> None:
    """What was put in the place of a function counts, whatever the file says."""
    source = "def g(): return 1\nclass A:\n    def f(self): return 1\n" + STEP.format(
        "g() + A().f()"
    )
    with modules(tmp_path, {"main": source}) as made:
        main: Any = made["main"]
        assert main.flow().step("work").output.load() == 2
        main.g = lambda: 10
        assert main.flow().step("work").output.load() == 11
        main.A.f = lambda self: 20
        assert main.flow().step("work").output.load() == 30


def test_the_class_of_an_input_counts_where_it_is_used(tmp_path: Path) -> None:
    """Same state, other method: the step that calls the method runs again."""
    source = """
    import dataclasses
    @dataclasses.dataclass
    class Box:
        n: int
        def value(self): return self.n * {}
    @step(version="same")
    def fill() -> Any: return Box(3)
    @step
    def work(box: Any) -> Any: return box.value()
    @pipeline
    def flow(): work(fill())
    """
    assert run(tmp_path, {"main": source.format(1)}) == ("finished", 3)
    assert run(tmp_path, {"main": source.format(100)}) == ("finished", 300)


def test_a_step_with_equal_output_stops_what_comes_after_it(tmp_path: Path) -> None:
    """Early cut-off: the first step ran again, the second did not have to."""
    source = """
    @step
    def first() -> Any: return {}
    @step
    def work(x: Any) -> Any: return x
    @pipeline
    def flow(): work(first())
    """
    assert run(tmp_path, {"main": source.format("[1 + 1, 'a']")}) == ("finished", [2, "a"])
    assert run(tmp_path, {"main": source.format("list((2, chr(97)))")}) == ("cached", [2, "a"])


def test_a_declared_file_directory_and_variable_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``deps=`` and ``env=`` bring in what no one can read off the code."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("1")
    source = f"""
    import os
    @step(deps=[{str(tmp_path / "data")!r}], env=["COLOR"])
    def work() -> Any:
        with open({str(tmp_path / "data" / "a.txt")!r}) as file:
            return file.read() + os.environ.get("COLOR", "")
    @pipeline
    def flow(): work()
    """
    assert run(tmp_path, {"main": source}) == ("finished", "1")
    assert run(tmp_path, {"main": source}) == ("cached", "1")
    (tmp_path / "data" / "a.txt").write_text("2")
    assert run(tmp_path, {"main": source}) == ("finished", "2")
    monkeypatch.setenv("COLOR", "red")
    assert run(tmp_path, {"main": source}) == ("finished", "2red")


def test_the_version_of_a_used_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is read is a dependency by its version, exact unless told otherwise."""
    source = "import numpy\n" + STEP.format("int(numpy.ones(3).sum())")
    loose = source.replace("@step", "@step(pin='off')")
    assert run(tmp_path, {"main": source})[0] == "finished"
    assert run(tmp_path, {"main": loose})[0] == "finished"
    monkeypatch.setitem(_versions(), "numpy", "99.0")
    assert run(tmp_path, {"main": source})[0] == "finished"
    assert run(tmp_path, {"main": loose})[0] == "cached"


def _versions() -> dict[str, str]:
    from epochal.pipelines import fingerprint

    return fingerprint._versions


COLLISIONS = [
    ("where one text ends", {"a": "1b2", "b": "3"}, {"a": "1", "b": "2b3"}),
    ("number and text", {"a": 1, "b": ""}, {"a": "1", "b": ""}),
    ("integer and float", {"a": 1, "b": ""}, {"a": 1.0, "b": ""}),
    ("integer and truth", {"a": 1, "b": ""}, {"a": True, "b": ""}),
    ("list and tuple", {"a": [1], "b": ""}, {"a": (1,), "b": ""}),
    ("None and its name", {"a": None, "b": ""}, {"a": "None", "b": ""}),
    ("signs of zero", {"a": 0.0, "b": ""}, {"a": -0.0, "b": ""}),
    ("keys of a dict", {"a": {1: 2}, "b": ""}, {"a": {"1": 2}, "b": ""}),
    ("order of a dict", {"a": {"x": 1, "y": 2}, "b": ""}, {"a": {"y": 2, "x": 1}, "b": ""}),
    ("text and bytes", {"a": "x", "b": ""}, {"a": b"x", "b": ""}),
    ("a dict that looks like a tag", {"a": {"$tuple": [1]}, "b": ""}, {"a": (1,), "b": ""}),
    ("argument and argument", {"a": "", "b": 1}, {"a": 1, "b": ""}),
    ("nested lists", {"a": [[1], 2], "b": ""}, {"a": [[1, 2]], "b": ""}),
]


@pytest.mark.parametrize(("what", "one", "other"), COLLISIONS, ids=[row[0] for row in COLLISIONS])
def test_two_calls_are_never_confused(
    what: str, one: dict[str, Any], other: dict[str, Any], tmp_path: Path
) -> None:
    """Names and values go into the key with their types and lengths."""
    source = """
    @step
    def work(a: Any, b: Any) -> Any: return repr((a, b))
    @pipeline
    def flow(a, b): work(a, b)
    """
    expected = [repr((each["a"], each["b"])) for each in (one, other)]
    assert run(tmp_path, {"main": source}, **one) == ("finished", expected[0]), what
    assert run(tmp_path, {"main": source}, **other) == ("finished", expected[1])
    assert run(tmp_path, {"main": source}, **one) == ("cached", expected[0])
