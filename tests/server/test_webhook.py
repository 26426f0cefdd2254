"""Where webhooks may lead."""

from __future__ import annotations

import ipaddress

import pytest

from epochal.errors import PermissionDenied
from epochal.server.webhook import judge


@pytest.mark.parametrize(
    ("address", "local", "team"),
    [
        ("93.184.216.34", True, True), ("10.0.0.5", True, True), ("fd00::1", True, True),
        ("127.0.0.1", True, False), ("::1", True, False), ("::ffff:127.0.0.1", True, False),
        ("169.254.169.254", False, False), ("fe80::1", False, False),
        ("::ffff:169.254.169.254", False, False), ("0.0.0.0", False, False),
        ("::", False, False), ("224.0.0.1", False, False),
    ],
)  # fmt: skip
def test_which_addresses_may_be_called(address, local, team):
    for is_team, allowed in ((False, local), (True, team)):
        if allowed:
            judge(ipaddress.ip_address(address), team=is_team)
        else:
            with pytest.raises(PermissionDenied, match="may not be called"):
                judge(ipaddress.ip_address(address), team=is_team)
