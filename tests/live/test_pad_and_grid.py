"""The pad and the grid of switches: what comes from the page, what goes to it, what is refused."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from snnlab import live


def test_strokes_of_the_page_arrive():
    pad, seen, answers = live.Pad(4, "mine"), [], []
    pad.send = answers.append
    pad.observe(lambda change: seen.append(change.new), "value")
    assert pad.value.shape == (4, 4) and not pad.value.any()
    drawn = np.zeros((4, 4), np.uint8)
    drawn[1, 2] = 255
    pad._handle_custom_msg({"kind": "pixels"}, [memoryview(drawn.tobytes())])
    assert len(seen) == 1 and pad.value[1, 2] == 1 and pad.value.sum() == 1
    assert pad._given == b"", "what came from the page must not be sent back over newer strokes"
    assert answers == [{"kind": "seen"}], "until then the page sends nothing further"
    pad._handle_custom_msg({"kind": "pixels"}, [memoryview(b"short")])
    pad._handle_custom_msg({"kind": "other"}, [])
    assert len(seen) == 1
    pad.close()


def test_the_pad_can_be_set_and_checks():
    pad = live.Pad(4)
    pad.value = np.full((4, 4), 0.5)
    assert pad._given == bytes([128] * 16) or pad._given == bytes([127] * 16)
    assert pad.value.dtype == np.float32
    for bad in (np.zeros((3, 3)), np.full((4, 4), 2.0), np.full((4, 4), np.nan)):
        with pytest.raises(ValueError, match="value"):
            pad.value = bad
    with pytest.raises(ValueError, match="n must"):
        live.Pad(1)
    with pytest.raises(ValueError, match="samples"):
        live.Pad(4, samples=np.zeros((2, 3, 3)))
    assert live.Pad(4, samples=np.eye(4)[None])._samples[:5] == bytes([255, 0, 0, 0, 0])
    pad.close()


def test_the_grid_can_be_set_and_checks():
    grid, seen = live.Grid(6, 3, "mine"), []
    grid.observe(lambda change: seen.append(change.new), "value")
    grid._handle_custom_msg({"kind": "cells"}, [memoryview(bytes([0, 1, 0, 0, 0, 1]))])
    assert len(seen) == 1 and grid.value.tolist() == [False, True, False, False, False, True]
    assert grid._given == b"", "what came from the page must not be sent back over newer clicks"
    grid.value = np.ones(6, bool)
    assert grid._given == bytes(6 * [1])
    grid.value = np.array([False, True, False, False, False, True])
    assert grid._given == bytes([0, 1, 0, 0, 0, 1]), "cells seen before must be sent, too"
    grid._handle_custom_msg({"kind": "cells"}, [memoryview(b"short")])
    grid._handle_custom_msg({"kind": "other"}, [])
    assert len(seen) == 3
    for bad in (np.ones(5, bool), np.ones(6)):
        with pytest.raises(ValueError, match="value"):
            grid.value = bad
        with pytest.raises(ValueError, match="^broken must be 6 bools"):
            live.Switches("switched off", 6).check("broken", bad)
    grid.close()


@pytest.mark.parametrize(
    "make", [live.Pad, live.Grid, lambda: live.Microphone(seconds=1.0)], ids=["pad", "grid", "mic"]
)
def test_a_value_cannot_be_written_into(make):
    """Nobody would see it: not the page, nor who watches."""
    widget = make()
    given = np.ones_like(widget.value) if widget.value.size else np.ones(5, np.int16)
    widget.value = given
    with pytest.raises(ValueError, match="read-only"):
        widget.value[0] = 0
    given[0] = 0  # an array of one's own stays one's own
    assert widget.value.all()


def test_a_panels_simulation_may_write_into_what_it_is_given():
    drawing = live.Drawing("drawing", 4)
    given = drawing.check("drawing", drawing.widget().value)
    given[0, 0] = 1
