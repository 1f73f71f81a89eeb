"""What is known of the real chip's speed and energy, and a chip's card."""

from collections import namedtuple

from snnlab.chip.effects import EFFECTS, N_NEURONS, PAPER, SETTINGS, shown

__all__ = ["RunCost"]

SECONDS_PER_IMAGE = 11.8e-6  # inference, with early reset (Cramer et al. 2022)
SECONDS_PER_TRAINING_IMAGE = 200e-6  # spacing that lets membranes decay (their code)
WATTS = 0.2  # the whole chip, without FPGA and host (Cramer et al. 2022)

RunCost = namedtuple("RunCost", "seconds joules runs")
RunCost.__doc__ = "Time and energy on the real chip, and how often it must run per sample."


def card(chip):
    """The chip's card as text: every effect with its value, its state and its source."""
    lines = [
        f"virtual BrainScaleS-2, chip {chip.seed}{', calibrated' * chip.calibrated}: "
        f"{N_NEURONS} neurons of {N_NEURONS} signed inputs, {chip.dead.sum()} dead, "
        f"{chip.age} runs so far",
        "",
        f"{'effect':<18}{'value':<16}{'':<5}what",
    ]
    for name, (default, off, what, source) in EFFECTS.items():
        value = chip.effects[name]
        state = "" if name in SETTINGS else "off" if value == off else "on"
        if value != default:
            source += f", default {shown(name, default)}"
        lines.append(f"{name:<18}{shown(name, value):<16}{state:<5}{what} ({source})")
    lines += [
        "",
        f"on the chip itself an image takes {SECONDS_PER_IMAGE * 1e6:g} us and "
        f"{SECONDS_PER_IMAGE * WATTS * 1e6:.1f} uJ ({1 / SECONDS_PER_IMAGE:,.0f} per second, "
        f"{1e3 * WATTS:g} mW; {PAPER})",
    ]
    return "\n".join(lines)
