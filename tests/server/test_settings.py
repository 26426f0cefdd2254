from __future__ import annotations

from pathlib import Path

import pytest

from epochal.errors import InvalidInput
from epochal.server.settings import Settings, is_loopback, split_public_url


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "gpu-box", "fd00::1", "localhost.x"]
)
def test_the_network_needs_auth(host: str) -> None:
    """WEB-25: the message says how to do it right."""
    with pytest.raises(InvalidInput, match="--auth"):
        Settings(home=Path(), host=host)
    assert Settings(home=Path(), host=host, auth=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    """Every form of this machine's own address."""
    assert is_loopback(host)
    assert Settings(home=Path(), host=host).auth is False


def test_a_public_address_is_scheme_and_host() -> None:
    """Paths, users and other schemes are refused."""
    assert split_public_url("https://Runs.Example.org/") == ("https", "runs.example.org")
    assert split_public_url("http://x:8080") == ("http", "x:8080")
    for bad in (
        "runs.example.org", "ftp://x", "https://", "https://x/y", "https://a@x",
        "https://x?y", "https://x#y", "https://x:99999", "https://[::1", "javascript:1",
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            split_public_url(bad)


def test_who_may_frame_embeds_is_named_by_origin() -> None:
    """Nothing that would name everybody, and nothing that would end the policy."""
    for good in (
        "https://hub.example.org",
        "http://h:8000",
        "https://*.example.org",
        "app-pages:",
    ):
        assert Settings(home=Path(), embed_origins=(good,)).embed_origins == (good,)
    for bad in (
        "*", "https:", "http://*", "data:", "hub.example.org", "https://h/x", "https://h; x",
        "https://h h", "'self'", "https://*", "HTTPS://H", "https://h\n", "",
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="--embed-origin"):
            Settings(home=Path(), embed_origins=(bad,))


@pytest.mark.parametrize("port", [-1, 65_536])
def test_ports_have_a_range(port: int) -> None:
    """Said before anything is opened."""
    with pytest.raises(InvalidInput):
        Settings(home=Path(), port=port)


def test_there_are_few_settings() -> None:
    """Delete before adding: twenty are the most, and each is explained."""
    names = Settings.__struct_fields__
    assert len(names) <= 20
    for name in names:
        assert f"        {name}: " in (Settings.__doc__ or ""), name
