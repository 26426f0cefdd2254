"""The Markdown of notes and reports as blocks, word for word what the page reads.

`web/src/core/objects/markdown.ts` is the same in TypeScript; ``tests/reports/markdown.json`` holds
both to the same answers. HTML stays text, images become their captions, links lead outside only by
http(s). The time is linear in the text. Pure.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

_ITEM: Final = re.compile(r"(\s*)(?:[-*+]|([0-9]+)[.)])\s+(.*)")
_FENCE: Final = re.compile(r"\s*(```+(?!`)|~~~+(?!~))([^`]*)")
_RULE: Final = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*")
_HEADING: Final = re.compile(r"(#{1,6})\s+(.*)")
_ROW: Final = re.compile(r"\s*\|.*\|\s*")
_INDENTED: Final = re.compile(r"\s{2,}\S")
_DASHES: Final = re.compile(r"\s*:?-+:?\s*")
_NEW_LINE: Final = re.compile(r"\r\n|\n|\r")
_SPAN: Final = re.compile(
    r"`([^`]+)`|\*\*([^*]+)\*\*|(?<!\w)__([^_]+)__(?!\w)|\*([^*\s][^*]*)\*"
    r'|!?\[([^\[\]]*)\]\(([^)\s\[]*)(?:\s+"[^"]*")?\)',
    re.ASCII,
)
_DEEPEST: Final = 6


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a line; ``kind`` is text, code, strong, em or link."""

    kind: str
    text: str
    href: str = ""


class Item(msgspec.Struct, frozen=True):
    """A line of a list."""

    depth: int
    spans: list[Span]


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a text; ``kind`` says which of the fields it has.

    ``align`` is left, center, right or nothing for each column of a table, and empty where the
    line below its head says nothing of any.
    """

    kind: str
    level: int = 0
    spans: list[Span] = []
    text: str = ""
    info: str = ""
    ordered: bool = False
    items: list[Item] = []
    rows: list[list[list[Span]]] = []
    align: list[str] = []


def read_markdown(text: str) -> list[Block]:
    """The blocks of a text, in their order."""
    return _Reader(_NEW_LINE.split(text.removeprefix("\ufeff"))).blocks()


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0

    def blocks(self) -> list[Block]:
        found = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip():
                self.at += 1
            elif fence := _FENCE.fullmatch(line):
                found.append(self._code(fence[1], fence[2].strip()))
            elif heading := _HEADING.fullmatch(line):
                spans = read_spans(heading[2].rstrip().rstrip("#").rstrip())
                found.append(Block("heading", level=len(heading[1]), spans=spans))
                self.at += 1
            elif _RULE.fullmatch(line):
                found.append(Block("rule"))
                self.at += 1
            elif item := _ITEM.fullmatch(line):
                found.append(self._list(ordered=item[2] is not None))
            elif _ROW.fullmatch(line):
                found.append(self._table())
            else:
                found.append(self._paragraph())
        return found

    def _code(self, fence: str, info: str) -> Block:
        first = self.at + 1
        ends = (k for k in range(first, len(self.lines)) if _closes(self.lines[k], fence))
        stop = next(ends, len(self.lines))
        self.at = stop + 1
        return Block("code", text="\n".join(self.lines[first:stop]), info=info)

    def _list(self, *, ordered: bool) -> Block:
        items = []
        while self.at < len(self.lines):
            item = _ITEM.fullmatch(self.lines[self.at])
            if item is None:
                break
            words = [item[3]]
            self.at += 1
            while self.at < len(self.lines) and _goes_on(self.lines[self.at]):
                words.append(self.lines[self.at].strip())
                self.at += 1
            depth = min(_DEEPEST, len(item[1]) // 2)
            items.append(Item(depth, read_spans(" ".join(words))))
        return Block("list", ordered=ordered, items=items)

    def _table(self) -> Block:
        rows: list[list[list[Span]]] = []
        align: list[str] = []
        while self.at < len(self.lines) and _ROW.fullmatch(self.lines[self.at]):
            cells = self.lines[self.at].strip()[1:-1].split("|")
            if not all(_DASHES.fullmatch(cell) for cell in cells):
                rows.append([read_spans(cell.strip()) for cell in cells])
            elif len(rows) == 1:
                align = [_align(cell.strip()) for cell in cells]
            self.at += 1
        return Block("table", rows=rows, align=align if any(align) else [])

    def _paragraph(self) -> Block:
        is_quote = self.lines[self.at].startswith(">")
        words: list[str] = []
        while self.at < len(self.lines) and self.lines[self.at].strip():
            line = self.lines[self.at]
            if words and (_begins_another(line) or line.startswith(">") != is_quote):
                break
            words.append(re.sub(r"\A>\s?", "", line) if is_quote else line.strip())
            self.at += 1
        kind = "quote" if is_quote else "paragraph"
        return Block(kind, spans=read_spans(" ".join(words)))


def read_spans(text: str) -> list[Span]:
    """The pieces of a line."""
    spans: list[Span] = []
    end = 0
    for match in _SPAN.finditer(text):
        if match.start() > end:
            spans.append(Span("text", text[end : match.start()]))
        spans.append(_span(match))
        end = match.end()
    if end < len(text):
        spans.append(Span("text", text[end:]))
    return spans


def _span(match: re.Match[str]) -> Span:
    code, strong, strong2, em, caption, href = match.groups()
    if code is not None:
        return Span("code", code)
    if strong is not None or strong2 is not None:
        return Span("strong", strong if strong is not None else strong2)
    if em is not None:
        return Span("em", em)
    if match[0].startswith("!") or not _is_outside(href):
        return Span("text", caption or href)
    return Span("link", caption or href, href)


def _is_outside(href: str) -> bool:
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _align(dashes: str) -> str:
    """What ``:--``, ``:-:`` and ``--:`` say."""
    if dashes.endswith(":"):
        return "center" if dashes.startswith(":") else "right"
    return "left" if dashes.startswith(":") else ""


def _closes(line: str, fence: str) -> bool:
    return line.strip().startswith(fence)


def _goes_on(line: str) -> bool:
    return bool(_INDENTED.match(line)) and not _ITEM.fullmatch(line)


def _begins_another(line: str) -> bool:
    return any((_FENCE.fullmatch(line), _HEADING.match(line), _ITEM.fullmatch(line)))
