"""Panels of notebook 25, and what they are made of: pictures that are told in spikes."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels

from snnlab import autoencoder, bottleneck, panels, results
from snnlab.course import telling
from snnlab.course.figures import draw_prices


@pytest.fixture(scope="module")
def model():
    return small_panels.teller()


@pytest.fixture(scope="module")
def digits():
    return small_panels.digits()


def test_pictures_are_the_data_sets(digits):
    found = telling.pictures(digits, n_train=30, n_test=7)
    np.testing.assert_array_equal(found.images, digits.x_train[:30])
    np.testing.assert_array_equal(found.test_labels, digits.y_test[:7])
    assert found.side == 16


def test_pictures_that_are_not_square_or_grey_are_refused():
    with pytest.raises(ValueError, match="square"):
        telling.pictures(small_panels.coloured_digits())


def test_learning_to_tell_lowers_the_error(model, digits):
    first = telling.teller(digits.x_train, units=24, hidden=30)
    inputs, images = telling.as_currents(digits.x_test), digits.x_test
    assert model.evaluate(inputs, images).error < 0.8 * first.evaluate(inputs, images).error


def test_more_spikes_tell_more(model, digits):
    inputs, images = telling.as_currents(digits.x_test), digits.x_test
    few, many = (model.evaluate(inputs, images, budgets=n) for n in (1, 24))
    assert few.spikes <= 1 < many.spikes and many.error < few.error


def test_an_image_is_told(model):
    image = small_panels.few_digits()[3]
    spikes, passed, read = telling.tell(model, image, budget=5, seed=2)
    wanted = model.encode(telling.as_currents(image.reshape(1, -1)), rng=2)[0] > 0
    np.testing.assert_array_equal(spikes, wanted)
    assert passed.sum() == min(5, spikes.sum()) and not (passed & ~spikes).any()
    first = bottleneck.first_spikes(wanted[None].astype(np.float32), 5)
    np.testing.assert_array_equal(model.decode(first)[0], read.ravel())


def test_a_walk_begins_and_ends_at_the_images(model):
    first, last = small_panels.few_digits()[:2]
    spikes, read = telling.walk(model, first, last, n=5, seed=1)
    for k, image in ((0, first), (4, last)):
        told, _, alone = telling.tell(model, image, seed=1)
        np.testing.assert_array_equal(spikes[k], told)
        np.testing.assert_allclose(read[k], alone, atol=1e-6)
    assert (spikes.sum(axis=1) <= 1).all()  # each unit keeps silent after its spike


def test_a_reader_reads(digits):
    reader = telling.reader(digits.x_train, digits.y_train, hidden=40, epochs=6)
    right = telling.read_right(reader, digits.x_test, digits.y_test)
    assert right > 0.7 > telling.read_right(reader, 0 * digits.x_test, digits.y_test)


def test_the_panel_tells_what_is_drawn(model):
    panel = panels.TellDigit(model, small_panels.few_digits(), key="test")
    try:
        data = panel.simulate(**panel.values | {"budget": 4})
        assert data["passed"].sum() <= 4
        assert data["error"] == pytest.approx(np.square(data["image"] - data["read"]).mean())
        panel.set(budget=0)
        assert "0 of them pass" in panel.text
        panel.widgets["image"].value = np.zeros((16, 16), np.float32)
        assert panel.error is None
        assert panel.downloads()["encoder"] is model.encoder
    finally:
        panel.close()


def test_the_panel_walks(model, digits):
    panel = panels.Walk(model, small_panels.few_digits(), digits.y_test[:20], key="test")
    try:
        ends = [panel.simulate(**panel.values | {"at": at}) for at in (1, 9)]
        np.testing.assert_array_equal(ends[0]["faded"][0], small_panels.few_digits()[0])
        np.testing.assert_array_equal(ends[0]["read"], ends[1]["read"])
        assert ends[0]["labels"] == (digits.y_test[0], digits.y_test[1])
        panel.set(at=9)
        assert "place 9 of 9" in panel.text and "place 9" in panel.picture.alt
    finally:
        panel.close()


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (lambda m: panels.TellDigit(3, small_panels.few_digits()), "model"),
        (lambda m: panels.TellDigit(m, small_panels.few_digits()[:, :8]), "images"),
        (lambda m: panels.TellDigit(m, small_panels.few_digits(1)), "images"),
        (lambda m: panels.Walk(m, small_panels.few_digits(), [1, 2]), "labels"),
        (lambda m: panels.TellDigit(oblong(), small_panels.few_digits()), "square"),
        (lambda m: telling.tell(m, np.zeros((8, 8))), "image"),
        (lambda m: telling.walk(m, np.zeros((16, 16)), np.ones((16, 16)), n=1), "n must"),
        (lambda m: telling.teller(np.zeros((3, 4)) + 2), "images"),
        (lambda m: telling.teller(np.ones((3, 4)), rate=1.0), "rate"),
        (lambda m: telling.learn(m, np.zeros((3, 256)), steps=0), "steps"),
        (lambda m: telling.learn(m, np.zeros((0, 256))), "images must hold at least one"),
        (lambda m: telling.reader(np.zeros((0, 256)), []), "images must hold at least one"),
    ],
)
def test_bad_input(model, act, word):
    with pytest.raises((TypeError, ValueError), match=word):
        act(model)


def oblong():
    """An autoencoder of six pixels."""
    return autoencoder.Autoencoder(telling.teller(np.ones((9, 6)) / 2).encoder, 6, rng=0)


def test_stored_prices_are_drawn():
    picture = draw_prices(results.load("telling-mnist16"))
    when, often, scored = picture.fig.axes[0].lines
    assert [len(line.get_xdata()) for line in (when, often, scored)] == [4, 2, 1]
    assert "score function" in picture.alt
    # with as many spikes, times tell more
    there = np.interp(often.get_xdata(), when.get_xdata(), when.get_ydata())
    assert (there < 0.95 * often.get_ydata()).all()
