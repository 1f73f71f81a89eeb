"""Exercises of notebook 4: backward in time."""

import numpy as np

from snnlab import surrogate, textbook
from snnlab.course.exercises.registry import close, question, returned
from snnlab.neurons import LIF


@question(
    "n04.q1",
    "Each adjoint takes over its own leak from the step after, and what it influences in this one.",
)
def _backward_lines(answer):
    rng = np.random.default_rng(0)
    neuron = LIF.brainscales2(tau_mem=9e-6, tau_syn=4e-6)
    v, error = rng.normal(0.7, 0.5, (2, 12, 3))
    h = surrogate.slope(neuron.surrogate, v - neuron.v_th, neuron.steepness)
    one = np.zeros((1, 12, 1))
    z = (v > neuron.v_th)[None] * 1.0
    _, _, truth = textbook.layer_backward(one, np.zeros((1, 3)), neuron, v[None], z, error[None])
    a, b = neuron.decay_syn, neuron.decay_mem
    given, more = (error.copy(), h.copy(), a, b), " Three lines are to be filled in."
    got, hint = returned("n04.q1", answer, "backward", *given, dots=more)
    if hint is not None:
        return hint
    if got.shape != error.shape:
        return f"The result has shape {got.shape}; it should have that of error, {error.shape}."
    if np.allclose(got, truth[0], rtol=1e-6, atol=1e-9):
        return None
    if not got.any():
        return "Nothing but zeros comes out. Are the three lines filled in?"
    if np.allclose(got[-1], truth[0, -1]):
        return "The last step is right, earlier ones are not. What does each adjoint take over?"
    if np.allclose(got[0], h[0] * error[0]):
        return "The first step hears nothing of later ones. Which way does the loop run?"
    return "The last step is wrong already: there, only the error of that step counts, times h."


@question(
    "n04.q2",
    "The current goes on flowing after the spike, until the leak takes as much as still comes.",
)
def _who_is_reached_first(answer):
    readout = LIF.brainscales2(tau_mem=12e-6, tau_syn=12e-6).integrator()
    spike = np.zeros((1, 40, 1))
    spike[0, 0] = 1
    response, _ = textbook.layer_forward(spike, np.ones((1, 1)), readout)
    return close(
        answer,
        int(response.argmax()),
        0,
        "Longer. The current goes on flowing after the spike, so the membrane still rises.",
        "Shorter. By then the membrane has begun to leak more than it gains.",
        "a number of steps",
    )


@question(
    "n04.q3",
    "The adjoint of the current gathers that of the membrane in every step back, and both fade.",
)
def _decay_of_blame(answer):
    """A neuron whose membrane alone is told something, two steps later."""
    neuron = LIF.brainscales2()
    one, v = np.zeros((1, 12, 1)), np.zeros((1, 12, 1))
    error = np.zeros((1, 12, 1))
    error[0, 8] = 1 / float(surrogate.slope(neuron.surrogate, np.array(-1.0), neuron.steepness))
    _, _, adjoint = textbook.layer_backward(one, np.zeros((1, 1)), neuron, v, v, error)
    truth, b = float(adjoint[0, 6, 0]), neuron.decay_mem
    membrane = "That is the adjoint of the membrane. What does the current's add to it on the way?"
    return close(
        answer,
        truth,
        0.006,
        "More. In each step back the current's adjoint also takes over the membrane's.",
        "Less. Two steps back: both adjoints have faded twice.",
        nearly=[(b**2, 0.006, membrane)],
    )
