"""Kill trainings, and see that they go on to the same weights, bit by bit.

    python tools/kill.py [--kills 100] [--seed 0]

Every training is a fresh interpreter; half of the kills are inside a checkpoint's write, the others
anywhere. The exit code is 1 if weights differ.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tests" / "trust" / "killed.py"
KINDS = ("Adam", "Grad R", "Deep R", "chip", "augmentation")
PLACES = ("half", "fsync", "replace", "after")


def start(*arguments):
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def finish(*arguments):
    """Run to the end: the weights' digest, and the seconds of training."""
    process = start(*arguments)
    process.stdout.readline()
    begun = time.monotonic()
    words = process.stdout.read().split()
    seconds = time.monotonic() - begun
    if process.wait() or not words:
        raise RuntimeError(f"{arguments} failed with code {process.returncode}")
    return words[-1], seconds


def kill_within(checkpoint, kind, rng):
    """A training that is killed inside its n-th write; False if it came to its end before."""
    place = rng.choice(PLACES)
    process = start(kind, checkpoint, place, rng.randint(1, 12))
    process.communicate()
    return process.returncode < 0, place


def kill_anywhere(checkpoint, kind, rng, seconds):
    """A training that is killed after a random time."""
    process = start(kind, checkpoint)
    process.stdout.readline()
    try:
        process.communicate(timeout=rng.random() * seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode < 0, "anywhere"


def campaign(kills, number, say=print):
    """So many kills; returns how many trainings ended with equal weights, and how many differed.

    A training is killed several times in a row before it is let to its end.
    """
    rng, places, equal, different, stray = random.Random(number), Counter(), 0, 0, 0
    left = {kind: len(range(k, kills, len(KINDS))) for k, kind in enumerate(KINDS)}
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = Path(folder) / "reference.npz"
            expected, seconds = finish(kind, path)
            path.unlink()
            while left[kind]:
                path, done = Path(folder) / "checkpoint.npz", 0
                for _ in range(min(2, left[kind])):
                    within = sum(places.values()) % 2 == 0
                    killed, place = (
                        kill_within(path, kind, rng)
                        if within
                        else kill_anywhere(path, kind, rng, 0.8 * seconds)
                    )
                    places[place] += killed
                    done += killed
                    if not killed:
                        break
                found, _ = finish(kind, path)
                left[kind] -= done
                equal += done * (found == expected)
                different += done * (found != expected)
                stray += len(list(Path(folder).glob(".*"))) + len(list(Path(folder).glob("*.tmp")))
                path.unlink()
    say(f"{equal + different} kills: {dict(places)}")
    say(f"{equal} went on to weights that are equal bit by bit, {different} did not")
    say(f"{stray} temporary files were left")
    return equal, different, stray


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    equal, different, stray = campaign(arguments.kills, arguments.seed)
    return int(different > 0 or stray > 0 or equal < arguments.kills)


if __name__ == "__main__":
    sys.exit(main())
