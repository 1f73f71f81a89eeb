"""Long work on a thread: the newest request wins, the first frame is shown, nothing is left."""

import asyncio
import gc
import signal
import threading
import time
import types

import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from snnlab import live, plot
from snnlab.live import worker as module


class Recorder:
    """A worker whose requests take ``n`` slices, each shown unless it is among the first."""

    def __init__(self, n=30, blind=0, nap=0.002):
        self.n, self.blind, self.nap = n, blind, nap
        self.shown, self.began, self.ended, self.failed, self.threads = [], [], [], [], set()
        self.worker = live.Worker(self.work, self.show, self.failed.append)

    def work(self, request):
        self.began.append(request)
        try:
            for k in range(self.n):
                time.sleep(self.nap)
                if request == "fail" and k == 3:
                    raise ZeroDivisionError("mine")
                yield None if k < self.blind else (request, k)
        finally:
            self.ended.append(request)

    def show(self, frame):
        self.threads.add(threading.current_thread())
        self.shown.append(frame)

    def reached(self, n, timeout=5.0):
        """Wait until so many frames were shown."""
        until = time.monotonic() + timeout
        while len(self.shown) < n:
            assert time.monotonic() < until, "no frame came"
            time.sleep(0.001)


@pytest.fixture
def made():
    """Makes recorders and closes their workers."""
    recorders = []

    def make(**settings):
        recorders.append(Recorder(**settings))
        return recorders[-1]

    yield make
    for recorder in recorders:
        recorder.worker.close()


def test_all_frames_of_one_request_in_order_on_one_thread(made):
    r = made(n=8)
    r.worker.ask("a")
    assert r.worker.wait(5) and not r.worker.busy
    assert r.shown == [("a", k) for k in range(8)] and r.ended == ["a"]
    r.worker.ask("b")
    assert r.worker.wait(5) and r.shown[-1] == ("b", 7)
    assert len(r.threads) == 1 and threading.current_thread() not in r.threads
    assert all(thread.daemon for thread in r.threads)


def test_the_newest_request_wins(made):
    r = made(n=40)
    r.worker.ask(0)
    r.reached(1)
    for k in range(1, 20):
        r.worker.ask(k)
    assert r.worker.wait(10)
    assert r.shown[-1] == (19, 39), "the last request must be finished"
    assert [k for k in r.began if r.shown.count((k, 39))] == [19], "an old one was finished"
    assert r.began == r.ended, "abandoned work must be closed"
    assert len(r.began) < 10, "requests in between must be skipped"


def test_the_first_frame_is_always_shown(made):
    r = made(n=60, blind=10)
    for k in range(25):  # a drag: requests come faster than first frames
        r.worker.ask(k)
        time.sleep(0.01)
    assert r.worker.wait(10)
    for k in r.began:
        assert (k, 10) in r.shown, f"request {k} was given up before its first frame"
    assert 3 < len(r.began) < 25


def test_stop_is_quick_and_drops_what_waits(made):
    r = made(n=100_000)
    r.worker.ask("long")
    r.reached(3)
    r.worker.ask("next")
    r.worker.stop()
    began = time.perf_counter()
    assert r.worker.wait(2) and not r.worker.busy
    assert time.perf_counter() - began < 1
    n = len(r.shown)
    time.sleep(0.03)
    assert len(r.shown) == n and "next" not in r.began and r.ended == ["long"]
    r.n = 5
    r.worker.ask("again")
    assert r.worker.wait(5) and r.shown[-1] == ("again", 4)


def test_stop_does_not_wait_for_a_first_frame(made):
    r = made(n=100_000, blind=100_000)
    r.worker.ask("blind")
    time.sleep(0.02)
    r.worker.stop()
    assert r.worker.wait(2) and r.shown == []


def test_close_ends_the_thread(made):
    r = made(n=100_000)
    r.worker.ask("long")
    r.reached(1)
    (thread,) = r.threads
    r.worker.close()
    assert not thread.is_alive() and r.ended == ["long"]
    r.worker.close()
    r.worker.ask("ignored")
    assert r.worker.wait(1) and r.began == ["long"]


def test_no_thread_without_a_request(made):
    before = threading.active_count()
    r = made()
    assert threading.active_count() == before
    assert r.worker.wait(1)


def test_errors_are_reported_kept_raised_and_survived(made):
    r = made(n=10)
    r.worker.ask("fail")
    with pytest.raises(ZeroDivisionError, match="mine"):
        r.worker.wait(5)
    assert [type(e) for e in r.failed] == [ZeroDivisionError] and r.shown[-1] == ("fail", 2)
    r.worker.ask("good")
    assert r.worker.wait(5) and r.worker.error is None and r.shown[-1] == ("good", 9)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_the_work_is_an_error_like_others(kind):
    def work(request):
        yield request
        if request == "exit":
            raise kind("mine")

    failed, shown = [], []
    worker = live.Worker(work, shown.append, failed.append)
    worker.ask("exit")
    with pytest.raises(kind, match="mine"):
        assert worker.wait(5), "the thread has ended"
    assert len(failed) == 1
    worker.ask("on")
    assert worker.wait(5) and shown == ["exit", "on"]
    worker.close()


def test_errors_while_showing_are_not_lost(made):
    r = made(n=3)
    r.worker._show = lambda frame: 1 / 0
    r.worker._fail = lambda error: 1 / 0  # even the message cannot be shown
    r.worker.ask("a")
    with pytest.raises(ZeroDivisionError):
        r.worker.wait(5)
    r.worker._show = r.show
    r.worker.ask("b")
    assert r.worker.wait(5) and r.shown[-1] == ("b", 2)


def test_waiting_has_an_end(made):
    r = made(n=100_000)
    r.worker.ask("long")
    assert r.worker.wait(0.02) is False
    r.worker.stop()


# the stop button ----------------------------------------------------------------------------------


class Events:
    def register(self, name, function):
        assert name == "post_run_cell"
        self.function = function


def test_an_interrupted_cell_stops_all_work(made, monkeypatch):
    """As in a notebook, whose shell reports how a cell ended."""
    shell = types.SimpleNamespace(kernel=object(), events=Events())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(__import__("sys").modules, "IPython", ipython)
    monkeypatch.setattr(module, "_watching", False)
    r = made(n=100_000)
    r.worker.ask("long")
    r.reached(1)
    shell.events.function(types.SimpleNamespace(error_in_exec=None))
    shell.events.function(types.SimpleNamespace(error_in_exec=ValueError()))
    assert r.worker.busy
    shell.events.function(types.SimpleNamespace(error_in_exec=KeyboardInterrupt()))
    assert not r.worker.busy and r.worker.wait(2)


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="no signals here")
def test_an_interrupt_between_cells_stops_all_work(made):
    """Between cells a kernel ignores interrupts; the handler must replace that, and only that."""
    before = signal.getsignal(signal.SIGINT)

    async def kernel():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a cell is waiting
        module._install_between_cells(asyncio.get_running_loop())
        await asyncio.sleep(0.3)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it has ended
        await asyncio.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    r = made(n=100_000)
    r.worker.ask("long")
    r.reached(1)
    try:
        asyncio.run(kernel())
        assert not r.worker.busy and r.worker.wait(2)
    finally:
        signal.signal(signal.SIGINT, before)


# panels with long work ----------------------------------------------------------------------------


class Slow(live.Panel):
    """A panel whose work takes ten slices."""

    controls = {"x": live.Slider("size", 0, 100, 1, 2, digits=0)}

    def simulate(self, *, x):
        for k in range(10):
            time.sleep(0.003)
            if x == 13 and k == 5:
                raise ValueError("x is unlucky")
            yield (x, k) if k % 2 else None

    def draw(self, data):
        fig = plot.new_figure(2, 1)
        picture = plot.show(fig, "Two numbers.")
        picture.artists.text = fig.text(0.5, 0.5, "")
        self.update(picture, data)
        return picture

    def update(self, picture, data):
        self.threads = getattr(self, "threads", []) + [threading.current_thread()]
        picture.artists.text.set_text(str(data))

    def describe(self, data):
        return f"{data[0]} after {data[1]}"


@pytest.fixture
def slow():
    panel = Slow()
    yield panel
    panel.close()


def test_a_generator_is_run_by_the_worker(slow):
    assert slow.image.value[:4] == b"\x89PNG", "the first frame must not wait for the thread"
    assert slow.wait(5) and slow.text == "2 after 9"
    del slow.threads[:]
    for x in range(20, 60):
        slow.widgets["x"].value = x
    assert slow.wait(10) and slow.text == "59 after 9" and slow.error is None
    assert {thread.name[:12] for thread in slow.threads} == {"snnlab-panel"}
    assert threading.current_thread() not in slow.threads, "only the thread writes the picture"


def test_render_is_complete_at_once(slow):
    slow.stop()
    slow.render()
    assert slow.text == "2 after 9"


def test_errors_of_the_thread_reach_the_panel(slow):
    slow.wait(5)
    slow.widgets["x"].value = 13
    with pytest.raises(ValueError, match="unlucky"):
        slow.wait(5)
    assert isinstance(slow.error, ValueError) and "unlucky" in slow._fault.value
    with pytest.raises(ValueError, match="unlucky"):
        slow.render()
    slow.widgets["x"].value = 14
    assert slow.wait(5) and slow.error is None and slow._fault.layout.display == "none"


def test_running_a_cell_again_leaves_one_thread(slow):
    def threads():
        return [t for t in threading.enumerate() if t.name.startswith("snnlab-panel")]

    slow.wait(5)
    n = len(threads())
    panels = [Slow() for _ in range(4)]
    assert len(threads()) == n and slow.closed and all(p.closed for p in panels[:-1])
    panels[-1].close()
    assert len(threads()) == n - 1
    del panels
    gc.collect()
    assert len(module._ALIVE) == len(threads())
