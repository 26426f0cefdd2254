"""What a request says, read as leniently as MLflow's own server reads it.

GET has its arguments in the address (a repeated key is a list), all others in a JSON body, which
old clients encode twice. Numbers may be texts, numbers that are not finite always are. Fields that
are not known are passed over.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from epochal.errors import InvalidInput, NotFound, TooLarge
from epochal.protocols import Caller
from epochal.protocols.mlflow.errors import invalid

_decode = msgspec.json.Decoder().decode
_INT64: Final = 2**63
_TRUTHS: Final = {"none": False, "false": False, "true": True}
_DIGITS: Final = 18
"""The most that the id of an experiment has."""


class Arguments:
    """The fields of one request; one that is null is none.

    Attributes:
        fields: by name.
        digest: of the body, to know a request that is sent again.
        is_query: whether they stood in the address, where a list of one looks like its entry.
    """

    def __init__(
        self, fields: dict[str, Any], digest: bytes = b"", *, is_query: bool = False
    ) -> None:
        self.fields = fields
        self.digest = digest
        self.is_query = is_query

    def text(self, name: str, default: str | None = None) -> str:
        """A text.

        Raises:
            InvalidInput: it is missing and has no default, or is no text.
        """
        return as_text(self._given(name, default), name)

    def number(self, name: str, default: int | None = None) -> int:
        """An integer of 64 bits.

        Raises:
            InvalidInput: it is missing and has no default, or is no integer.
        """
        return as_integer(self._given(name, default), name)

    def _given(self, name: str, default: object) -> object:
        value = self.fields.get(name)
        if value is None:
            value = default
        if value is None:
            raise missing(name)
        return value

    def optional(self, name: str) -> int | None:
        """An integer, or None when it is absent."""
        return None if self.fields.get(name) is None else self.number(name)

    def flag(self, name: str) -> bool:
        """A truth; a missing one is false.

        Raises:
            InvalidInput: it is none.
        """
        value = self.fields.get(name)
        found = _TRUTHS.get(str(value).lower())
        if found is None:
            raise bad(name, value)
        return found

    def items(self, name: str) -> list[Any]:
        """A list; a single value of an address is a list of one.

        Raises:
            InvalidInput: it is none.
        """
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) and not self.is_query:
            raise bad(name, value)
        return value if isinstance(value, list) else [value]

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        return [as_text(value, f"{name}[{i}]") for i, value in enumerate(self.items(name))]

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A list of objects.

        Raises:
            InvalidInput: an entry is none.
        """
        found = self.items(name)
        for index, value in enumerate(found):
            if not isinstance(value, dict):
                raise bad(f"{name}[{index}]", value)
        return found

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """A list of ``{"key", "value"}``; a missing value is an empty text."""
        pairs: list[tuple[str, str]] = []
        for index, entry in enumerate(self.objects(name)):
            key, value = entry.get("key"), entry.get("value")
            if key is None:
                raise missing(f"{name}[{index}].key")
            where = f"{name}[{index}]"
            text = "" if value is None else as_text(value, f"{where}.value")
            pairs.append((as_text(key, f"{where}.key"), text))
        return pairs

    @property
    def run_id(self) -> str:
        """The run; old clients call it ``run_uuid``.

        Raises:
            InvalidInput: it is missing.
        """
        value = self.fields.get("run_id") or self.fields.get("run_uuid")
        if not value:
            raise missing("run_id")
        return as_text(value, "run_id")

    @property
    def experiment_id(self) -> int:
        """The experiment.

        Raises:
            InvalidInput: it is missing.
        """
        return as_experiment(self.fields.get("experiment_id"))


async def read_arguments(call: Caller) -> Arguments:
    """The arguments of a request.

    Raises:
        InvalidInput: the body is no JSON object.
    """
    if call.method == "GET":
        return Arguments(_of_query(call.query), is_query=True)
    body = await _read_body(call)
    if not body:
        return Arguments({})
    try:
        found = _decode(body)
        if isinstance(found, str):
            found = _decode(found)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(f"The request body is no valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise invalid("The request body must be a JSON object")
    return Arguments(found, hashlib.blake2b(body, digest_size=16).digest())


async def _read_body(call: Caller) -> bytes:
    """The body of a request; the web library's own way costs more than all the rest of reading.

    Raises:
        TooLarge: it has more bytes than the server takes.
        InvalidInput: the client went away.
    """
    most = call.most_bytes
    pieces: list[bytes] = []
    size = 0
    while True:
        event = await call.receive()
        if event["type"] != "http.request":
            raise invalid("The client went away before its request was whole")
        pieces.append(event["body"])
        size += len(pieces[-1])
        if size > most:
            raise TooLarge(f"The request body has more than {most:,} bytes")
        if not event.get("more_body"):
            return b"".join(pieces)


def _of_query(query: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=10_000)
    except ValueError:
        raise invalid("The address cannot be read") from None
    for name, value in pairs:
        known = fields.get(name)
        if known is None:
            fields[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            fields[name] = [known, value]
    return fields


def needed(given: Arguments, name: str) -> str:
    """A text that must be there and not be empty.

    Raises:
        InvalidInput: it is missing, or no text.
    """
    text = given.text(name)
    if not text:
        raise missing(name)
    return text


def missing(name: str) -> InvalidInput:
    """The error for a field that must be there."""
    return invalid(
        f"Missing value for required parameter '{name}'. "
        f"See the API docs for more information about request parameters."
    )


def bad(name: str, value: object, why: str = "") -> InvalidInput:
    """The error for a value that cannot be used."""
    try:
        shown = msgspec.json.encode(value).decode()[:200]
    except (TypeError, msgspec.MsgspecError, UnicodeEncodeError):
        shown = repr(value)[:200]
    why = why or (
        f" Hint: Value was of type '{type(value).__name__}'. "
        f"See the API docs for more information about request parameters."
    )
    return invalid(f"Invalid value {shown} for parameter '{name}' supplied: {why}")


def as_text(value: object, name: str) -> str:
    """A text that a database can hold.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(value, str) or "\0" in value:
        raise bad(name, value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"The value of '{name}' holds half a surrogate pair") from None
    return value


def as_integer(value: object, name: str) -> int:
    """An integer of 64 bits, given as a number or a text.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, str):
        try:
            value = int(value[:32])
        except ValueError:
            raise bad(name, value) from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise bad(name, value)
    return value


def as_float(value: object, name: str) -> float:
    """A number, given as one or as a text such as ``"NaN"``.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise bad(name, value)
    try:
        return float(value)
    except ValueError:
        raise bad(name, value) from None
    except OverflowError:
        return math.inf if isinstance(value, int) and value > 0 else -math.inf


def as_experiment(value: object) -> int:
    """The number of an experiment.

    Raises:
        InvalidInput: it is missing, or no number.
        NotFound: no experiment can have it.
    """
    if value is None or value == "":
        raise missing("experiment_id")
    text = str(value)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise invalid(
            f"Invalid experiment ID '{text[:80]}'. Experiment ID must be a valid integer."
        )
    if digits != text or len(text) > _DIGITS:
        raise NotFound(f"No Experiment with id={text[:80]} exists")
    return int(text)
