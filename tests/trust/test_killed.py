"""Nothing is lost: killed trainings, a full disk, an interrupted kernel."""

import os
import textwrap

import kill
import numpy as np
import pytest
from helpers import active, fresh_python, same, train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the killed
def test_ten_killed_trainings_go_on_to_the_same_weights():
    said = []
    equal, different, stray = kill.campaign(10, 0, said.append)
    assert (equal, different, stray) == (10, 0, 0), said


def test_a_stream_is_known_by_what_it_holds_in_any_process():
    """A function's address was part of it: an augmented training could not be gone on with."""
    code = """
        import numpy as np, snnlab
        from snnlab.learning.digest import digest
        images = np.zeros((3, 9, 9), np.uint8)
        for workers in (1, 2):
            stream = snnlab.AugmentedImages(images, 8, snnlab.Affine(shift=1), workers=workers)
            print(digest(stream))
        print(digest(snnlab.AugmentedImages(images, 8, snnlab.Affine(shift=2))))
    """
    first, second = (fresh_python("-c", textwrap.dedent(code)).stdout.split() for _ in range(2))
    assert first == second and first[0] == first[1] != first[2]


def test_a_full_disk_leaves_the_old_checkpoint_and_says_so(tmp_path):
    """Files may not be larger than a little: what a full disk does, and needs no rights."""
    net, inputs, labels = active()
    path = tmp_path / "run.npz"
    train(net, inputs, labels, epochs=1, batch_size=20, rng=0, checkpoint=path)
    before = path.read_bytes()
    code = f"""
        import resource, signal, sys
        sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})
        from helpers import active, train
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        net, inputs, labels = active()
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            train(net, inputs, labels, epochs=2, batch_size=20, rng=0, checkpoint={str(path)!r},
                  extend=True)
        except OSError as fault:
            print(type(fault).__name__, fault)
    """
    said = fresh_python("-c", textwrap.dedent(code)).stdout
    assert "File too large" in said or "No space" in said
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["run.npz"]
    train(net, inputs, labels, epochs=2, batch_size=20, rng=0, checkpoint=path, extend=True)


@pytest.mark.notebook
@pytest.mark.slow
def test_interrupting_a_kernel_leaves_a_completed_step():
    """The button of a notebook: the cell ends, and the network is at a completed step."""
    manager_of = pytest.importorskip("jupyter_client").manager
    manager, client = manager_of.start_new_kernel()
    try:
        run(
            client,
            """
            import numpy as np, snnlab, warnings
            warnings.simplefilter("ignore")
            inputs = snnlab.encode.latency(np.random.default_rng(0).random((40, 20)))
            labels = np.arange(40) % 3
            net = snnlab.Network((20, 12, 3), snnlab.LIF.brainscales2(), n_steps=20, rng=0)
            kept = []
            def note(step):
                kept[:] = [net.parameters.copy()]
                if step.epoch == 3 and step.step == 0:
                    print("training", flush=True)
        """,
        )
        client.execute(
            "history = snnlab.train(net, inputs, labels, epochs=10**6, batch_size=10, rng=0, "
            "callback=note, progress=False)"
        )
        while client.get_iopub_msg(timeout=120)["content"].get("text") != "training\n":
            pass
        manager.interrupt_kernel()
        said = run(
            client,
            """
            print(history.interrupted, len(history) >= 3, np.array_equal(kept[0], net.parameters))
        """,
        )
        assert said.split() == ["True", "True", "True"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client, code):
    """Run a cell; returns what it printed, and fails with its error."""
    printed = []

    def take(message):
        content = message["content"]
        assert message["msg_type"] != "error", content
        if message["msg_type"] == "stream":
            printed.append(content["text"])

    client.execute_interactive(textwrap.dedent(code), timeout=120, output_hook=take)
    return "".join(printed)


def test_weights_differ_where_training_does():
    """What the kill tests compare is able to differ."""
    net, inputs, labels = active()
    other = net.copy()
    train(net, inputs, labels, epochs=1, batch_size=20, rng=0)
    train(other, inputs, labels, epochs=1, batch_size=20, rng=1)
    assert not same(net, other) and np.isfinite(net.parameters).all()
