"""Raw rasters: pixels are pasted where they belong, at every scale."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from helpers import pixels

from snnlab import plot


def test_raster_pastes_what_it_is_given():
    fig = plot.new_figure(2, 2)
    ax = fig.subplots()
    ax.set(xticks=[], yticks=[])
    plot.freeze(fig)
    picture = plot.Raster(fig, "Four blocks.", main=ax)
    blocks = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]], np.uint8)
    picture.paste("main", blocks)
    for scale in (1, 2, 1):
        shown = pixels(picture.png(scale))
        assert shown.shape == (200 * scale, 200 * scale, 3)
        for row in (0, 1):
            for column in (0, 1):
                y, x = ((50 + 100 * k) * scale for k in (row, column))
                np.testing.assert_array_equal(shown[y, x], blocks[row, column])
    picture.paste_events("main", [0, 9], [0, 4], 10, 5, np.array([9, 9, 9], np.uint8))
    dark = np.argwhere((pixels(picture.png(1)) == 9).all(axis=2))
    assert dark.min() < 30 and dark.max() > 165 and 100 < len(dark) < 2 * 25 * 40
    with pytest.raises(ValueError, match="uint8"):
        picture.paste("main", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="name"):
        picture.paste("other", blocks)


def test_a_colour_beyond_bytes_is_refused():
    """It came round to another colour."""
    fig = plot.new_figure(1, 1)
    picture = plot.Raster(fig, "an image", left=fig.subplots())
    with pytest.raises(ValueError, match="color holds values beyond uint8"):
        picture.paste_events("left", [0], [0], 1, 1, [0, 0, 300])
