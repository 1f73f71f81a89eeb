"""W3, a recurrent layer: ``python benchmarks/speed/recurrent.py [--quick]``.

256-256 recurrent-10 on W1's inputs (`speed.py`: batches of 100 latency-coded 16 x 16 images, 100
steps), with its loss, constants and Adam at a learning rate of 0: ours beside PyTorch by autograd,
eager and compiled, and beside JAX (``peers_jax.py``), each in several ways to take products and to
unroll. Weights are the same, and gradients are compared before anything is timed; then all take
turns, with as many threads as there are cores. Written to ``data/results/speed-recurrent.json``
(``--quick``: nothing, and nothing compiled); let nothing else run.

The floor is the exact backward product alone, ``W g_I`` with 256 x 256 weights in all steps but the
last, by NumPy's matrix product: without leaving anything out, no step takes less.
"""

import argparse
import os

import numpy as np
import speed

import snnlab
from snnlab import datasets, losses
from snnlab._workers import worker_count
from snnlab.layers import Recurrent


class Recurrences(speed.Latencies):
    """W1 with a recurrent layer."""

    works, loss = ("W3",), losses.MaxOverTime(scale=10.0)  # `peers.SCALE`

    def make_network(self):
        neuron = snnlab.LIF.brainscales2(dt=self.code["dt"])
        layers = self.trains.n_units, Recurrent(256), 10
        network = snnlab.Network(layers, neuron, n_steps=self.n_steps, rng=1)
        return network.scale_to_activity(self.trains[:500], speed.ACTIVITY[self.n_steps])


def torch_peers(network, batch, compiled):
    """PyTorch, eager or compiled, by name; empty without it."""
    try:
        import torch
    except ImportError:
        return {}
    import peers

    class Loop(peers.Autograd):
        """Autograd through a layer that hears itself."""

        def potentials(self, x):
            """Readout potentials, (time, sample, class)."""
            w_in, w_loop, w_out = self.parameters
            arriving = (x @ w_in).unbind(0) if self.at_once else None
            i = v = z = torch.zeros(x.shape[1], self.n, dtype=self.dtype)
            spikes, out = [], []
            for t in range(self.n_steps):
                now = arriving[t] if self.at_once else x[t] @ w_in
                if t > 0:
                    now = torch.addmm(now, z, w_loop)
                i = torch.add(now, i, alpha=self.a)
                v = torch.add(i, v, alpha=self.b) - self.v_th * z.detach()
                z = peers.Spike.apply(v - self.v_th, self.k)
                spikes.append(z)
            io = vo = torch.zeros(x.shape[1], self.n_out, dtype=self.dtype)
            for now in (torch.stack(spikes) @ w_out).unbind(0):
                io = torch.add(now, io, alpha=self.a)
                vo = torch.add(io, vo, alpha=self.b)
                out.append(vo)
            return torch.stack(out)

    found, kind = {}, "compiled" if compiled else "eager"
    for how, at_once in (("at once", True), ("step by step", False)):
        peer = Loop(network, batch, 0.0, at_once)
        if compiled:
            peer.loss = torch.compile(peer.loss, fullgraph=True, dynamic=False)
        found["pytorch-" + kind, f"inputs {how}"] = peer
    return found


def jax_peers(network, batch):
    """JAX, by name; empty without it."""
    os.environ["NPROC"] = str(worker_count())  # read by XLA when it is first used
    try:
        import peers_jax
    except ImportError:
        return {}
    return {
        ("jax", f"inputs {how}, {loop}"): peers_jax.Recurrence(network, batch, 0.0, at_once, unroll)
        for how, at_once in (("at once", True), ("step by step", False))
        for loop, unroll in (("loop", False), ("unrolled tenfold", True))
    }


def compare(ours, peer, inputs, labels):
    """Refuse to time what does not compute the same: gradients, to single precision."""
    trace = ours.network.forward(inputs)
    _, g = ours.loss(trace.readout, labels)
    mine = [np.array(w) for w in ours.network.backward(trace, g)]
    peer.step(peer.prepare(inputs), peer.targets(labels))  # its learning rate is 0
    for a, b in zip(mine, peer.gradients(), strict=True):
        off = np.abs(a - b).max() / np.abs(b).max()
        assert off < 1e-3, f"gradients differ by {off:.1e} of the largest"
        print(f"gradients agree to {off:.1e} of the largest")


def floor(n, batch, n_steps):
    """The backward product alone."""
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=(n, n)).astype("f4"), rng.normal(size=(batch, n)).astype("f4")
    out = np.empty_like(g)

    def products():
        for _ in range(n_steps - 1):
            np.matmul(g, w, out=out)

    return products


def main():
    """Compare, time, store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="rough, and stores nothing")
    quick = parser.parse_args().quick
    report = speed.Report("python benchmarks/speed/recurrent.py" + " --quick" * quick)
    setting = Recurrences(datasets.load_default(), 100)
    ours = setting.ours(None)
    inputs, labels = setting.trains[: setting.batch], setting.labels[: setting.batch]
    given = setting.network, setting.batch
    peers = torch_peers(*given, False) | ({} if quick else torch_peers(*given, True))
    peers |= jax_peers(*given)
    runs = {"ours": speed.Contender(ours.step)}
    runs["without Adam"] = speed.Contender(ours.kernel)
    runs["floor"] = speed.Contender(floor(256, setting.batch, setting.n_steps))
    for name, peer in peers.items():
        compare(ours, peer, inputs, labels)
        batch, threads = peer.prepare(inputs), None if name[0] == "jax" else worker_count()
        runs[name] = speed.Contender.of(peer, [batch], peer.targets(labels), threads)
    times = speed.measure(runs, 3 if quick else 15)
    rows = []
    for name, t in times.items():
        ratio, ms = t / times["ours"], float(1e3 * np.median(t))
        who, how = name if isinstance(name, tuple) else (None, name)
        if name != "ours":
            about = {"how": how, "ms": ms, "threads": worker_count()} | setting.config
            report.record("ratio", ratio, "W3", who, **about)
        rows.append((who or "snnlab", how, f"{ms:.3g}", f"{np.median(ratio):.2f}"))
    report.table(("who", "how", "ms", "of ours"), rows)
    if not quick:
        report.store("speed-recurrent")


if __name__ == "__main__":
    main()
