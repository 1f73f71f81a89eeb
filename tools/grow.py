"""Do the same many times, and see that memory does not grow.

    python tools/grow.py [--times 1000]

For trainings, fits of the classifier and updates of a panel: traced memory (tracemalloc) and the
resident set (Linux), after a tenth of the times and at the end. The exit code says how many grew.
"""

import argparse
import gc
import sys
import tracemalloc
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
# Per repetition, above what allocators and caches do of themselves: one small array shows.
TRACED, RESIDENT = 100, 10_000  # bytes


def resident():
    """Bytes of memory that the process holds; 0 where nobody says so."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    [line] = [x for x in status.read_text().splitlines() if x.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def trainings():
    import snnlab

    rng = np.random.default_rng(0)
    inputs, labels = snnlab.encode.latency(rng.random((20, 12))), np.arange(20) % 3

    def work():
        net = snnlab.Network((12, 8, 3), snnlab.LIF.brainscales2(), n_steps=20, rng=0)
        snnlab.train(
            net,
            inputs,
            labels,
            epochs=1,
            batch_size=10,
            rng=0,
            progress=False,
            optimizer=snnlab.GradR(1e-3),
            substrate=snnlab.Substrate(0),
        )

    return work


def fits():
    import snnlab

    x, y = np.random.default_rng(0).random((20, 40)), np.arange(20) % 3

    def work():
        model = snnlab.SpikingClassifier((6,), epochs=1, batch_size=10, random_state=0)
        model.fit(x, y).predict(x)

    return work


def updates():
    from snnlab import panels

    panel = panels.OneNumber()
    slider = panel.widgets["threshold"]
    values = iter(range(10**9))

    def work():
        slider.value = slider.min + (next(values) % 7) * slider.step
        panel.wait(60)

    return work


WORK = {"trainings": trainings, "fits": fits, "panel updates": updates}


def growth(work, times):
    """Bytes by which traced and resident memory grow, per repetition, after a tenth of them."""
    tracemalloc.start()
    for k in range(times):
        work()
        if k == times // 10:
            gc.collect()
            before = tracemalloc.get_traced_memory()[0], resident()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0], resident()
    tracemalloc.stop()
    n = times - 1 - times // 10
    return tuple((b - a) / n for a, b in zip(before, after, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1000)
    arguments, grown = parser.parse_args(), 0
    sys.path.insert(0, str(ROOT))
    for name, make in WORK.items():
        traced, held = growth(make(), arguments.times)
        print(f"{arguments.times} {name}: {traced:.0f} bytes traced, {held:.0f} resident, for each")
        grown += traced > TRACED or held > RESIDENT
    return grown


if __name__ == "__main__":
    sys.exit(main())
