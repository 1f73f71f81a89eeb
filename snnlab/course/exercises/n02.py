"""Exercises of notebook 2: from pixels to spikes."""

import numpy as np

from snnlab import encode
from snnlab.course.exercises.registry import close, question


@question("n02.q1", "The law gives the time at which θ is reached, less the time that black takes.")
def _when_a_grey_pixel_spikes(answer):
    truth = float(encode.latency_times(np.array([0.5]))[0]) * 1e6
    seconds = "The right time, in seconds. The question asks for µs."
    bare = "That is when it reaches θ. Which time is subtracted, so that black spikes at 0?"
    known = (1e-6 * truth, 1e-7, seconds), (8 * np.log(0.5 / 0.3), 0.05, bare)
    return close(
        answer,
        truth,
        0.05,
        "Later. Put x = 0.5 into the law, and remember what is subtracted.",
        "Earlier. Put x = 0.5 into the law, and remember what is subtracted.",
        "a time in µs",
        known,
    )


@question("n02.q2", "All times are proportional to τ, and the first step ends after 1.7 µs.")
def _when_two_greys_become_one(answer):
    per_tau = float(encode.latency_times(np.array([0.5]), tau=1.0)[0])
    return close(
        answer,
        1.7 / per_tau,
        0.1,
        "With that τ they share the first step, but a larger one still does it.",
        "With that τ the lighter pixel comes too late for the first step. When does it spike?",
        "a time constant in µs",
    )


@question(
    "n02.q3",
    "That is the grey whose spike comes just when the window closes; between θ and it, greys "
    "come too late.",
)
def _the_lightest_pixel_that_is_heard(answer):
    tau, theta, end = 8e-6, 0.2, 20 * 1.7e-6
    truth = theta / (1 - (1 - theta) * np.exp(-end / tau))
    never = "A pixel of exactly θ never reaches it. How much darker must it be, to be in time?"
    return close(
        answer,
        truth,
        0.0002,
        "Darker: a pixel of that grey spikes after the 20 steps, if at all.",
        "Lighter: a pixel of that grey spikes before the 20 steps are over.",
        "a grey",
        [(theta, 1e-6, never)],
    )
