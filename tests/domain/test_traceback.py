"""The exception that ended a program, in what it printed."""

from __future__ import annotations

import pytest

from epochal.domain.traceback import LONGEST, exception_line

PLAIN = """\
epoch 3
Traceback (most recent call last):
  File "train.py", line 12, in <module>
    main()
  File "train.py", line 9, in main
    raise ValueError("lr must be positive")
ValueError: lr must be positive
"""
CHAINED = f"""{PLAIN}
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "train.py", line 20, in <module>
    raise RuntimeError("no batch") from None
torch.cuda.OutOfMemoryError: CUDA out of memory.
Tried to allocate 2.00 GiB
closing loggers
"""
RICH = """\
╭───────────── Traceback (most recent call last) ─────────────╮
│ train.py:3 in <module>                                      │
│ ❱ 3 raise KeyError("a")                                     │
╰─────────────────────────────────────────────────────────────╯
KeyError: 'a'
"""
BARE = "Traceback (most recent call last):\n  File 'x', line 1\nKeyboardInterrupt\n"


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (PLAIN, "ValueError: lr must be positive"),
        (CHAINED, "torch.cuda.OutOfMemoryError: CUDA out of memory."),
        (RICH, "KeyError: 'a'"),
        (BARE, "KeyboardInterrupt"),
        ("loss: 3\nValueError: in a message of the program\n", None),
        ("Traceback (most recent call last):\n  File 'x', line 1\n", None),
        ("", None),
    ],
    ids=["plain", "chained", "rich", "bare", "none", "cut", "nothing"],
)
def test_the_exception_is_the_first_line_after_the_last_traceback(printed, expected):
    assert exception_line(printed.splitlines()) == expected


def test_a_long_message_is_cut():
    line = exception_line([*PLAIN.splitlines()[:-1], "ValueError: " + "x" * 1000])
    assert line is not None
    assert len(line) == LONGEST
    assert line.endswith("…")
