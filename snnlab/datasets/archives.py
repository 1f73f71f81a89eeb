"""Archives of recordings as their authors publish them: from many small files to a packed one.

Each function takes an archive's content and the packed files that are wanted, and returns the
content of each, by file.
"""

import io
import re
import wave

import numpy as np

from snnlab.datasets.aer import five_bytes
from snnlab.datasets.files import BadContent, tar_members

MOST = 2**29  # bytes of an archive, unpacked
MOST_PART = 2**22  # of a file in it


def spoken_digits(content, files):
    """Recordings of the Free Spoken Digit Dataset; speakers are numbered as their names sort."""
    (file,) = files
    recording = re.compile(r"recordings/(\d)_(\w+)_(\d+)\.wav$")
    sounds = {}
    for path, part in tar_members(content, MOST, lambda name: MOST_PART):
        if found := recording.search(path):
            sounds[int(found[1]), found[2], int(found[3])] = _samples(path, part)
    if not sounds:
        raise BadContent("is an archive without recordings")
    keys = sorted(sounds)
    digits, names, numbers = zip(*keys, strict=True)
    audio = np.concatenate([sounds[key] for key in keys])
    return {file: pack_sounds(audio, [len(sounds[key]) for key in keys], digits, names, numbers)}


def pack_sounds(audio, lengths, digits, speakers, numbers):
    """A packed file of sounds: low and high bytes of the differences of all samples, and labels."""
    steps = np.diff(audio.astype("<i2"), prepend=np.int16(0)).astype("<i2")
    named = {name: k for k, name in enumerate(sorted(set(speakers)))}
    file = io.BytesIO()
    np.savez_compressed(
        file,
        planes=np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 2).T),
        length=np.array(lengths, "<i4"),
        digit=np.array(digits, np.uint8),
        speaker=np.array([named[name] for name in speakers], np.uint8),
        number=np.array(numbers, np.uint8),
    )
    return file.getvalue()


def _samples(path, part):
    """Samples of a WAV file of 8 kHz, mono, 16 bit, int16."""
    try:
        with wave.open(io.BytesIO(part)) as sound:
            kind = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
            n = sound.getnframes()
            frames = sound.readframes(n)
    except (wave.Error, EOFError) as error:
        raise BadContent(f"has a damaged sound, {path}: {error}") from None
    if kind != (1, 2, 8000):
        raise BadContent(f"has a sound of another kind than 8 kHz, mono, 16 bit: {path}")
    if len(frames) != 2 * n:
        raise BadContent(f"has a sound that is truncated: {path}")
    return np.frombuffer(frames, "<i2")


def n_mnist(content, files):
    """The small subset of N-MNIST in an archive of SLAYER; training recordings are 1 to 1000."""
    parts, labels = {}, {}
    inner = re.compile(r"NMNISTsmall/(?:(\d+)\.bs2|(train1K|test100)\.txt)$")
    for path, part in tar_members(content, MOST, lambda name: MOST_PART):
        found = inner.search(path)
        if found and found[1]:
            parts[int(found[1])] = part
        elif found:
            labels |= dict(_labels(part))
    out = {}
    for file in files:
        n, first = dict((key, shape) for key, _, shape in file.arrays)["label"][0], 1
        if file.name.startswith("test"):
            first = 60001
        numbers = range(first, first + n)
        missing = [k for k in numbers if k not in parts or k not in labels]
        if missing:
            raise BadContent(f"is an archive without recording {missing[0]}, or its label")
        events = [five_bytes(parts[k]) for k in numbers]
        out[file] = pack_events(events, [labels[k] for k in numbers])
    return out


def _labels(part):
    """Number and label of each recording, from a list with a line for each."""
    for line in part.decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) == 2 and all(word.isdecimal() for word in words):
            yield int(words[0]), int(words[1])


def pack_events(recordings, labels):
    """A packed file of recordings of events."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        **{
            name: np.concatenate([getattr(events, name) for events in recordings]).astype(dtype)
            for name, dtype in (("x", "u1"), ("y", "u1"), ("p", "u1"), ("t", "<i4"))
        },
        offsets=np.cumsum([0, *(len(events.t) for events in recordings)], dtype="<i8"),
        label=np.array(labels, np.uint8),
    )
    return file.getvalue()
