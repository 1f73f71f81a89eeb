"""Files of events, byte by byte; recordings, and spike trains of them."""

import re
import struct

import numpy as np
import pytest

from snnlab import SpikeTrains
from snnlab.datasets import DatasetCorrupt, Recordings, aer, read_events, recordings_of
from snnlab.datasets.files import BadContent

T = [5, 9, 1000, 70_000, 5_000_000]
X, Y, P = [0, 33, 7, 12, 1], [3, 0, 33, 5, 2], [1, 0, 0, 1, 1]


def is_what_was_written(found, times=T):
    assert isinstance(found, Recordings) and len(found) == 1 and found.shape[0] == 2
    p, y, x = np.unravel_index(found.units, found.shape)
    assert [found.times.tolist(), x.tolist(), y.tolist(), p.tolist()] == [times, X, Y, P]


def five_bytes():
    return b"".join(
        bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255])
        for t, x, y, p in zip(T, X, Y, P, strict=True)
    )


def address(sensor, x, y, p):
    return y << 8 | x << 1 | p if sensor == "dvs128" else y << 22 | x << 12 | p << 11


def aedat2(sensor="dvs128", times=T, extra=b""):
    header = b"#!AER-DAT2.0\r\n# made for a test\r\n"
    words = [
        struct.pack(">II", address(sensor, x, y, p), t)
        for t, x, y, p in zip(times, X, Y, P, strict=True)
    ]
    return header + extra + b"".join(words)


def packet(kind, events, overflow=0, size=8):
    head = struct.pack("<hhiiiiii", kind, 1, size, 4, overflow, len(events), len(events), 0)
    return head + b"".join(events)


def aedat3(overflow=0):
    header = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"
    words = [
        struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t)
        for t, x, y, p in zip(T, X, Y, P, strict=True)
    ]
    invalid = struct.pack("<II", 5 << 17 | 5 << 2, 20)
    return (
        header
        + packet(0, [bytes(8)])
        + packet(1, [words[0], invalid, *words[1:3]], overflow)
        + packet(2, [bytes(36)], size=36)
        + packet(1, words[3:], overflow)
    )


@pytest.fixture
def put(tmp_path):
    def write(content, name="events"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_events_of_five_bytes(put):
    is_what_was_written(read_events(put(five_bytes(), "1.bs2")))
    assert read_events(put(five_bytes()), shape=(2, 34, 34)).shape == (2, 34, 34)


@pytest.mark.parametrize("sensor", ["dvs128", "davis"])
def test_aedat_2(put, sensor):
    """Times count from the first event on; a counter that runs over goes on."""
    zero = [t - T[0] for t in T]
    is_what_was_written(read_events(put(aedat2(sensor)), sensor=sensor), zero)
    late = [(t + 2**32 - 3000) % 2**32 for t in T]
    is_what_was_written(read_events(put(aedat2(sensor, late)), sensor=sensor), zero)
    frame = struct.pack(">II", (1 << 31 | 5) if sensor == "davis" else 1 << 15, 7)
    is_what_was_written(read_events(put(aedat2(sensor, extra=frame)), sensor=sensor), zero)


def test_another_sensor_than_the_files_is_refused(put):
    """A DVS128's addresses have 16 bits; the last ten of a DAVIS's event are 0."""
    one = struct.pack(">II", address("davis", 10, 20, 1), 5)
    path = put(b"#!AER-DAT2.0\r\n" + one, "davis.aedat")
    with pytest.raises(ValueError, match="davis.aedat: sensor must be another, likely 'davis'"):
        read_events(path)
    found = read_events(path, sensor="davis")
    assert [int(k[0]) for k in np.unravel_index(found.units, found.shape)] == [1, 20, 10]
    path = put(aedat2("dvs128"), "dvs.aedat")
    with pytest.raises(ValueError, match="dvs.aedat: sensor must be another, likely 'dvs128'"):
        read_events(path, sensor="davis")
    with pytest.raises(ValueError, match="sensor") as caught:
        read_events(put(aedat2("davis")))
    assert not isinstance(caught.value, DatasetCorrupt)


HEADERS = (
    b"#!AER-DAT2.0\r\n",
    b"#!AER-DAT2.0\r\n# sixteen bytes.\r\n",  # as long as two events
    b"#!AER-DAT2.0\n#\n#\t1 2\n#\n",
    "#!AER-DAT2.0\r\n# von Jürgen, µs\r\n#\r\n".encode(),
)


@pytest.mark.parametrize("header", HEADERS)
def test_an_event_that_begins_as_a_comment_is_an_event(header):
    """The first byte of a DAVIS's address is ``#`` in rows 140 to 143; in some a line ends soon."""
    y, x, p = (k.ravel() for k in np.meshgrid(range(140, 144), [0, *range(155, 180), 345], [0, 1]))
    for t in (0, 10, 0x0A0A0A0A, 0x2323230A):
        words = address("davis", x, y, p)
        assert (words >> 24 == ord("#")).all()
        for k, word in enumerate(words.tolist()):
            event = struct.pack(">II", word, t)
            for more in (b"", struct.pack(">II", 5 << 22, t + 1)):
                found = aer.aedat2(header + event + more, "davis")
                assert [int(part[0]) for part in found] == [t, x[k], y[k], p[k]]
                assert len(found.t) == 1 + bool(more)
    whole = aer.aedat2(header + struct.pack(f">{2 * len(words)}I", *np.repeat(words, 2)), "davis")
    assert np.array_equal(whole.x, x) and np.array_equal(whole.y, y)


def test_what_is_neither_a_comment_nor_an_event_is_refused():
    for line in (b"# a bell \a\r\n", b"# no end", b"#123\0\0\0\0"):
        with pytest.raises(BadContent, match="at byte 14 there is neither a line of text nor an"):
            aer.aedat2(HEADERS[0] + line, "davis")
    with pytest.raises(BadContent, match="truncated"):
        aer.aedat2(HEADERS[0] + struct.pack(">II", 0x230A1800, 7)[:-1], "davis")


@pytest.mark.parametrize("name", ["a.bin", "a.BS2", "a"])
@pytest.mark.parametrize("start", [b"#!\x80\0\x09", b"##\x83\x44\x09", b"PK\3\4\7", b"PK\0\0\1"])
def test_events_of_five_bytes_begin_with_any(put, name, start):
    path = put(start + five_bytes(), name)
    if start[:4] == b"PK\3\4" and name == "a":  # what else should say that it is no archive?
        with pytest.raises(DatasetCorrupt, match="damaged .npz"):
            read_events(path)
        return
    found = read_events(path)
    p, y, x = (part.tolist() for part in np.unravel_index(found.units, found.shape))
    t = int.from_bytes(start[2:]) & 0x7FFFFF
    assert (x, y) == ([start[0], *X], [start[1], *Y])
    assert p == [start[2] >> 7, *P] and found.times.tolist() == [t, *T]


@pytest.mark.parametrize("suffix", [".aedat", ".npy", ".npz"])
def test_other_files_begin_as_their_kind_does(put, suffix):
    with pytest.raises(DatasetCorrupt, match="does not begin with #!AER-DAT|damaged"):
        read_events(put(five_bytes(), "a" + suffix))


@pytest.mark.parametrize("overflow", [0, 2])
def test_aedat_3(put, overflow):
    is_what_was_written(read_events(put(aedat3(overflow))), [t - T[0] for t in T])
    assert aer.aedat3(aedat3(overflow)).t[0] == T[0] + (overflow << 31)


def test_packets_of_aedat_3_with_a_time_that_runs_over(put):
    word = struct.pack("<II", 1, 9)
    content = aedat3()[: aedat3().index(b"HEADER\r\n") + 8]
    content += packet(1, [word], 0) + packet(1, [word], 1)
    assert read_events(put(content)).times.tolist() == [0, 2**31]


def test_arrays_in_npz(put, tmp_path):
    path = tmp_path / "one.npz"
    np.savez(path, t=T, x=X, y=Y, p=P)
    is_what_was_written(read_events(path))
    np.savez(path, t=T, x=X, y=Y, p=2 * np.array(P, int) - 1)  # polarities of -1 and 1
    is_what_was_written(read_events(path))
    np.savez(path, t=T, x=X, offsets=[0, 2, 5], label=np.array([4, 1], np.uint8))
    found = read_events(path)
    assert found.shape == (34,) and found.labels.tolist() == [4, 1]
    assert found[1].times.tolist() == T[2:] and found[1].units.tolist() == X[2:]


FIELDS = [("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "?")]


def structured():
    return np.array(list(zip(X, Y, T, P, strict=True)), FIELDS)


def test_structured_arrays_as_of_tonic(tmp_path):
    is_what_was_written(recordings_of(structured()))
    np.save(tmp_path / "one.npy", structured())
    is_what_was_written(read_events(tmp_path / "one.npy"))
    two = recordings_of([structured(), structured()[:3]], labels=[5, 6], shape=(2, 40, 40))
    assert two.indptr.tolist() == [0, 5, 8] and two.labels.tolist() == [5, 6]
    is_what_was_written(two[0])
    signed = np.empty(5, [("t", "<f8"), ("p", "<i8"), ("x", "<f8"), ("y", "<u4")])
    for name in signed.dtype.names:
        signed[name] = structured()[name]
    signed["p"] = 2 * signed["p"] - 1  # some write -1 for darker
    is_what_was_written(recordings_of(signed))
    is_what_was_written(recordings_of(np.ma.array(structured())))  # in which nothing is masked
    audio = recordings_of(structured()[["t", "x"]], shape=(700,))  # as of SHD: no rows, no polarity
    assert audio.shape == (700,) and audio.units.tolist() == X


DAMAGE = {
    "aedat 2": (aedat2()[:-3], "truncated"),
    "aedat 3 in events": (aedat3()[:-3], "truncated within a packet"),
    "aedat 3 in a header": (aedat3()[: -(16 + 10)], "truncated within a packet's header"),
    "aedat 3 sizes": (
        aedat3()[: aedat3().index(b"HEADER\r\n") + 8] + packet(1, [bytes(4)] * 2, size=4),
        "events of 4 bytes",
    ),
    "aedat 3 negative": (
        aedat3()[: aedat3().index(b"HEADER\r\n") + 8]
        + struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 5, -5, 0),
        "negative length",
    ),
    "aedat 3 without an end": (b"#!AER-DAT3.1\r\n" + bytes(50), "header that does not end"),
    "aedat 4": (b"#!AER-DAT4.0\r\n" + bytes(50), "AEDAT 4.0; versions 2 and 3"),
    "a comment": (b"# hello\n", "does not begin with #!AER-DAT"),
    "a line without end": (b"#!AER-DAT2.0 and so on", "header that does not end"),
    "zip": (b"PK\x03\x04" + bytes(100), "damaged .npz"),
    "npy": (b"\x93NUMPY\x01\x00" + bytes(30), "damaged .npy"),
}


DAMAGED = [("broken.aedat", *told) for told in DAMAGE.values()]


@pytest.mark.parametrize(
    "name, content, message", [*DAMAGED, ("a.bin", five_bytes()[:-1], "5-byte events")]
)
def test_damaged_files_are_refused_with_their_path(put, name, content, message):
    path = put(content, name)
    with pytest.raises(DatasetCorrupt, match=f"^path .*{message}") as caught:
        read_events(path)
    assert str(path) in str(caught.value)


def test_other_arrays_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    for arrays in ({"x": X}, {}, {"t": T, "x": X[:2]}, {"t": T, "x": np.array(X) + 0.5}):
        np.savez(path, **arrays)
        with pytest.raises(DatasetCorrupt, match="holds"):
            read_events(path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DatasetCorrupt, match="no structured array"):
        read_events(tmp_path / "a.npy")
    with pytest.raises(FileNotFoundError):
        read_events(tmp_path / "none")
    with pytest.raises(ValueError, match="sensor must be one of"):
        read_events(path, sensor="eye")


RECORDED = {"t": [0, 1], "x": [0, 1]}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"offsets": [0, 3]}, "offsets must run from 0 to the number of events"),
        ({"indptr": [1, 2]}, "indptr must run from 0"),
        ({"indptr": np.empty(0, int)}, "indptr must run from 0"),
        ({"offsets": [0, 2, 1, 2]}, "offsets must not fall"),
        ({"offsets": [0.0, 2.0]}, "offsets must hold integers"),
        ({"offsets": [[0, 2]]}, "offsets must have shape"),
        ({"t": [0, np.nan]}, "t must be finite"),
        ({"t": 0, "x": 0}, r"t must have shape \(any\), got \(\)"),
        ({"t": [[0, 1]], "x": [[0, 1]]}, r"t must have shape \(any\), got \(1, 2\)"),
        ({"t": ["a", "b"]}, "t must be an array of numbers"),
        ({"t": np.array([0, 2**63], np.uint64)}, "t holds values beyond int64"),
        ({"label": [1, 2, 3]}, r"label must have shape \(1,\), got \(3,\)"),
        ({"offsets": [0, 1, 2], "labels": [1]}, r"labels must have shape \(2,\)"),
        ({"label": [-1]}, "label must lie in 0"),
        ({"label": [0.5]}, "label must be integers"),
        ({"x": [0, 2**62]}, f"holds x from 0 to {2**62}"),
        ({"x": np.array([0, 2**63], np.uint64)}, "x holds values beyond int64"),
        ({"x": [-1, 0]}, "holds x from -1 to 0"),
        ({"y": [0, 2**20], "x": [0, 2**20]}, "sensor must have at most"),
        ({"y": [0, 1], "p": [0, 2]}, "no shape holds all events: p reaches from 0 to 2"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_as_of_their_file(tmp_path, change, message):
    path = tmp_path / "a.npz"
    np.savez(path, **RECORDED)
    assert read_events(path).times.tolist() == [0, 1]
    np.savez(path, **RECORDED | change)
    with pytest.raises(DatasetCorrupt, match=f"^path .*{message}") as caught:
        read_events(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (np.array([(1, np.nan)], [("x", int), ("t", float)]), "must be finite"),
        (np.array([(-1, 1)], [("x", int), ("t", int)]), "holds x from -1 to -1"),
        (np.array([(2**62, 1)], [("x", int), ("t", int)]), f"holds x from {2**62}"),
        (np.array([(2**64 - 1, 1)], [("x", "u8"), ("t", int)]), "'x'.* holds values beyond int64"),
        (np.array([(1e300, 1)], [("x", float), ("t", int)]), "'x'.* holds values beyond int64"),
        (np.array([(2**20, 2**20, 1)], [("x", int), ("y", int), ("t", int)]), "at most"),
        (np.array([(0.5, 1)], [("x", float), ("t", int)]), "must hold integers"),
        (np.array([([1, 2], 1)], [("x", int, 2), ("t", int)]), "must hold integers"),
        (np.array([(1, [1, 2])], [("x", int), ("t", int, 2)]), "must have shape"),
        (np.array((1, 1), [("x", int), ("t", int)]), "must be a structured array"),
        (np.array([(1, 1)], [("x", int), ("y", int)]), "fields t and x"),
    ],
)
def test_structured_arrays_of_no_sensor_are_refused_as_of_their_file(tmp_path, content, message):
    path = tmp_path / "a.npy"
    np.save(path, content)
    with pytest.raises(DatasetCorrupt, match=f"^path .*{message}") as caught:
        read_events(path)
    assert str(path) in str(caught.value)


def test_addresses_beyond_any_sensor_are_refused_as_of_their_file(put):
    """AEDAT 3 has 15 bits for a column and for a row: more units than a sensor may have."""
    content = aedat3()[: aedat3().index(b"HEADER\r\n") + 8]
    path = put(content + packet(1, [struct.pack("<II", 0x7FFF << 17 | 0x7FFF << 2 | 1, 9)]))
    with pytest.raises(DatasetCorrupt, match="^path .*sensor must have at most") as caught:
        read_events(path)
    assert str(path) in str(caught.value)


def test_a_shape_that_is_too_small_is_no_fault_of_the_file(put, tmp_path):
    np.savez(tmp_path / "a.npz", t=T, x=X, y=Y, p=P)
    np.save(tmp_path / "a.npy", structured())
    for path in (put(five_bytes()), put(aedat2(), "2"), tmp_path / "a.npz", tmp_path / "a.npy"):
        for shape, message in (
            ((2, 33, 34), r"shape \(2, 33, 34\) does not hold all events: y reaches from 0 to 33"),
            ((34, 34), "shape must hold 3 sizes"),
            ((2, 2**15, 2**15), "shape must have at most"),
            ((2, 0, 34), r"shape\[1\] must be at least 1"),
            (5, "shape must be a sequence"),
        ):
            wanted = f"^{re.escape(str(path))}: {message}"
            with pytest.raises((TypeError, ValueError), match=wanted) as caught:
                read_events(path, shape=shape)
            assert not isinstance(caught.value, DatasetCorrupt)


@pytest.mark.parametrize(
    "events, change, message",
    [
        (3, {}, "events must be a sequence"),
        ([], {}, "events must hold"),
        (np.zeros(3), {}, r"events\[0\] must be a structured"),
        ([structured(), structured()[["t", "x"]]], {}, r"events\[1\] has the fields"),
        (structured()[["x", "y"]], {}, r"events\[0\] must be a structured"),
        (structured(), {"shape": (2, 33, 34)}, "shape .* does not hold all events: y"),
        (structured(), {"shape": (34, 34)}, "shape must hold 3 sizes"),
        (structured(), {"labels": [1, 2]}, "labels must have shape"),
        (
            np.ma.array(structured(), mask=[(1,) * 4] + [(0,) * 4] * 4),
            {},
            r"events\[0\] has .* masked",
        ),
        (structured(), {"tick": 0}, "tick must be above 0"),
        (np.array([(0.5, 1)], [("x", float), ("t", int)]), {}, "events.* must hold integers"),
        (np.array([(-1, 1)], [("x", int), ("t", int)]), {}, "shape .* x reaches from -1"),
        (np.array([(1, np.nan)], [("x", int), ("t", float)]), {}, "events.* must be finite"),
    ],
)
def test_bad_arrays_are_refused_by_name(events, change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        recordings_of(events, **change)


# recordings ---------------------------------------------------------------------------------------


def some(n=6, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 60, n)
    times = np.concatenate([np.sort(rng.integers(0, 3000, k)) for k in sizes])
    units = rng.integers(0, 2 * 5 * 4, times.size)
    return Recordings(times, units, np.cumsum([0, *sizes]), (2, 5, 4), np.arange(n) % 3)


def test_spikes_of_recordings():
    events = some()
    trains = events.spikes(dt=1e-4, n_steps=30)
    wanted = SpikeTrains.from_events(
        events.times, events.units, indptr=events.indptr, dt=100, n_units=40, n_steps=30
    )
    assert trains == wanted
    with pytest.raises(ValueError, match="n_steps=20 are too few"):
        events.spikes(dt=1e-4, n_steps=20)
    with pytest.warns(RuntimeWarning, match="left out"):
        short = events.spikes(dt=1e-4, n_steps=20, cut=True, allow_empty=True)
    assert np.array_equal(short.to_dense(), wanted.to_dense()[:, :20])


def test_recordings_out_of_order_are_binned_when_asked_for(put):
    """AEDAT 3 may have packets of which a later one tells what was earlier."""
    header = aedat3()[: aedat3().index(b"HEADER\r\n") + 8]
    late, early = (packet(1, [struct.pack("<II", x << 17 | 1, t)]) for x, t in ((2, 900), (0, 100)))
    events = read_events(put(header + late + early), shape=(2, 1, 3))
    with pytest.raises(ValueError, match=r"times must not run backwards.*\(ordered=False takes"):
        events.spikes(dt=1e-4)
    trains = events.spikes(dt=1e-4, ordered=False)
    assert trains.step.tolist() == [0, 8] and trains.unit.tolist() == [0, 2]
    with pytest.raises(TypeError, match="ordered must be True or False"):
        events.spikes(dt=1e-4, ordered=1)


def test_errors_tell_the_step_that_was_given():
    events = Recordings([0, 25], [0, 1], [0, 2], (2,))
    with pytest.raises(ValueError, match="^dt=1e-13 makes 250,000,001 steps"):
        events.spikes(dt=1e-13)
    with pytest.raises(ValueError, match="^dt / tick must be above 0"):
        Recordings([0, 25], [0, 1], [0, 2], (2,), tick=1e300).spikes(dt=1e-300)
    with pytest.warns(RuntimeWarning, match="1 of 2 events") as caught:
        events.spikes(dt=1e-5, n_steps=1, cut=True)
    assert caught[0].filename == __file__


def test_pixels_are_pooled():
    events = some()
    whole = events.spikes(dt=1e-4, n_steps=30).to_dense().reshape(6, 30, 2, 5, 4)
    pooled = events.spikes(dt=1e-4, n_steps=30, pool=2)
    assert pooled.n_units == 2 * 3 * 2
    padded = np.pad(whole, [(0, 0)] * 3 + [(0, 1), (0, 0)]).reshape(6, 30, 2, 3, 2, 2, 2)
    assert np.array_equal(pooled.to_dense().reshape(6, 30, 2, 3, 2), padded.max(axis=(4, 6)))
    with pytest.raises(ValueError, match="pool must be 1"):
        Recordings([0], [0], [0, 1], (3,)).spikes(dt=1e-4, pool=2)


@pytest.mark.parametrize(
    "index", [2, -1, slice(1, 5, 2), [3, 3, 0], np.arange(6) % 2 == 0, slice(0)], ids=str
)
def test_recordings_are_chosen_by_index(index):
    events, chosen = some(), np.atleast_1d(np.arange(6)[index])
    part = events[index]
    assert len(part) == len(chosen) and part.labels.tolist() == (chosen % 3).tolist()
    assert part.spikes(dt=1e-4, n_steps=30) == events.spikes(dt=1e-4, n_steps=30)[index]
    assert f"Recordings({len(chosen)} of a sensor of 2 x 5 x 4" in repr(part)


GOOD = {"times": [0, 5, 2], "units": [0, 1, 5], "indptr": [0, 2, 3], "shape": (2, 3)}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"units": [0, 1]}, "units must be as many"),
        ({"units": [0, 1, 6]}, "units must lie in a sensor"),
        ({"units": [0, -1, 5]}, "units must lie"),
        ({"units": [0.0, 1.0, 5.0]}, "units must hold integers"),
        ({"indptr": [0, 2]}, "indptr must run from 0"),
        ({"indptr": [0, 3, 2, 3]}, "indptr must not fall"),
        ({"shape": ()}, "shape must have"),
        ({"shape": (2, 0)}, r"shape\[1\] must be at least 1"),
        ({"shape": (2**20, 2**20)}, "shape must have"),
        ({"times": [0, np.nan, 1]}, "times must be finite"),
        ({"times": "x"}, "times must be an array"),
        ({"labels": [0]}, "labels must have shape"),
        ({"tick": -1}, "tick must be above 0"),
    ],
)
def test_recordings_that_do_not_fit_are_refused_by_name(change, message):
    assert len(Recordings(**GOOD)) == 2
    with pytest.raises((TypeError, ValueError), match=message):
        Recordings(**GOOD | change)
