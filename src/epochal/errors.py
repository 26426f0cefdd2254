"""Every error that Epochal raises on purpose, as one tree.

A message says what happened (with the value), what was expected, and what to do. The server maps
each class
to one HTTP status (``status``), the command line to one exit code (``exit_code``); nothing else
decides these.
"""

from __future__ import annotations

from collections.abc import Iterator


class EpochalError(Exception):
    """Root of the tree.

    Args:
        message: what happened, what was expected and what to do, in plain sentences.
    """

    status: int = 500
    exit_code: int = 1
    code: str = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(EpochalError):
    """A value that the caller gave cannot be used. Nothing was changed."""

    status = 400
    exit_code = 2
    code = "invalid_input"


class QuerySyntaxError(InvalidInput):
    """A ``where`` or ``order`` expression, or a formula, does not follow the grammar.

    Args:
        message: what is wrong.
        text: the expression as given.
        position: 0-based index in ``text`` at which reading stopped.
    """

    code = "query_syntax"

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message}\n  {text}\n  {' ' * position}^")
        self.text = text
        self.position = position
        self.reason = message


class Unauthenticated(EpochalError):
    """No valid credential came with the request."""

    status = 401
    exit_code = 3
    code = "unauthenticated"


class PermissionDenied(EpochalError):
    """The credential is valid but does not allow this."""

    status = 403
    exit_code = 3
    code = "permission_denied"


class NotFound(EpochalError):
    """The named thing does not exist, or the caller may not know that it does.

    Attributes:
        run: the uid that was given, at most 80 characters of it, where that of a run was.
    """

    status = 404
    exit_code = 4
    code = "not_found"
    run: str = ""


class Conflict(EpochalError):
    """The request contradicts the present state."""

    status = 409
    exit_code = 5
    code = "conflict"


class OffsetMismatch(Conflict):
    """Journal bytes were sent for an offset that the server does not expect.

    Args:
        expected: the offset, in bytes, from which the server wants to go on.
        given: the offset that the request named.
    """

    code = "offset_mismatch"

    def __init__(self, expected: int, given: int) -> None:
        super().__init__(
            f"journal bytes were sent from offset {given}, but the server holds {expected} bytes; "
            f"send from offset {expected}"
        )
        self.expected = expected
        self.given = given


class MethodNotAllowed(EpochalError):
    """The address exists, but not for this HTTP method."""

    status = 405
    exit_code = 2
    code = "method_not_allowed"


class RequestTimeout(EpochalError):
    """The request's body did not arrive in time."""

    status = 408
    exit_code = 6
    code = "request_timeout"


class TooLarge(EpochalError):
    """A request is larger than its limit."""

    status = 413
    exit_code = 2
    code = "too_large"


class UnsupportedMediaType(EpochalError):
    """The request's body is of a type or encoding that this address does not take."""

    status = 415
    exit_code = 2
    code = "unsupported_media_type"


class TooManyRequests(EpochalError):
    """The caller asked too often.

    Args:
        message: what was counted, and when to try again.
        retry_after: seconds to wait.
    """

    status = 429
    exit_code = 6
    code = "too_many_requests"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(EpochalError):
    """Something is temporarily out of reach; the same call may succeed later."""

    status = 503
    exit_code = 6
    code = "unavailable"


class StoreLocked(Unavailable):
    """Another process owns the home's database."""

    code = "store_locked"


class StorageFull(Unavailable):
    """The disk under the home has no room."""

    code = "storage_full"


class StorageError(EpochalError):
    """What lies on disk cannot be used."""

    code = "storage"


class CorruptFile(StorageError):
    """A journal, segment or database file fails its own checks.

    Args:
        path: the file.
        problem: which check failed and where.
    """

    code = "corrupt_file"

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(
            f"{path} is damaged: {problem}. Other runs are not affected; "
            f"run `epochal doctor` to see what can be saved"
        )
        self.path = path
        self.problem = problem


class NewerFormat(StorageError):
    """A file or database was written by a newer Epochal."""

    code = "newer_format"


class DamagedModel(StorageError):
    """A saved model is incomplete, was changed after it was saved, or is no model at all.

    Args:
        path: the model's directory, or a file in it.
        problem: which check failed.
    """

    code = "damaged_model"

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(
            f"{path} cannot be used as a model: {problem}. Nothing of it was run; "
            f"get the model again from where it was saved"
        )
        self.path = path
        self.problem = problem


class UntrustedModel(PermissionDenied):
    """Loading the model would run code that came with it, and nobody said that it may.

    Args:
        path: the model's directory.
        reason: what in the model can run code.
        digest: the model's digest, 64 hex digits.
    """

    code = "untrusted_model"

    def __init__(self, path: object, reason: str, digest: str) -> None:
        super().__init__(
            f"{path} was not loaded, because {reason}, which can run any code on this machine. "
            f"If you know who made exactly this model and trust them, "
            f"pass trust='sha256:{digest}' to load_model"
        )
        self.path = path
        self.reason = reason
        self.digest = digest


class MissingExtra(EpochalError):
    """An optional dependency is not installed.

    Args:
        feature: what the caller wanted to do.
        extra: the extra that brings it, as in ``pip install 'epochal[extra]'``.
    """

    status = 501
    exit_code = 2
    code = "missing_extra"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional part: pip install 'epochal[{extra}]'")
        self.extra = extra


class RunStateError(EpochalError):
    """A call does not fit the run's state: no run is active, or it is finished already."""

    status = 409
    exit_code = 2
    code = "run_state"


class StepFailed(EpochalError):
    """A step of a pipeline raised, took too long, or gave something that it may not give.

    Attributes:
        run: the report of the pipeline run, where there is one.
    """

    run: object = None
    status = 409
    exit_code = 1
    code = "step_failed"


class EpochalWarning(UserWarning):
    """Something that tracking could not do. Training goes on."""


def error_named(code: str, message: str) -> EpochalError:
    """The exception that a code and a message stand for, as they come from a server."""
    kind = next((kind for kind in _tree(EpochalError) if kind.code == code), EpochalError)
    error = kind.__new__(kind)
    EpochalError.__init__(error, message)
    return error


def _tree(root: type[EpochalError]) -> Iterator[type[EpochalError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)
