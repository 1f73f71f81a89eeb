"""Give hostile arguments to everything public, and say what came of it.

    python tools/fuzz.py [--cases 15] [--seed 0] [--only PART] [--bounds] [--show]

Targets are made from the package; cases run in a child process, so that a crash is counted and does
not end the run. With ``--bounds`` kernels check every index (NUMBA_BOUNDSCHECK=1). The exit code is
the number of faults, at most 99.
"""

import argparse
import faulthandler
import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEMORY = 12 * 2**30  # of a child
PATIENCE = 60  # seconds for a case; the first ones compile


def child(arguments):
    """Run targets from standard input, one line each; report each case before and after."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for folder in ("tests", "tests/trust"):
        sys.path.insert(0, str(ROOT / folder))
    import fuzzing
    import values
    from targets import all_targets

    os.chdir(values.folder())
    known = all_targets()

    def say(**what):
        channel.write(json.dumps(what) + "\n")
        channel.flush()

    say(ready=len(known))
    for line in sys.stdin:
        name = line.strip()
        begun = time.monotonic()
        note = lambda *given: say(begin=given)  # noqa: E731
        try:
            found = fuzzing.run_target(known[name], arguments.cases, arguments.seed, note)
        except Exception as fault:  # of this tool, or an argument without a strategy
            say(broken=f"{type(fault).__name__}: {fault}"[:300], target=name)
            continue
        for x in found:
            say(outcome=vars(x))
        say(done=name, seconds=time.monotonic() - begun)


class Child:
    """A child process, and what it says, with a limit of time."""

    def __init__(self, arguments, environment):
        own = ["--child", "--cases", str(arguments.cases), "--seed", str(arguments.seed)]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, __file__, *own],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
        )
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, patience):
        """What it says next; None at its end; raises `queue.Empty` if it says nothing."""
        return self.lines.get(timeout=patience)

    def end(self):
        """Let it come to an end; returns the exit code and the last lines of its errors."""
        self.process.kill()
        code = self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stdin.close()
        with self.log as log:
            log.seek(max(0, log.seek(0, 2) - 1500))
            return code, log.read().decode(errors="replace")


def environment(bounds=False):
    """Of a child process."""
    out = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    if bounds:
        cache = ROOT / ".cache" / "numba-bounds"
        out |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}
    return out


def campaign(names, arguments, environment):
    """Run targets one by one; returns outcomes and what happened to the child processes."""
    outcomes, events, worker = [], [], None
    for name in names:
        if worker is None:
            worker = Child(arguments, environment)
            worker.next(300)
        worker.process.stdin.write(name + "\n")
        worker.process.stdin.flush()
        last = None
        while True:
            try:
                said = worker.next(PATIENCE)
            except queue.Empty:
                events.append(
                    {"kind": "hang", "target": name, "case": last, "log": worker.end()[1]}
                )
                worker = None
                break
            if said is None:
                code, log = worker.end()
                events.append(
                    {"kind": "crash", "target": name, "case": last, "code": code, "log": log}
                )
                worker = None
                break
            if "begin" in said:
                last = said["begin"]
            elif "outcome" in said:
                outcomes.append(said["outcome"])
            elif "broken" in said:
                events.append({"kind": "broken", "target": name, "log": said["broken"]})
                break
            elif "done" in said:
                break
    if worker is not None:
        worker.end()
    return outcomes, events


def summary(names, outcomes, events):
    """Figures as a dict."""
    kinds = Counter(x["kind"] for x in outcomes)
    happened = Counter(x["kind"] for x in events)
    return {
        "targets": len(names),
        "cases": len(outcomes),
        "results": kinds["result"],
        "refusals by name": kinds["refused"],
        "crashes": happened["crash"],
        "hangs": happened["hang"],
        "silent NaN": kinds["silent"],
        "errors that name no argument": kinds["nameless"] + kinds["other error"],
        "out of memory": kinds["memory"],
        "targets without a strategy": happened["broken"],
    }


FAULTS = (
    "crashes",
    "hangs",
    "silent NaN",
    "errors that name no argument",
    "out of memory",
    "targets without a strategy",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=15, help="per argument")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="targets whose name contains this")
    parser.add_argument("--bounds", action="store_true", help="kernels check every index")
    parser.add_argument("--json", help="write all faults to this file")
    parser.add_argument("--list", help="write targets and arguments with faults to this file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments)
    sys.path.insert(0, str(ROOT / "tests" / "trust"))
    sys.path.insert(0, str(ROOT))
    from targets import all_targets

    known = all_targets()
    names = [x.name for x in known.values() if arguments.only in x.name and not x.is_protocol]
    outcomes, events = campaign(names, arguments, environment(arguments.bounds))
    figures = summary(names, outcomes, events)
    faults = [x for x in outcomes if x["kind"] not in ("result", "refused")]
    for x in events:
        print(x["kind"], x["target"], x.get("case"), x.get("code", ""), x["log"][-900:], sep="\n  ")
    seen = Counter()
    for x in faults:
        key = x["target"], x["argument"], x["kind"], x["text"][-60:]
        seen[key] += 1
        if seen[key] == 1:
            print(f"{x['kind']}: {x['target']}({x['argument']}={x['given']}): {x['text']}")
    if arguments.list:
        found = sorted({f"{x['target']} {x['argument']} {x['kind']}" for x in faults})
        Path(arguments.list).write_text("".join(f"{line}\n" for line in found))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"faults": faults, "events": events}, indent=1))
    print(f"{sum(x.is_protocol for x in known.values()):8d} methods that only the package calls")
    for name, n in figures.items():
        print(f"{n:8d} {name}")
    return min(99, sum(figures[name] for name in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
