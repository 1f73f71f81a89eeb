"""Files of image sets: what their content must be, wherever it comes from.

A kind of file says under which names it may lie in a folder, how large it is at most, and unpacks
its content to an array of bytes, after its SHA-256 has been checked. The gzip wrapping differs
between mirrors, the content does not.
"""

import gzip
import hashlib
import io
import math
import tarfile
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

SLACK = 1 << 16  # bytes by which a wrapped file may exceed its content

COLOURS = 3  # planes of an image of CIFAR-10: red, green, blue
SIDE = 32  # its rows and columns
RECORD = 1 + COLOURS * SIDE * SIDE  # bytes: a label, and the planes


class BadContent(ValueError):
    """Why some bytes are refused; ``digest`` is set if they are a good file, but another one."""

    def __init__(self, reason, digest=None):
        super().__init__(reason)
        self.digest = digest


class IdxFile(NamedTuple):
    """A file of bytes in IDX format: its shape and the SHA-256 of its un-gzipped content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def n_bytes(self):
        """Length of that content."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)

    def places(self, folder):
        """Paths where it may lie in a folder."""
        return folder / f"{self.name}.gz", folder / self.name

    def unpack(self, content):
        """The array in a file's content, gzipped or not; BadContent if anything is wrong."""
        content = _without_gzip(content, self.n_bytes)
        n_axes = len(self.shape)
        if content[:4] != bytes([0, 0, 8, n_axes]):  # 8: unsigned bytes
            raise BadContent(f"is not an IDX file of bytes with {n_axes} axes")
        start = 4 + 4 * n_axes
        if len(content) < start:
            raise BadContent("is truncated within its header")
        shape = tuple(np.frombuffer(content, ">u4", n_axes, 4).tolist())
        if shape != self.shape:
            raise BadContent(f"holds shape {shape}, not {self.shape}")
        check(content, self)
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


class CifarFile(NamedTuple):
    """A part of CIFAR-10 in its binary version: records of a label and three planes.

    Also taken is a packed form of the same images, a third smaller (``.npz`` without pickled
    objects): ``y`` (n,) are the labels, ``d`` (3, n, 32, 32) the planes green, red - green and
    blue - green, each differenced along its rows and then its columns, all modulo 256.
    """

    name: str
    n: int
    sha256: str

    @property
    def n_bytes(self):
        """Length of the content."""
        return self.n * RECORD

    def places(self, folder):
        """Paths where it may lie in a folder."""
        packed = self.name.replace(".bin", ".npz")
        names = f"{self.name}.gz", self.name, f"cifar-10-batches-bin/{self.name}", packed
        return tuple(folder / name for name in names)

    def unpack(self, content):
        """Records (n, RECORD) in a file's content; BadContent if anything is wrong."""
        content = _without_gzip(content, self.n_bytes)
        if content[:2] == b"PK":
            content = _records(content, self.n).tobytes()
        check(content, self)
        return np.frombuffer(content, np.uint8).reshape(self.n, RECORD)


class PackedFile(NamedTuple):
    """An ``.npz`` file of arrays, without pickled objects.

    ``arrays`` are key, type and shape of each; the SHA-256 is that of their bytes, one after
    another in this order: how an archive is compressed does not matter.
    """

    name: str
    arrays: tuple[tuple[str, str, tuple[int, ...]], ...]
    sha256: str

    @property
    def n_bytes(self):
        """Bytes of all arrays."""
        return sum(np.dtype(dtype).itemsize * math.prod(shape) for _, dtype, shape in self.arrays)

    def places(self, folder):
        """Paths where it may lie in a folder."""
        return (folder / self.name,)

    def unpack(self, content):
        """Arrays by key; BadContent if anything is wrong."""
        arrays = _packed(content, self.arrays)
        check(b"".join(x.tobytes() for x in arrays.values()), self)
        return arrays


def check(content, file):
    """Raise BadContent if a content's length or SHA-256 is not that of a file."""
    if len(content) != file.n_bytes:
        kind = "truncated" if len(content) < file.n_bytes else "too long"
        raise BadContent(f"is {kind}: its content should be {file.n_bytes:,} bytes")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise BadContent(f"has the wrong SHA-256: {digest}, not {file.sha256}", digest)


def read(path, file):
    """Read and check a file on this machine; FileNotFoundError, BadContent."""
    if not path.is_file():
        raise FileNotFoundError(path)
    limit = file.n_bytes + SLACK
    with open(path, "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise BadContent(f"is too large: more than {limit:,} bytes")
    return file.unpack(content)


def members(content, files):
    """Contents of files in a tar archive, gzipped or not, by file; BadContent."""
    known = {file.name: file for file in files}
    found = {}
    for path, part in tar_members(
        content,
        sum(file.n_bytes for file in files) + 100 * SLACK,
        lambda name: known[name].n_bytes if name in known else None,
    ):
        found[known[path.rpartition("/")[2]]] = part
    for file in files:
        if file not in found:
            raise BadContent(f"is an archive without {file.name}")
        file.unpack(found[file])
    return found


def tar_members(content, n_bytes, most):
    """Paths and contents of files in a tar archive, gzipped or not, of at most ``n_bytes``.

    ``most(name)`` is how large a file of a name may be (a byte more is read), None if it is not
    wanted. BadContent if the archive is none.
    """
    content = _without_gzip(content, n_bytes)
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                limit = most(member.name.rpartition("/")[2]) if member.isfile() else None
                if limit is not None:
                    yield member.name, archive.extractfile(member).read(limit + 1)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BadContent(f"is a damaged tar archive: {error}") from None


def _without_gzip(content, n_bytes):
    """A content that may be gzipped, unpacked: at most a byte more than expected.

    (That tells a longer file without unpacking all of it.)
    """
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            return stream.read(n_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadContent(f"is a damaged gzip file: {error}") from None


def _packed(content, wanted):
    """Arrays of an ``.npz`` file by key, of which type and shape are known."""
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name, dtype, shape in wanted:
                length = math.prod(shape) * np.dtype(dtype).itemsize + SLACK
                with archive.open(f"{name}.npy") as stream:
                    one = io.BytesIO(stream.read(length + 1))
                arrays[name] = np.load(one, allow_pickle=False)
    except Exception as error:  # damage shows in many ways: of another version, encrypted, ...
        raise BadContent(f"is a damaged packed file: {error}") from None
    for name, dtype, shape in wanted:
        found = arrays[name]
        if found.shape != shape or found.dtype != np.dtype(dtype):
            raise BadContent(f"holds {name} of {found.dtype} {found.shape}, not {dtype} {shape}")
    return arrays


def _records(content, n):
    """Records (n, RECORD) of a packed part of CIFAR-10."""
    arrays = _packed(content, (("d", "u1", (COLOURS, n, SIDE, SIDE)), ("y", "u1", (n,))))
    out = np.empty((n, RECORD), np.uint8)
    green, red, blue = arrays["d"].cumsum(2, dtype=np.uint8).cumsum(3, dtype=np.uint8)
    out[:, 0] = arrays["y"]
    planes = out[:, 1:].reshape(n, COLOURS, SIDE, SIDE)
    planes[:, 0], planes[:, 1], planes[:, 2] = red + green, green, blue + green
    return out
