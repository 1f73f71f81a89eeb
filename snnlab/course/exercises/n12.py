"""Exercises of notebook 12: what does a spike cost."""

from snnlab.course.exercises.registry import close, question


def _card(rate):
    from snnlab.reports import energy

    return energy.EnergyCard(energy.at_rate((256, 246, 10), 20, rate), bits=8)


@question(
    "n12.q1",
    "A multiplication of 8 bits and an addition take as much as that many additions.",
)
def _additions_per_mac(answer):
    from snnlab.reports.energy import ROWS

    energies = _card(1.0).energies
    short = "So many if sums had 8 bits, as weights have. They have 16, and adding them takes more."
    return close(
        answer,
        energies[ROWS[2]][0] / energies[ROWS[0]][0],
        0.1,
        "More. A multiplication of 8 bits alone costs more than that many additions.",
        "Fewer. Divide the synaptic part of one row by that of the other.",
        "a number of spikes",
        [((0.2 + 0.03) / 0.03, 0.1, short)],  # by the prices of the notebook's table
    )


@question(
    "n12.q2",
    "There weights are fetched less often than by the ReLU network, and that pays for the states.",
)
def _rate_of_break_even(answer):
    card = _card(0.2)
    spikes = card.break_even("spikes")
    whole = "That is the number of all spikes. How many is it per neuron that can spike?"
    hidden = "That varies hidden spikes only. Let all of them vary, in proportion."
    return close(
        answer,
        spikes / (256 + 246),
        0.015,
        "More. There the network of spikes still takes less.",
        "Less. There the network of spikes takes more already.",
        "a number of spikes per neuron",
        [(spikes, 2, whole), (card.break_even("hidden_spikes"), 2, hidden)],
    )


@question(
    "n12.q3",
    "One more step would cost more for reading and writing states than silent inputs save.",
)
def _steps_of_break_even(answer):
    from snnlab.reports.energy import ROWS

    limit = _card(0.4).break_even("n_steps", ROWS[4])
    meet = "That is where they meet. How many whole steps are still cheaper?"
    return close(
        answer,
        int(limit),
        0,
        "More. One more step is still cheaper.",
        "Fewer. Which row is it to be compared with?",
        "a number of steps",
        [(limit, 0.1, meet)],
    )
