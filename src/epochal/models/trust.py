"""Asks, before code of a model runs, whether the caller trusts exactly this model."""

from __future__ import annotations

import re

from epochal.errors import InvalidInput, UntrustedModel
from epochal.models.folder import Files
from epochal.models.trusted import is_trusted

_TRUST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class Gate:
    """Trust in one model, given as ``True`` or by its digest, or by the user's list.

    Args:
        files: the model.
        trust: ``"sha256:<64 hex digits>"`` of the files, True, or None, which asks the list of
            `epochal.models.trusted`; False trusts nothing.

    Raises:
        InvalidInput: ``trust`` is something else.
        UntrustedModel: ``trust`` names another model.
    """

    def __init__(self, files: Files, trust: str | bool | None) -> None:
        self._files = files
        self.trusted = trust is True
        self._ask = trust is None
        if isinstance(trust, str):
            match = _TRUST.fullmatch(trust)
            if match is None:
                raise InvalidInput(
                    f"trust is 'sha256:' and 64 hex digits, or True, got {trust!r:.80}"
                )
            if match[1] != files.digest:
                raise UntrustedModel(
                    files.root,
                    f"it is not the model that was trusted (sha256:{match[1][:12]}...): "
                    f"it has other files, some of",
                    files.digest,
                )
            self.trusted = True
        elif trust not in {None, True, False}:
            raise InvalidInput(f"trust is 'sha256:...' or True, got {type(trust).__name__}")

    def demand(self, reason: str | None) -> None:
        """Go on only with trust.

        Args:
            reason: what in the model can run code; None when nothing can.

        Raises:
            UntrustedModel: there is a reason, and no trust.
        """
        if reason is None or self.trusted:
            return
        self.trusted = self._ask and is_trusted(self._files.digest)
        if not self.trusted:
            raise UntrustedModel(self._files.root, reason, self._files.digest)
