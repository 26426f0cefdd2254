"""The suite of agents on clusters is no test file, yet its assertions tell what they compared."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.sweeps.fleets")
