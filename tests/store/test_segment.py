import struct
import threading
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epochal.errors import CorruptFile, NewerFormat
from epochal.store import reading
from epochal.store.buckets import bucket_series
from epochal.store.codec import encode
from epochal.store.directory import FOOTER_SIZE, MAGIC
from epochal.store.segment import MAX_ROWS, Segment, verify, write_segment
from tests.store.arrays import (
    BITS,
    INT64,
    SPECIAL_BITS,
    from_bits,
    group_of,
    same_bits,
)

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def groups(draw):
    """A few groups whose rows share one journal; some keys stand in several groups."""
    result = []
    order = draw(st.integers(0, 1000))
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.one_of(st.integers(1, 40), st.integers(1000, 1100)))
        keys = draw(st.lists(st.sampled_from("abcdef/"), min_size=1, unique=True))
        seed = draw(st.lists(st.one_of(BITS, SPECIAL_BITS), min_size=1, max_size=30))
        values = {}
        for number, key in enumerate(keys):
            bits = np.resize(np.roll(np.array(seed, np.uint64), number), rows)
            kinds = {
                0: bits.view(np.float64),
                1: bits.view(np.int64),
                2: (bits % 1000).astype(np.float64) / 10,
            }
            values[key] = kinds[draw(st.integers(0, 2))]
        gap = draw(st.integers(1, 3))
        orders = order + np.arange(rows) * gap
        order = int(orders[-1]) + 1
        steps = {
            0: np.arange(rows) * draw(st.integers(-3, 500)) + draw(st.integers(-5, 2**40)),
            1: np.resize(np.array(draw(st.lists(INT64, min_size=1, max_size=9))), rows),
            2: np.cumsum(np.resize(np.array([1, 5, 2, 900]), rows)),
        }
        group = group_of(values, step=steps[draw(st.integers(0, 2))])
        result.append(type(group)(group.keys, orders, group.step, group.wall_us, group.values))
    return result


@given(groups())
@QUICK
def test_a_segment_gives_back_what_was_written(tmp_path, written):
    """Every axis and every value of every group, bit for bit."""
    path = tmp_path / "a.eps"
    info = write_segment(path, written)
    segment = Segment(path)
    assert verify(path) == []
    assert set(segment.keys()) == {key for group in written for key in group.keys}
    assert info.size == path.stat().st_size
    assert info.rows == sum(map(len, written))
    assert info.points == sum(len(group) * len(group.keys) for group in written)
    assert info.keys == len(segment.keys())
    assert info.step_min == min(int(group.step.min()) for group in written)
    assert info.step_max == max(int(group.step.max()) for group in written)
    assert info.order_first == int(written[0].order[0])
    assert info.order_last == int(written[-1].order[-1])
    for key in list(segment.keys()):
        expected = [part for group in written if (part := group.part(key)) is not None]
        found = segment.read(key)
        assert len(found) == len(expected)
        for part, original, lazy in zip(found, expected, segment.parts(key), strict=True):
            for name in ("order", "step", "wall_us", "value"):
                assert same_bits(getattr(part, name), getattr(original, name)), name
            for name in ("count", "step_min", "step_max", "order_first", "order_last", "rising"):
                assert getattr(lazy, name) == getattr(original, name), name


@given(groups())
@QUICK
def test_the_directory_knows_every_column(tmp_path, written):
    """Count, extremes, ends, NaN count and place of each column are those of its values."""
    path = tmp_path / "a.eps"
    write_segment(path, written)
    segment = Segment(path)
    data = path.read_bytes()
    for number, group in enumerate(written):
        for key, values in zip(group.keys, group.values, strict=True):
            (entry,) = [entry for entry in segment.entries(key) if entry.group == number]
            real = values.astype(np.float64)
            finite = values[np.isfinite(real)].tolist()
            assert entry.count == len(values)
            assert entry.n_nan == int(np.isnan(real).sum())
            assert entry.n_inf == int(np.isinf(real).sum())
            assert entry.min == (min(finite) if finite else None)
            assert entry.max == (max(finite) if finite else None)
            assert entry.integer == (values.dtype == np.int64)
            assert same_bits(np.array([entry.first, entry.last], values.dtype), values[[0, -1]])
            block = data[entry.offset : entry.offset + entry.length]
            assert block[:1] in {b"P", b"R", b"Z"}
            assert (entry.mip_offset is not None) == (group.rising and len(group) >= 1024)


@given(groups())
@QUICK
def test_a_mip_is_its_column_in_coarse_buckets(tmp_path, written):
    """Cells hold the extremes, ends and counts of their points; nothing is rounded away."""
    path = tmp_path / "a.eps"
    write_segment(path, written)
    segment = Segment(path)
    for key in list(segment.keys()):
        for part, mip in zip(segment.read(key), segment.mip(key), strict=True):
            if mip is None:
                continue
            raw = bucket_series(part.step, part.value, mip.grid)
            for name in (
                "bucket",
                "n",
                "first",
                "last",
                "min",
                "max",
                "n_nan",
                "n_posinf",
                "n_neginf",
            ):
                np.testing.assert_array_equal(getattr(mip.cells, name), getattr(raw, name))
            with np.errstate(invalid="ignore"):
                np.testing.assert_allclose(mip.cells.mean, raw.mean, rtol=1e-7, atol=1e-45)


def test_a_group_longer_than_a_segment_likes_is_cut(tmp_path):
    """Long columns come in stretches of at most 131,072 rows, so that a range reads little."""
    rows = MAX_ROWS * 2 + 5
    value = np.arange(rows) * 0.5
    write_segment(tmp_path / "a.eps", [group_of({"v": value})])
    parts = Segment(tmp_path / "a.eps").parts("v")
    assert [part.count for part in parts] == [MAX_ROWS, MAX_ROWS, 5]
    assert same_bits(np.concatenate([part.value for part in parts]), value)


def test_many_short_columns_share_blocks(tmp_path):
    """5,000 keys of 100 rows take about 125 blocks, not 5,000."""
    random = np.random.default_rng(2)
    values = {
        f"layer/{i}": random.standard_normal(100).astype("f4").astype("f8") for i in range(5000)
    }
    info = write_segment(tmp_path / "a.eps", [group_of(values)])
    segment = Segment(tmp_path / "a.eps")
    assert len(segment.directory.lengths) < 150
    assert info.size / info.points < 4.5
    for key in ("layer/0", "layer/39", "layer/40", "layer/4999"):
        assert same_bits(segment.read(key)[0].value, values[key])


def test_an_unknown_key_has_no_parts(tmp_path):
    """Asking for what is not there is no error."""
    write_segment(tmp_path / "a.eps", [group_of({"v": np.arange(3.0)})])
    segment = Segment(tmp_path / "a.eps")
    assert (segment.parts("w"), segment.entries("w"), segment.mip("w")) == ([], [], [])


@pytest.fixture
def small(tmp_path):
    """A segment with packed blocks, a long group with a mip, and irregular axes."""
    path = tmp_path / "small.eps"
    long = group_of(
        {"loss": np.sin(np.arange(1100.0)), "n": np.arange(1100) * 3},
        step=np.cumsum(np.resize([1, 2, 5], 1100)),
    )
    short = group_of({"acc": np.linspace(0, 1, 20), "lr": np.full(20, 0.1)}, first_order=1100)
    write_segment(path, [long, short])
    return path


def edges(path):
    """The byte after the magic, after each block, and after the directory."""
    segment = Segment(path)
    places = [len(MAGIC)]
    for length in segment.directory.lengths:
        places.append(places[-1] + length)
    return [*places, path.stat().st_size - FOOTER_SIZE]


def test_a_file_cut_off_anywhere_is_refused(small):
    """At each block boundary, one byte to either side, and at a few other places."""
    data = small.read_bytes()
    places = {0, 1, 7, *(edge + delta for edge in edges(small) for delta in (-1, 0, 1))}
    places |= {len(data) - 1, len(data) - FOOTER_SIZE // 2}
    for place in sorted(place for place in places if 0 <= place < len(data)):
        small.write_bytes(data[:place])
        with pytest.raises(CorruptFile):
            Segment(small)
        assert len(verify(small)) == 1


def test_a_changed_byte_never_becomes_a_number(small):
    """Whichever byte flips, opening or reading fails, or the values are the old ones."""
    data = small.read_bytes()
    good = {key: Segment(small).read(key) for key in list(Segment(small).keys())}
    for place in range(0, len(data), 7):
        broken = bytearray(data)
        broken[place] ^= 0x10
        small.write_bytes(broken)
        assert verify(small), f"byte {place} is not covered"
        try:
            segment = Segment(small)
        except (CorruptFile, NewerFormat):
            continue
        for key, parts in good.items():
            try:
                found = segment.read(key)
                segment.mip(key)
            except CorruptFile:
                continue
            for part, original in zip(found, parts, strict=True):
                assert same_bits(part.value, original.value)
                assert same_bits(part.step, original.step)


def test_bytes_put_in_between_are_noticed(small):
    """A directory whose checksum holds but whose blocks do not fill the file is refused."""
    data = small.read_bytes()
    end = edges(small)[-2]
    small.write_bytes(data[:end] + b"\0" + data[end:])
    with pytest.raises(CorruptFile):
        Segment(small)


def test_damage_names_the_keys_that_it_takes(small):
    """The doctor can say what is lost and what is not."""
    entry = Segment(small).entries("loss")[0]
    data = bytearray(small.read_bytes())
    data[entry.offset + 20] ^= 1
    small.write_bytes(data)
    (problem,) = verify(small)
    assert "values of loss" in problem
    segment = Segment(small)
    with pytest.raises(CorruptFile, match=r"small\.eps"):
        segment.read("loss")
    assert len(segment.read("n")[0].value) == 1100


def rewrite_ending(path, body, version):
    """Give a file another directory or version, with checksums that hold."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data, len(data) - FOOTER_SIZE)
    front = struct.pack("<QHH", len(body), version, 0)
    checksum = zlib.crc32(front, zlib.crc32(body))
    path.write_bytes(
        data[: -FOOTER_SIZE - length] + body + front + struct.pack("<I", checksum) + MAGIC
    )


def directory_bytes(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data, len(data) - FOOTER_SIZE)
    return data[-FOOTER_SIZE - length : -FOOTER_SIZE]


def test_a_newer_version_asks_for_an_upgrade(small):
    """Too new is another answer than damaged."""
    rewrite_ending(small, b"whatever comes next", 2)
    with pytest.raises(NewerFormat, match="upgrade"):
        Segment(small)


def test_fields_of_a_later_revision_are_passed_over(small):
    """Items added at the end of a struct do not stop this reader."""
    items = msgspec.msgpack.decode(directory_bytes(small))
    items[0][0].append("new")
    items[0][0][0].append(17)
    rewrite_ending(small, msgspec.msgpack.encode([*items, "more"]), 1)
    assert len(Segment(small).read("loss")[0].value) == 1100


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items[1].pop(),
        lambda items: items[0][0][1][1].__setitem__(0, 999),
        lambda items: items[0][0][1][1].__setitem__(0, -1),
        lambda items: items[0][0][1][2].pop(),
        lambda items: items[0][0][0].__setitem__(0, 0),
        lambda items: items[0][0][0].__setitem__(0, "rows"),
        lambda items: items[0][0][1][0].clear(),
    ],
)
def test_a_directory_that_contradicts_itself_is_refused(small, change):
    """Even with a good checksum, indices are checked before they are used."""
    items = msgspec.msgpack.decode(directory_bytes(small))
    change(items)
    rewrite_ending(small, msgspec.msgpack.encode(items), 1)
    with pytest.raises(CorruptFile):
        Segment(small)


@pytest.mark.parametrize("block", [encode(np.arange(5.0)), encode(np.arange(3)), b"X" * 30])
def test_a_block_that_does_not_fit_its_column_is_refused(tmp_path, block):
    """A checksum that holds is not enough: the number of values must be right too."""
    path = tmp_path / "a.eps"
    write_segment(path, [group_of({"v": np.array([0.1, 0.7])}, step=np.array([3, 1]))])
    items = msgspec.msgpack.decode(directory_bytes(path))
    lengths, sums = items[1], items[2]
    wall = items[0][0][0][11]
    data = path.read_bytes()
    start = len(MAGIC) + sum(lengths[:wall])
    changed = data[:start] + block + data[start + lengths[wall] :]
    lengths[wall], sums[wall] = len(block), zlib.crc32(block)
    path.write_bytes(changed)
    rewrite_ending(path, msgspec.msgpack.encode(items), 1)
    with pytest.raises(CorruptFile):
        Segment(path).read("v")


def test_threads_share_a_segment(small, monkeypatch):
    """Many readers of one object see the same numbers, though hardly an axis is kept."""
    monkeypatch.setattr(reading, "KEPT_ROWS", 1500)
    segment = Segment(small)
    expected = {key: segment.read(key)[0].value.tobytes() for key in list(segment.keys())}
    wrong: list[str] = []

    def read_all():
        for _ in range(20):
            for key, value in expected.items():
                if segment.read(key)[0].value.tobytes() != value:
                    wrong.append(key)

    threads = [threading.Thread(target=read_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_signaling_nan_survives_a_segment(tmp_path):
    """The rarest bits are kept as well."""
    value = from_bits([0x7FF0000000000001, 0xFFF0000000000001] * 600)
    write_segment(tmp_path / "a.eps", [group_of({"v": value})])
    assert same_bits(Segment(tmp_path / "a.eps").read("v")[0].value, value)
