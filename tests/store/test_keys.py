"""API keys: shown once, stored as a digest, dead as soon as they are revoked."""

from __future__ import annotations

import re
import sqlite3

import pytest

from epochal.domain.access import Role
from epochal.errors import InvalidInput, NotFound, StorageFull
from epochal.store.keys import create_key, find_key, list_keys, revoke_key


def test_a_key_finds_its_principal_and_nothing_like_it_does(store):
    text = create_key(store, "ci", Role.WRITER)
    assert re.fullmatch(r"ep_[0-9A-Za-z]{8}-[0-9A-Za-z]{43}", text)
    principal = find_key(store, text)
    assert principal is not None
    assert (principal.name, principal.role) == ("ci", Role.WRITER)
    wrong_end = text[:-1] + ("a" if text[-1] != "a" else "b")
    wrong_start = "ep_" + ("a" if text[3] != "a" else "b") + text[4:]
    for wrong in (
        wrong_end,
        wrong_start,
        text[:-1],
        text + "a",
        "",
        "ep_",
        text.upper(),
        "é" * 55,
        text + "\n",
    ):
        assert find_key(store, wrong) is None


def test_the_text_of_a_key_is_nowhere_on_disk(store):
    text = create_key(store, "ci", Role.ADMIN)
    find_key(store, text)
    stored = b"".join(path.read_bytes() for path in store.home.glob("epochal.db*"))
    assert text[12:].encode() not in stored
    assert text[3:11].encode() in stored, "the prefix is what finds it"


def test_a_revoked_key_is_dead_at_once_and_stays_listed(store):
    first, second = (create_key(store, name, Role.READER) for name in ("a", "b"))
    revoke_key(store, first[3:11])
    revoke_key(store, first[3:11])
    assert find_key(store, first) is None
    assert find_key(store, second) is not None
    assert [(key.name, key.revoked, key.used_us is not None) for key in list_keys(store)] == [
        ("a", True, False), ("b", False, True),
    ]  # fmt: skip
    with pytest.raises(NotFound):
        revoke_key(store, "nothing!")


def test_reading_requests_do_not_become_writes(store):
    """The time of last use is written once a minute at most."""
    text = create_key(store, "a", Role.READER)
    find_key(store, text)
    [before] = list_keys(store)
    for _ in range(5):
        find_key(store, text)
    assert list_keys(store) == [before]


def create_many(store, count):
    for _ in range(count):
        create_key(store, "no room", Role.READER)


def test_a_full_disk_keeps_nobody_from_reading(store):
    """The time of last use cannot be written; who holds a key is let in all the same."""
    texts = [create_key(store, f"person {number}", Role.READER) for number in range(100)]
    with store.database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull):
        create_many(store, 1000)
    assert all(find_key(store, text) for text in texts)
    unwritten = [key for key in list_keys(store)[:100] if key.used_us is None]
    assert unwritten, "the disk was not full for any of them"


def test_a_key_needs_a_name(store):
    with pytest.raises(InvalidInput):
        create_key(store, " ", Role.READER)
    assert list_keys(store) == []
    assert (
        sqlite3.connect(store.home / "epochal.db").execute("SELECT * FROM api_key").fetchall()
        == []
    )
