"""Draw the pictures of README.md from data/results into docs/pictures."""

from pathlib import Path

import numpy as np
import studies

from snnlab import Frontier, plot

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
ON_CHIP = "Cramer et al. 2022, on the chip (quoted)"


def frontier():
    """Accuracy against hidden spikes, with the paper's point."""
    runs = Frontier.from_records(studies.load("mnist16-sparsity"))
    return plot.draw_frontier(runs, label="with augmentation", published=[(20, 0.972, ON_CHIP)])


def fashion():
    """The same for Fashion-MNIST."""
    return plot.draw_frontier(Frontier.from_records(studies.load("fashion16-sparsity")))


def mismatch():
    """In the loop against transfer."""
    records = studies.load("chip-mismatch")
    loop, transfer = ([r for r in records if r["mode"] == mode] for mode in ("loop", "transfer"))
    calibrated = 0.05
    sigma = [calibrated if r["sigma_d"] is None else r["sigma_d"] for r in loop]
    return plot.draw_mismatch(
        sigma,
        calibrated=calibrated,
        loop=np.transpose([r["values"] for r in loop]),
        transfer=np.transpose([r["values"] for r in transfer]),
    )


def transfer():
    """From chip to chip."""
    records = [r for r in studies.load("chip-transfer-matrix")][:5]
    return plot.draw_transfer(np.transpose([r["values"] for r in records]))


def main():
    """Write all of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for draw in (frontier, fashion, mismatch, transfer):
        picture = draw()
        picture.save(PICTURES / f"{draw.__name__}.png", scale=1.5)
        print(picture.alt)


if __name__ == "__main__":
    main()
