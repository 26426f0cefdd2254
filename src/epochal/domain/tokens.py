"""The words of a ``where`` expression.

Reading is one pass, without regular expressions that could run away.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from epochal.errors import QuerySyntaxError

TokenKind = Literal["name", "number", "text", "symbol", "end"]

_SYMBOLS = ("==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",")
_HINTS = {
    "=": "use == to compare",
    "&": "use the word and",
    "|": "use the word or",
    "!": "use the word not",
    "~": "use the word not",
    "$": 'quote unusual names: config["a$b"]',
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_WORD_MARKS = frozenset("_./-@:+")
_NUMBER_WORDS = {
    "nan": math.nan,
    "inf": math.inf,
    "infinity": math.inf,
}


class Token(msgspec.Struct, frozen=True):
    """One word.

    Attributes:
        kind: what it is; ``end`` stands behind the last one.
        text: the symbol, the name or the decoded text.
        number: the value of a number.
        start: index of its first character.
        end: index after its last character.
    """

    kind: TokenKind
    text: str
    start: int
    end: int
    number: int | float = 0


def tokenize(text: str) -> list[Token]:
    """Cut an expression into words; the last one has the kind ``end``.

    Raises:
        QuerySyntaxError: a character or an unfinished text that fits nothing.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character.isspace():
            position += 1
            continue
        token = _read_token(text, position, character)
        tokens.append(token)
        position = token.end
    tokens.append(Token(kind="end", text="", start=len(text), end=len(text)))
    return tokens


def _read_token(text: str, start: int, character: str) -> Token:
    for symbol in _SYMBOLS:
        if text.startswith(symbol, start):
            return Token(kind="symbol", text=symbol, start=start, end=start + len(symbol))
    if character in "\"'":
        return _read_text(text, start, character)
    if character in "0123456789.-+":
        return _read_number(text, start)
    if character.isalnum() or character == "_":
        return _read_word(text, start)
    hint = _HINTS.get(character)
    raise QuerySyntaxError(
        f"unexpected character {character!r}" + (f"; {hint}" if hint else ""), text, start
    )


def _word_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in _WORD_MARKS):
        end += 1
    return end


def _read_word(text: str, start: int) -> Token:
    end = _word_end(text, start)
    word = text[start:end]
    number = _NUMBER_WORDS.get(word.lower())
    if number is not None:
        return Token(kind="number", text=word, start=start, end=end, number=number)
    return Token(kind="name", text=word, start=start, end=end)


def _read_number(text: str, start: int) -> Token:
    end = _word_end(text, start)
    word = text[start:end]
    sign, body = (-1, word[1:]) if word[0] == "-" else (1, word.removeprefix("+"))
    number: int | float | None = _NUMBER_WORDS.get(body.lower())
    try:
        if number is None:
            number = _plain_number(body)
    except ValueError:
        if text[start] in "-+":
            raise QuerySyntaxError(f"expected a number, got {word!r}", text, start) from None
        return Token(kind="name", text=word, start=start, end=end)
    return Token(kind="number", text=word, start=start, end=end, number=sign * number)


def _plain_number(body: str) -> int | float:
    """An int when it is one and fits 64 bits, else a float."""
    if body[:1] not in set("0123456789."):
        raise ValueError(body)
    if body.isascii() and body.isdigit() and len(body) < 19:
        return int(body)
    return float(body)


def _read_text(text: str, start: int, quote: str) -> Token:
    pieces: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == quote:
            return Token(kind="text", text="".join(pieces), start=start, end=position + 1)
        if character != "\\":
            pieces.append(character)
            position += 1
            continue
        piece, position = _read_escape(text, position + 1)
        pieces.append(piece)
    raise QuerySyntaxError(f"this text is never closed; expected {quote}", text, start)


def _read_escape(text: str, position: int) -> tuple[str, int]:
    letter = text[position : position + 1]
    if letter == "u":
        digits = text[position + 1 : position + 5]
        try:
            character = chr(int(digits, 16)) if len(digits) == 4 else ""
        except ValueError:
            character = ""
        if character and not 0xD800 <= ord(character) <= 0xDFFF:
            return character, position + 5
    elif letter in _ESCAPES:
        return _ESCAPES[letter], position + 1
    raise QuerySyntaxError(
        f"unknown escape \\{letter}; expected one of \\n \\t \\r \\\\ \\\" \\' \\/ \\uXXXX",
        text,
        max(position - 1, 0),
    )
