"""Exercises of notebook 10: learn through the chip."""

import numpy as np

from snnlab import encode
from snnlab.course.exercises.registry import close, question
from snnlab.neurons import LIF


@question(
    "n10.q1",
    "What was measured goes into loss and backward pass, and the weights stay within what "
    "can be written.",
)
def _step_in_the_loop(answer):
    from snnlab.chip.substrate import Substrate
    from snnlab.learning.losses import MaxOverTime
    from snnlab.learning.optim import Adam
    from snnlab.network import Network

    if not callable(answer):
        return "The answer is the function itself, without brackets: check('n10.q1', step)."
    rng = np.random.default_rng(0)
    batch, targets = encode.latency(rng.random((20, 30), np.float32)), rng.integers(0, 3, 20)
    loss = MaxOverTime()

    def trained(step):
        network = Network((30, 12, 3), LIF.brainscales2(), n_steps=20, rng=0)
        network.scale_to_activity(batch, 8)
        chip, optimizer = Substrate(0, sigma_d=0.4), Adam(lr=0.2)  # some leave the range
        for _ in range(2):
            step(network, chip, batch, targets, optimizer)
        return network.parameters, chip.age

    def step(network, chip, batch, targets, optimizer, clip=True, ideal=False):
        trace = network.forward(batch) if ideal else network.forward(batch, on=chip)
        _, g_readout = loss(trace.readout, targets)
        optimizer.step(network, network.backward(trace, g_readout))
        if clip:
            chip.clip(network)

    try:
        got, runs = trained(answer)
    except Exception as fault:
        if "ellipsis" in f"{fault} {type(fault).__name__}".lower():
            return "There are still dots in the function. Four of them are to be replaced."
        return f"The function stops with {type(fault).__name__}: {fault}"
    if np.array_equal(got, trained(step)[0]):
        return None
    if runs == 0:
        return "The chip has never run. The forward pass must be measured, not simulated."
    if runs > 2:
        return "The chip runs more than once per step. Measure once, and use that trace."
    if np.array_equal(got, trained(lambda *a: step(*a, clip=False))[0]):
        return "Right but for the end: some weights are beyond what the chip can write."
    return "Other weights come out. Loss and backward must both read the measured trace."


def _mismatch_runs():
    """Mean accuracies of stored full runs: by way of training, by mismatch (None: calibrated)."""
    from snnlab.course import results

    out = {"loop": {}, "transfer": {}}
    for r in results.load("chip-mismatch"):
        out[r["mode"]][r["sigma_d"]] = r["mean"]
    return out


@question(
    "n10.q2",
    "There transfer has lost five points and the loop less than one: it has learned the "
    "chip's faults.",
)
def _where_transfer_fails(answer):
    runs = _mismatch_runs()
    lost = {
        mode: {s: by[None] - y for s, y in by.items() if s is not None} for mode, by in runs.items()
    }
    fitting = [s for s in lost["loop"] if lost["transfer"][s] >= 0.05 and lost["loop"][s] < 0.01]
    percent = "A mismatch in percent. Give it as a share, like the others."
    return close(
        answer,
        min(fitting),
        1e-3,
        "There, transfer has not lost five points yet.",
        "True there, but already at a smaller mismatch.",
        "a relative standard deviation",
        [(100 * s, 0.1, percent) for s in lost["loop"]],
    )


@question("n10.q3", "The weights fit the faults of their own chip, and another chip has others.")
def _what_a_move_costs(answer):
    from snnlab.course import results

    tested = [r["values"] for r in results.load("chip-transfer-matrix")[:5]]
    matrix = np.array(tested).T
    own = np.diag(matrix).mean()
    truth = 100 * (own - matrix[~np.eye(5, dtype=bool)].mean())
    share = "The right share; the question asks for points, that is, for percent."
    whole = "Smaller than it should be: the mean of the others must leave the diagonal out."
    return close(
        answer,
        truth,
        0.06,
        "It is more than that.",
        "It is less than that.",
        "a number of points",
        [(truth / 100, 6e-4, share), (100 * (own - matrix.mean()), 0.06, whole)],
    )
