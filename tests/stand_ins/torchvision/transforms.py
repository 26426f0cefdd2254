"""``ToTensor``."""

from __future__ import annotations

from typing import Any


class ToTensor:
    """Bytes from 0 to 255 to floats from 0 to 1, with an axis for the channel."""

    def __call__(self, image: Any) -> Any:
        return image.unsqueeze(0).float() / 255
