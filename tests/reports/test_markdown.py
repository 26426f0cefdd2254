"""Markdown reads as on the page, in linear time, and never becomes markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from epochal.reports.markdown import read_markdown

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("markdown.json").read_text())
"""The unit tests of the page read them as well."""


@pytest.mark.parametrize("at", range(len(VECTORS)))
def test_a_text_gives_the_blocks_that_the_page_reads(at):
    assert msgspec.to_builtins(read_markdown(VECTORS[at]["text"])) == VECTORS[at]["blocks"]


@pytest.mark.parametrize("piece", ["[", "[a](x ", "*a", "__a", '![]("', "- ", "|", "# ", "~~~\n"])
def test_nested_beginnings_are_read_to_their_end(piece):
    """A square of the length would take minutes here."""
    assert read_markdown(piece * 30_000)


@pytest.mark.parametrize(
    "line",
    [
        "~" * 200_000 + "`",
        "`" * 200_000 + "x`",
        " " * 200_000 + "x",
        "- " * 100_000 + "x",
        "---" + " " * 200_000 + "x",
        "|" + " |" * 100_000 + "x",
        "[a](x" + " " * 200_000 + "y",
        "1" * 200_000 + "x",
    ],
    ids=["tildes", "ticks", "spaces", "dashes", "rule", "row", "link", "digits"],
)
def test_a_long_line_that_is_nearly_something_is_read_to_its_end(line):
    """A square of the length would take minutes here."""
    assert read_markdown(f"a\n{line}\n|{line}|\n")


def test_a_block_that_never_ends_takes_the_rest():
    (block,) = read_markdown("```panel\npanel: lines:a\n# no heading")
    assert (block.info, block.text) == ("panel", "panel: lines:a\n# no heading")
