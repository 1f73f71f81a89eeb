"""`snnlab.reports.tasks` and what `repeat` makes of it: nothing that has finished is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

from snnlab.reports.frontier import Frontier
from snnlab.reports.sweep import repeat
from snnlab.reports.tasks import Failure, run_tasks

EXECUTORS = ["serial", "loky"]
ENDED = []  # seeds that a test has seen run


def square(task):
    return task * task


def runs_of(seed, offset=0.0):
    """A frontier that depends on nothing but the seed."""
    rng = np.random.default_rng(seed)
    runs = Frontier("toy")
    runs.add(rng.random(), 10 * rng.random() + offset, seed=seed)
    return runs


def fail_until(folder, tries, how, seed):
    """Seed 3 raises, or kills its process, the first times."""
    if seed == 3:
        n = len(list(Path(folder).iterdir()))
        if n < tries:
            (Path(folder) / str(n)).touch()
            if how == "raise":
                raise OSError("no luck")
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return runs_of(seed)


@pytest.mark.parametrize("executor", [*EXECUTORS, None])
def test_results_come_in_the_order_of_the_tasks(executor):
    ended = []
    got = run_tasks(
        square, range(7), executor=executor, n_jobs=2, finished=lambda k, x: ended.append(k)
    )
    assert got == [k * k for k in range(7)] and sorted(ended) == list(range(7))
    assert run_tasks(pow, [], executor=executor) == []


def test_dicts_are_keywords():
    tasks = [{"seed": 1, "offset": 2.0}, {"seed": 2}]
    assert [x.points for x in run_tasks(runs_of, tasks)] == [
        runs_of(1, 2.0).points,
        runs_of(2).points,
    ]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_task_that_fails_is_tried_again(tmp_path, executor):
    run = partial(fail_until, str(tmp_path), 2, "raise")
    assert run_tasks(run, range(5), executor=executor, n_jobs=2, retries=2)[3].points


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_task_that_goes_on_failing_is_given_up_by_name(tmp_path, executor):
    run = partial(fail_until, str(tmp_path), 99, "raise")
    got = run_tasks(run, range(5), executor=executor, n_jobs=2, retries=1)
    assert [isinstance(x, Failure) for x in got] == [False, False, False, True, False]
    assert (got[3].task, got[3].error, got[3].tries) == (3, "OSError: no luck", 2)
    assert "fail_until" in got[3].details


@pytest.mark.rotates
def test_a_process_that_is_killed_costs_nobody_else(tmp_path):
    run = partial(fail_until, str(tmp_path), 2, "kill")
    got = run_tasks(run, range(9), executor="loky", n_jobs=2, retries=2)
    assert [x.points for x in got] == [runs_of(k).points for k in range(9)]
    for mark in tmp_path.iterdir():
        mark.unlink()
    run = partial(fail_until, str(tmp_path), 99, "kill")
    got = run_tasks(run, range(9), executor="loky", n_jobs=2, retries=1)
    assert [k for k, x in enumerate(got) if isinstance(x, Failure)] == [3]
    assert got[3].tries == 2 and "Terminated" in got[3].error


def test_threads_are_shared_among_processes(monkeypatch):
    monkeypatch.delenv("SNNLAB_WORKERS", raising=False)
    got = run_tasks(
        lambda task: os.environ.get("SNNLAB_WORKERS"), [0, 1], executor="loky", n_jobs=2
    )
    from snnlab._workers import worker_count

    assert got == [str(max(1, worker_count() // 2))] * 2
    assert "SNNLAB_WORKERS" not in os.environ


def test_faults_of_the_caller_are_no_failures_of_a_task():
    def full(k, outcome):
        raise OSError("disk full")

    for executor in EXECUTORS:
        with pytest.raises(OSError, match="disk full"):
            run_tasks(square, range(3), executor=executor, finished=full)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"executor": "dask"}, ValueError, "executor must be"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer"),
        ({"retries": -1}, ValueError, "retries must be"),
        ({"path": "/nowhere/at/all"}, ValueError, "path: there is no folder"),
        ({"progress": 1}, TypeError, "progress must be True or False"),
    ],
)
def test_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        repeat(runs_of, [0], **change)


# repeat -------------------------------------------------------------------------------------------


def test_failures_are_told_and_the_rest_is_kept(tmp_path):
    run, failures = partial(fail_until, str(tmp_path), 99, "raise"), []
    with pytest.warns(RuntimeWarning, match=r"1 of 5 runs failed: 3 \(OSError: no luck, 2 tries\)"):
        got = repeat(run, range(5), failures=failures)
    assert [p.seed for p in got] == [0, 1, 2, 4] and [f.task for f in failures] == [3]
    with pytest.raises(RuntimeError, match="all 1 runs failed: 3"):
        repeat(run, [3])


def test_what_has_finished_is_not_done_again(tmp_path):
    marks, path = tmp_path / "marks", tmp_path / "runs.json"
    marks.mkdir()
    run = partial(fail_until, str(marks), 2, "raise")
    with pytest.warns(RuntimeWarning, match="1 of 5 runs"):
        repeat(run, range(5), path=path)
    assert len(json.loads(path.read_text())["runs"]) == 4
    ENDED.clear()

    def spy(folder, tries, how, seed):  # a list of its own would make it another function
        ENDED.append(seed)
        return fail_until(folder, tries, how, seed)

    spy.__module__, spy.__qualname__ = fail_until.__module__, fail_until.__qualname__
    again = repeat(partial(spy, str(marks), 2, "raise"), range(6), path=path)
    assert ENDED == [3, 5]
    assert again.points == repeat(runs_of, range(6)).points


def test_settings_are_keywords(tmp_path):
    tasks = [{"seed": seed, "offset": offset} for offset in (0.0, 1.0) for seed in range(2)]
    path = tmp_path / "runs.json"
    got = repeat(runs_of, tasks, path=path)
    assert [p.seed for p in got] == [0, 1, 0, 1]
    assert got.points[2:] == [*runs_of(0, 1.0), *runs_of(1, 1.0)]
    assert repeat(runs_of, tasks, path=path).points == got.points


def test_what_a_function_encloses_tells_it_from_others(tmp_path):
    def moved(offset):
        return lambda seed: runs_of(seed, offset)

    path = tmp_path / "runs.json"
    got = repeat(moved(0.0), [0], path=path)
    with pytest.raises(ValueError, match="path: .* are not of this function and data"):
        repeat(moved(1.0), [0], path=path)
    assert repeat(moved(0.0), [0], path=path).points == got.points


def test_files_of_other_runs_are_refused(tmp_path):
    path = tmp_path / "runs.json"
    repeat(partial(runs_of, offset=1.0), [0], path=path)
    for other in (runs_of, partial(runs_of, offset=2.0)):
        with pytest.raises(ValueError, match="path: .* holds runs of .*runs_of"):
            repeat(other, [0], path=path)
    for text in ("", "[]", '{"format": 2}', '{"format": 1, "run": 1, "runs": [{}]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="path: .* does not hold runs"):
            repeat(runs_of, [0], path=path)
        assert path.read_text() == text


KILLED = """
import sys
sys.path.insert(0, {folder!r})
from test_tasks import *
def slow(folder, seed):
    (Path(folder) / str(seed)).touch()
    time.sleep(0.1)
    return runs_of(seed)
slow.__module__ = "tests"
marks, path, how = sys.argv[1:]
print(repeat(partial(slow, marks), range(12), path=path, executor=how, n_jobs=2).points)
"""


@pytest.mark.rotates
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_killed_sweep_goes_on(tmp_path, executor):
    marks, path = tmp_path / "marks", tmp_path / "runs.json"
    marks.mkdir()
    code = KILLED.format(folder=str(Path(__file__).parent))
    settings = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-c", code, str(marks), str(path), executor]
    first = subprocess.Popen(command, env=settings, start_new_session=True)
    while not path.exists() or len(json.loads(path.read_text())["runs"]) < 3:
        assert first.poll() is None
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = {x["task"] for x in json.loads(path.read_text())["runs"]}
    assert 3 <= len(kept) < 12
    for mark in marks.iterdir():
        mark.unlink()
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(repeat(runs_of, range(12)).points)
    assert {int(mark.name) for mark in marks.iterdir()} == set(range(12)) - kept


# a cluster ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_cluster_loses_a_worker_and_a_task(client, tmp_path, capsys):
    marks = {how: tmp_path / how for how in ("kill", "raise")}
    for folder in marks.values():
        folder.mkdir()

    def run(seed):
        if seed == 7:
            raise OSError("no luck")
        return fail_until(str(marks["kill"]), 1, "kill", seed)

    failures = []
    with pytest.warns(RuntimeWarning, match=r"1 of 16 runs failed: 7 \(OSError: no luck"):
        got = repeat(run, range(16), executor=client, failures=failures)
    assert "dashboard: http://127.0.0.1" in capsys.readouterr().out
    assert [f.task for f in failures] == [7]
    assert got.points == [p for k in range(16) if k != 7 for p in runs_of(k)]
    assert any(marks["kill"].iterdir())  # a worker was killed
