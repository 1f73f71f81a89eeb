"""Files of repeated runs and of sweeps: what has finished, so that none is done twice."""

import functools
import json
from dataclasses import asdict

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_format, check_writable, load_npz, save_npz, write_atomically
from snnlab.learning.checkpoint import factors_of, generator_state, set_generator_state
from snnlab.learning.digest import digest
from snnlab.reports.frontier import Frontier, Point

FORMAT = 1


class RunBook:
    """Frontiers by task, in a JSON file that is written whole or not at all.

    Parameters
    ----------
    path : path
    run : callable
        The function that makes them; a file of another function, or of other data that it encloses
        or a ``functools.partial`` holds, is refused.

    Raises
    ------
    ValueError
        If the file is none of such runs, or none can be written; it names ``path``.
    """

    def __init__(self, path, run):
        self.path = _check.path("path", path)
        check_writable("path", self.path)
        self.run, self._found = _name(run), {}
        if not self.path.exists():
            return
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            check_format(content, FORMAT)
            of, runs = content["run"], content["runs"]
            self._found = {_key(x["task"]): Frontier.from_dict(x["frontier"]) for x in runs}
        except DAMAGE as fault:
            raise ValueError(f"path: {self.path} does not hold runs: {fault}") from None
        if of != self.run:
            raise ValueError(
                f"path: {self.path} holds runs of {of[0]} that are not of this function and data "
                f"({self.run[0]}); use another file"
            )

    def get(self, task):
        """The frontier of a task that has finished, or None."""
        return self._found.get(_key(task))

    def add(self, task, frontier):
        """Take in a run that has finished, and write the file."""
        self._found[_key(task)] = frontier
        runs = [{"task": json.loads(k), "frontier": f.to_dict()} for k, f in self._found.items()]
        content = {"format": FORMAT, "run": self.run, "runs": runs}
        text = json.dumps(content) + "\n"
        write_atomically(self.path, lambda file: file.write(text.encode()))


def _key(task):
    return json.dumps(task, sort_keys=True)


def _name(run):
    """What tells a function from others: its name, and a digest of what it holds."""
    inner = run.func if isinstance(run, functools.partial) else run
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    return [f"{inner.__module__}.{name}", digest(run)]


class SweepBook:
    """A sweep so far: its points, the weights at each, and what the next strength starts from.

    Parameters
    ----------
    path : path
    network : Network
        The one that is trained; it is put where the file ends.
    rng : numpy.random.Generator
        Likewise.
    substrate : Substrate or None
        Likewise, its age.
    settings : list
        All else that the results depend on; a file of others is refused.
    """

    def __init__(self, path, network, rng, substrate, settings):
        self.path = _check.path("path", path)
        check_writable("path", self.path)
        self.network, self.rng, self.substrate = network, rng, substrate
        chip = repr(substrate), factors_of(substrate)
        start = [network.to_dict(), network.parameters, generator_state(rng)]
        self.start = digest([json.dumps(start[0], sort_keys=True), *start[1:], settings, chip])
        self.points, self._parameters = [], []
        if self.path.exists():
            self._read()

    def _read(self):
        arrays, size = load_npz(self.path), self.network.parameters.shape
        try:
            header = json.loads(str(arrays["header"]))
            check_format(header, FORMAT)
            points = [Point(**values) for values in header["points"]]
            found = [
                _check.array(f"parameters_{k}", arrays[f"parameters_{k}"], self.network.dtype, size)
                for k in range(len(points))
            ]
            age = _check.integer("age", header["age"], at_least=0)
            if not points:
                raise ValueError("there is no point in it")
            is_this = header["start"] == self.start
            if is_this:
                set_generator_state(self.rng, header["rng"])
        except DAMAGE as fault:
            raise ValueError(f"path: {self.path} does not hold a sweep: {fault}") from None
        if not is_this:
            raise ValueError(f"path: {self.path} is of another sweep; use another file")
        self.points, self._parameters = points, found
        self.network.parameters[...] = found[-1]
        if self.substrate is not None:
            self.substrate.age = age

    def finished(self):
        """Network and point of each strength that was finished before."""
        for point, parameters in zip(self.points.copy(), self._parameters.copy(), strict=True):
            network = self.network.copy()
            network.parameters[...] = parameters
            yield network, point

    def add(self, point):
        """Take in a strength that has just been finished, and write the file."""
        self.points.append(point)
        self._parameters.append(self.network.parameters.copy())
        header = {
            "format": FORMAT,
            "start": self.start,
            "points": [asdict(p) for p in self.points],
            "rng": generator_state(self.rng),
            "age": getattr(self.substrate, "age", 0),
        }
        arrays = {f"parameters_{k}": x for k, x in enumerate(self._parameters)}
        save_npz(self.path, {"header": np.array(json.dumps(header))} | arrays)

    def __len__(self):
        return len(self.points)
