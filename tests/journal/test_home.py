"""A home is found in one order, and user strings never become path names."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import epochal
from epochal.errors import InvalidInput
from epochal.journal.home import ServerAddress, find_home, read_server_address, run_directory


def test_the_order_is_argument_variable_upward_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EPOCHAL_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    inner = tmp_path / "project" / "src" / "deep"
    inner.mkdir(parents=True)
    assert find_home(start=str(inner)) == tmp_path / "user" / ".epochal"
    (tmp_path / "project" / ".epochal").mkdir()
    assert find_home(start=str(inner)) == tmp_path / "project" / ".epochal"
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "named"))
    assert find_home(start=str(inner)) == tmp_path / "named"
    assert find_home(tmp_path / "argument", str(inner)) == tmp_path / "argument"


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8791", "https://runs.example.org", Path("http://127.0.0.1:8791"), "s3://b"],
)
def test_an_address_is_no_home(
    address: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made; the message names what takes an address."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"a home is a directory.*--url or EPOCHAL_URL"):
        find_home(address)
    monkeypatch.setenv("EPOCHAL_HOME", str(address))
    with pytest.raises(InvalidInput, match="a home is a directory"):
        find_home()
    with pytest.raises(InvalidInput, match="a home is a directory"):
        epochal.init(project="p", dir=address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a:b", "C:/data", "./http:/x", "/srv/http:/x", "~/a:b/c"])
def test_a_colon_alone_makes_no_address(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home(name).is_absolute()


@pytest.mark.parametrize("uid", ["../../etc", "AB" * 16, "", "a" * 31, "a" * 33, "a" * 31 + "/"])
def test_only_hex_digits_name_a_run_directory(uid: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        run_directory(tmp_path, uid)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"url": 5}', b"\xff"])
def test_an_unreadable_server_address_is_none(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "server.json").write_bytes(content)
    assert read_server_address(tmp_path) is None


def test_a_server_address_is_read(tmp_path: Path) -> None:
    address = ServerAddress("http://127.0.0.1:1", 5, "1.0", 7)
    (tmp_path / "server.json").write_bytes(msgspec.json.encode(address))
    assert read_server_address(tmp_path) == address
