"""``model.json``: what a saved model is, how it is built again, and what its files must be.

It is data only. Fields are added at the end with a default; a reader refuses a newer ``format``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from epochal.domain.artifact import Entry, check_paths
from epochal.errors import DamagedModel, InvalidInput, NewerFormat
from epochal.models.signature import Signature

FILE = "model.json"
WEIGHTS = "weights.safetensors"
PROGRAM = "program.pt2"
SCRIPT = "model.torchscript"
ONNX = "model.onnx"
ESTIMATOR = "model.skops"
CODE = "code"
SUMMARY = "summary.txt"
EXAMPLE_ARRAYS = "input_example.npz"
EXAMPLE_JSON = "input_example.json"
FORMATS = ("torch", "torchscript", "export", "onnx", "sklearn")


class Tensors(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the weights file cannot say.

    Attributes:
        same: keys whose tensor is another key's: shared weights.
        frozen: parameters that take no gradient.
        extra: state that is no tensor, by key; JSON.
    """

    same: dict[str, str] = {}
    frozen: list[str] = []
    extra: dict[str, Any] = {}


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which container the input example is, and which of its arrays were tensors.

    Attributes:
        kind: ``tensor``, ``array``, ``dict``, ``tuple``, ``list``, ``frame``.
        tensors: dtype of those that are tensors, by name.
    """

    kind: str
    tensors: dict[str, str] = {}


class Description(msgspec.Struct, frozen=True, omit_defaults=True):
    """One saved model.

    Attributes:
        kind: one of `FORMATS`.
        created_us: microseconds since 1970 UTC.
        files: digest and size of every other file.
        class_name: ``module:Class`` of what was saved, for people.
        architecture: how the module is built again, see `architecture`.
        problem: why it cannot be built from its class, when so.
        code: module names to files under ``code/``.
        forward: parameters that the model is called with, in order.
        versions: of Python and the packages.
    """

    kind: str
    created_us: int
    files: dict[str, Entry]
    signature: dict[str, str | None] | None = None
    class_name: str = ""
    architecture: dict[str, Any] | None = None
    problem: str = ""
    code: dict[str, str] = {}
    forward: list[str] = []
    tensors: Tensors = Tensors()
    example: Example | None = None
    metadata: dict[str, Any] = {}
    versions: dict[str, str] = {}
    parameters: int = 0
    format: int = 1

    @property
    def read_signature(self) -> Signature | None:
        """The signature, when there is one."""
        return None if self.signature is None else Signature.from_dict(self.signature)

    def encode(self) -> bytes:
        """The bytes of ``model.json``; the order of keys means something, as in a Sequential."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def read_description(data: bytes, root: object) -> Description:
    """Read ``model.json``.

    Raises:
        DamagedModel: it is none.
        NewerFormat: a newer Epochal wrote it.
    """
    try:
        form = msgspec.json.decode(data, type=dict[str, Any]).get("format", 1)
        if isinstance(form, int) and form > 1:
            raise NewerFormat(f"{root} was saved in format {form}, this Epochal reads 1; upgrade")
        found = msgspec.json.decode(data, type=Description)
        check_paths(found.files)
        if found.signature is not None:
            Signature.from_dict(found.signature)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedModel(root, f"{FILE} cannot be read ({error})") from None
    except InvalidInput as error:
        raise DamagedModel(root, f"{FILE} says: {error.message}") from None
    if found.kind not in FORMATS:
        raise DamagedModel(root, f"{FILE} names the format {found.kind!r:.40}")
    return found
