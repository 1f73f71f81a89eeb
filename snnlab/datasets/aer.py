"""Address events in files: from bytes to the time, place and polarity of each event.

Times are in microseconds. Each function takes a file's content and refuses what is no such file.
"""

import re
import struct
from typing import NamedTuple

import numpy as np

from snnlab.datasets.files import BadContent

HEADER = struct.Struct("<hhiiiiii")  # of a packet of AEDAT 3
POLARITY = 1  # the kind of packet that holds events of pixels
MOST_HEADER = 1 << 16  # bytes of text in front
# text after #, to the line's end. An event that begins with # has a control character within its
# address, of which the last bits are 0 (or number a camera): no text, but for what is a short line
COMMENT = re.compile(rb"#[^\x00-\x08\n-\x1f\x7f]*\r?\n")
SHORT = 4  # bytes of an address


class OtherSensor(ValueError):
    """Addresses that are none of the sensor that was asked for."""


class Events(NamedTuple):
    """Arrays, one number per event: ``t`` int64 in microseconds, column, row, polarity 0 or 1."""

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray


def five_bytes(content):
    """Events of 40 bits each, as N-MNIST has them: column, row, then polarity and 23 bits of time.

    The sensor's clock begins anew after 8.4 s; such recordings are shorter.
    """
    if len(content) % 5:
        raise BadContent(f"is no file of 5-byte events: it has {len(content):,} bytes")
    b = np.frombuffer(content, np.uint8).reshape(-1, 5).astype(np.int64)
    t = (b[:, 2] & 127) << 16 | b[:, 3] << 8 | b[:, 4]
    return Events(t, b[:, 0], b[:, 1], b[:, 2] >> 7)


# of each sensor: bits that must be 0, where column, row and polarity begin, how many bits they have
ADDRESSES = {
    "dvs128": (0x8000, (1, 7), (8, 7), (0, 1)),
    "davis": (0x80000400, (12, 10), (22, 9), (11, 1)),
}


def aedat2(content, sensor):
    """Events of an AEDAT 2.0 file: a header of lines that begin with ``#``, then 8 bytes each.

    Addresses are taken as they are stored (jAER shows some mirrored), and so is polarity. Samples
    of frames and of motion sensors, which have bits of their own, are passed over.
    """
    start = _after_comments(content)
    if (len(content) - start) % 8:
        raise BadContent("is truncated: AEDAT 2.0 has 8 bytes per event")
    words = np.frombuffer(content, ">u4", offset=start).reshape(-1, 2).astype(np.int64)
    _check_sensor(words[:, 0], sensor)
    other, *places = ADDRESSES[sensor]
    words = words[words[:, 0] & other == 0]
    x, y, p = (words[:, 0] >> shift & (1 << bits) - 1 for shift, bits in places)
    return Events(_unwrapped(words[:, 1]), x, y, p)


def _after_comments(content):
    """Where the lines of text that begin with ``#`` end; events may begin with that byte, too."""
    ends = [0]
    while line := COMMENT.match(content, ends[-1]):
        ends.append(line.end())
    *_, before, at = 0, *ends
    whole = [(len(content) - k) % 8 == 0 for k in (before, at)]
    if whole == [True, False] and at - before < SHORT:  # the line was part of an event
        at = before
    if content[at : at + 1] == b"#" and content[at + 3 : at + 4] >= b" ":
        raise BadContent(
            f"has a header that does not end: at byte {at:,} there is neither a line of text nor "
            "an event"
        )
    return at


def _check_sensor(addresses, sensor):
    """Refuse a sensor whose addresses these cannot be, where another's they may be."""
    long = np.any(addresses >> 16)
    if sensor == "dvs128" and long:
        raise OtherSensor(
            "sensor must be another, likely 'davis': addresses are longer than a DVS128's 16 bits"
        )
    if sensor == "davis" and not long and np.any(addresses & 0x3FF):
        raise OtherSensor(
            "sensor must be another, likely 'dvs128': no address is longer than its 16 bits"
        )


def _unwrapped(t):
    """Times of a counter of 32 bits, which may begin anew: int64, from its first start on."""
    t = t & 0xFFFFFFFF
    return t + (np.cumsum(np.diff(t, prepend=t[:1]) < -(1 << 31)) << 32)


def aedat3(content):
    """Events of an AEDAT 3.x file: packets of 28 bytes and the events that they announce.

    Packets of another kind than polarity, and events that are marked as invalid, are passed over.
    """
    end = re.search(rb"#!END-HEADER\r?\n", content[:MOST_HEADER])
    if end is None:
        raise BadContent("has a header that does not end")
    at, parts = end.end(), [np.empty((0, 3), np.int64)]
    while at < len(content):
        if len(content) < at + HEADER.size:
            raise BadContent("is truncated within a packet's header")
        kind, _, size, time_at, overflow, capacity, n, _ = HEADER.unpack_from(content, at)
        at += HEADER.size
        if size < 1 or n < 0 or capacity < n or overflow < 0:
            raise BadContent("is damaged: a packet of negative length")
        if len(content) < at + size * n:
            raise BadContent("is truncated within a packet")
        if kind == POLARITY:
            if size != 8 or time_at != 4:
                raise BadContent(f"is damaged: events of {size} bytes, with time at byte {time_at}")
            words = np.frombuffer(content, "<u4", 2 * n, at).reshape(n, 2).astype(np.int64)
            t = words[:, 1] + (overflow << 31)
            parts.append(np.column_stack([words, t])[words[:, 0] & 1 == 1])
        at += size * n
    data, _, t = np.concatenate([p.reshape(-1, 3) for p in parts]).T
    return Events(t, data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, data >> 1 & 1)


def aedat(content, sensor):
    """Events of an AEDAT file of version 2 or 3, as its first line says."""
    version = re.match(rb"#!AER-DAT(\d)\.\d", content)
    if version is None:
        raise BadContent("does not begin with #!AER-DAT and a version")
    if version[1] == b"2":
        return aedat2(content, sensor)
    if version[1] == b"3":
        return aedat3(content)
    raise BadContent(f"is AEDAT {version[0][9:].decode()}; versions 2 and 3 can be read")
