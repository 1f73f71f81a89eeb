"""Two networks with spikes between them: joined gradients, budgets, training."""

import numpy as np
import pytest

import snnlab
from snnlab.layers import BatchNorm, Dense
from snnlab.learning import autoencoder as A
from snnlab.learning import bottleneck

STEPS, UNITS, PIXELS, N = 5, 4, 9, 12


def encoder(dtype=np.float64):
    neuron = snnlab.LIF(tau_mem=4e-3, tau_syn=2e-3, dt=1e-3, steepness=10.0)
    readout = snnlab.LeakyIntegrator(tau_mem=1e-3, tau_syn=None, dt=1e-3)
    sizes = (PIXELS, 6, UNITS)
    net = snnlab.Network(
        sizes, neuron, readout=readout, n_steps=STEPS, rng=0, dtype=dtype, workers=1
    )
    return net.scale_to_activity(inputs(), rate=0.3, readout=1.0)


def images(n=N):
    return np.random.default_rng(5).random((n, PIXELS))


def inputs(n=N):
    return snnlab.ConstantCurrent(images(n), STEPS)


def model(**settings):
    dtype = settings.pop("dtype", np.float64)
    return A.Autoencoder(
        encoder(dtype), PIXELS, **{"rate": 0.3, "hidden": (8,), "rng": 1} | settings
    )


def drawn(m):
    """Trace, probabilities, and the spikes that seed 7 draws."""
    trace = m.encoder.forward(inputs())
    p = bottleneck.probability(trace.readout, m.rate)
    return trace, p, bottleneck.draw_spikes(p, np.random.default_rng(7), m.hold)


@pytest.mark.parametrize("hold", [0, 2])
@pytest.mark.parametrize("reads", A.READS)
def test_straight_through_is_its_twin(reads, hold):
    """The same written out, sample by sample."""
    m, beta = model(reads=reads, hold=hold), 0.02
    trace, p, z = drawn(m)
    free = bottleneck.may_spike(z, hold)
    step = m.gradients(inputs(), images(), rng=np.random.default_rng(7), beta=beta)
    g_u, flat, errors = np.zeros_like(p), 0.0, []
    for i in range(N):
        code = z[i].reshape(1, -1) if reads == "time" else z[i].sum(axis=0)[None]
        values = m.decoder.forward(code)
        off = values[-1] - images()[i]
        errors.append(np.square(off).mean())
        out, g = m.decoder.backward(values, 2 * off / N, inputs=True)
        flat = flat + out.flat
        g = g.reshape(STEPS, UNITS) if reads == "time" else np.repeat(g, STEPS, axis=0)
        slope = p[i] * (1 - p[i]) * free[i]
        g_u[i] = g * slope + beta / N * trace.readout[i] * slope
    np.testing.assert_allclose(step.decoder.flat, flat, atol=1e-12)
    wanted = m.encoder.backward(trace, g_u)
    np.testing.assert_allclose(step.encoder.flat, wanted.flat, atol=1e-12)
    assert np.abs(wanted.flat).max() > 0
    assert step.error == pytest.approx(np.mean(errors))
    assert step.spikes == pytest.approx(z.sum() / N)
    assert step.nats == pytest.approx(bottleneck.information(p, m.rate, free).mean())


@pytest.mark.parametrize("hold", [0, 2])
@pytest.mark.parametrize("estimator", A.ESTIMATORS)
def test_several_draws_are_a_mean(estimator, hold):
    m, rng = model(hold=hold), np.random.default_rng(7)
    how = {"estimator": estimator, "beta": 0.02}
    step = m.gradients(inputs(), images(), rng=rng, draws=2, **how)
    trace, p, first = drawn(m)
    rng = np.random.default_rng(7)
    zs = [bottleneck.draw_spikes(p, rng, hold) for _ in range(2)]
    np.testing.assert_array_equal(zs[0], first)
    flat, g_u = 0.0, np.zeros_like(p)
    frees = [bottleneck.may_spike(z, hold) for z in zs]
    prices = [
        np.square(m.decode(z) - images()).sum(axis=1)
        + 0.02 * bottleneck.information(p, m.rate, free)
        for z, free in zip(zs, frees, strict=True)
    ]
    for k, z in enumerate(zs):
        values = m.decoder.forward(z.reshape(N, -1))
        out, g = m.decoder.backward(values, 2 * (values[-1] - images()) / N, inputs=True)
        flat = flat + out.flat / 2
        if estimator == "straight-through":
            g = g.reshape(p.shape) * p * (1 - p)
        else:
            g = ((prices[k] - prices[1 - k]) / N)[:, None, None] * (z - p)
        told = 0.02 / N * bottleneck.information_gradient(trace.readout, p)
        g_u += (g + told) * frees[k] / 2
    np.testing.assert_allclose(step.decoder.flat, flat, atol=1e-12)
    wanted = m.encoder.backward(trace, g_u)
    np.testing.assert_allclose(step.encoder.flat, wanted.flat, atol=1e-12)


def test_a_baseline_of_ones_own():
    m = model()
    trace, p, z = drawn(m)
    how = {"estimator": "score-function", "beta": 0.0, "baseline": 1.5}
    step = m.gradients(inputs(), images(), rng=np.random.default_rng(7), **how)
    losses = np.square(m.decode(z) - images()).sum(axis=1)
    g_u = bottleneck.score_function((losses - 1.5) / N, z, p)
    np.testing.assert_allclose(step.encoder.flat, m.encoder.backward(trace, g_u).flat, atol=1e-12)


def test_spikes_beyond_a_budget_say_nothing():
    m, budgets = model(), np.arange(N) % 4
    step = m.gradients(inputs(), images(), rng=7, budgets=budgets)
    assert step.spikes <= budgets.mean()
    none = m.gradients(inputs(), images(), rng=7, budgets=0, beta=0.0)
    assert none.spikes == 0 and not none.encoder.flat.any() and none.decoder.flat.any()
    z = m.encode(inputs(), rng=3)
    few = m.encode(inputs(), rng=3, budgets=budgets)
    np.testing.assert_array_equal(few, bottleneck.first_spikes(z, budgets))


def test_without_a_draw_the_probable_spikes_are_there():
    m = model()
    np.testing.assert_array_equal(m.encode(inputs()), m.probabilities(inputs()) > 0.5)


@pytest.mark.parametrize("estimator", A.ESTIMATORS)
def test_training_lowers_the_error(estimator):
    m = model(dtype=np.float32)
    held = inputs(4), images(4)
    history = A.train(
        m, inputs(), images(), epochs=80, rng=0, beta=1e-3, estimator=estimator, lr=0.03,
        batch_size=6, validation=held, progress=False,
    )  # fmt: skip
    assert len(history) == 80 == len(history.validation_error)
    assert np.mean(history.error[-5:]) < 0.95 * np.mean(history.error[:5])
    found = m.evaluate(inputs(), images())
    assert found.images.shape == (N, PIXELS)
    assert found.error == pytest.approx(np.square(found.images - images()).mean(), rel=1e-5)


def test_an_epoch_is_the_mean_of_its_samples():
    """The last batch is smaller, and counts less."""
    x, y, how = inputs(), images(), {"epochs": 2, "rng": 0, "batch_size": N - 1}
    history = A.train(model(), x, y, progress=False, **how)
    found = [step[:3] for _, step in A.steps(model(), x, y, **how)]
    for k, told in enumerate(zip(history.error, history.spikes, history.nats, strict=True)):
        most, one = found[2 * k : 2 * k + 2]
        np.testing.assert_allclose(told, (np.array(most) * (N - 1) + one) / N)


def test_a_high_price_makes_it_spike_at_the_prior_rate():
    m = model(dtype=np.float32, rate=0.2)
    history = A.train(
        m, inputs(), images(), epochs=150, rng=0, beta=30.0, lr=0.02, batch_size=N, progress=False
    )
    assert history.nats[-1] < 0.05 * history.nats[0]
    assert m.probabilities(inputs()).mean() == pytest.approx(0.2, abs=0.02)


def test_the_same_seed_gives_the_same_weights():
    one, two = model(), model()
    for m in (one, two):
        A.train(m, inputs(), images(), epochs=2, rng=3, budgets=(1, 6), progress=False)
    for part in ("encoder", "decoder"):
        np.testing.assert_array_equal(one.copy_of_weights()[part], two.copy_of_weights()[part])


def test_progress_is_a_line_per_epoch(capsys):
    A.train(model(), inputs(), images(), epochs=2, rng=0, validation=(inputs(), images()))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  error ") and "validation" in lines[0]


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (lambda m: model(rate=0.0), "rate"),
        (lambda m: model(rate=1.0), "rate"),
        (lambda m: model(reads="both"), "reads"),
        (lambda m: model(hidden=(0,)), "hidden"),
        (lambda m: model(hold=-1), "hold"),
        (lambda m: A.Autoencoder(3, 4, rng=0), "encoder"),
        (lambda m: A.Autoencoder(spiking(), 4, rng=0), "encoder"),
        (lambda m: m.gradients(inputs(), images()[:, :4], rng=0), "images"),
        (lambda m: m.gradients(inputs(), images() + 1, rng=0), "images"),
        (lambda m: m.gradients(inputs(3), images(), rng=0), "images"),
        (lambda m: m.gradients(inputs(), images(), rng=0, beta=-1), "beta"),
        (lambda m: m.gradients(inputs(), images(), rng=0, draws=0), "draws"),
        (lambda m: m.gradients(inputs(), images(), rng=0, estimator="exact"), "estimator"),
        (lambda m: m.decode(np.ones((2, 3, 4))), "spikes"),
        (lambda m: m.encode(images()), "inputs"),
        (lambda m: A.steps(m, inputs(), images(), epochs=1, rng=0, budgets=(3, 1)), "budgets"),
        (lambda m: A.steps(m, inputs(), images(), epochs=1, rng=0, budgets=3), "budgets"),
        (lambda m: A.steps(m, inputs(), images(), epochs=1, rng=0, lr=-1.0), "lr"),
        (lambda m: A.steps(3, inputs(), images(), epochs=1, rng=0), "model"),
        (lambda m: A.train(m, inputs(), images(), epochs=1, rng=0, validation=3), "validation"),
    ],
)
def test_bad_input(act, word):
    with pytest.raises((TypeError, ValueError), match=word):
        act(model())


@pytest.mark.parametrize(
    "told, error, message",
    [
        (images()[:, :4], ValueError, r"validation\[1\] must have shape \(12, 9\)"),
        (images(5), ValueError, r"validation\[1\] must have shape \(12, 9\)"),
        (images() + 1, ValueError, r"validation\[1\] must lie in \[0, 1\]"),
        (np.full((N, PIXELS), np.nan), ValueError, r"validation\[1\] must be finite"),
        (None, TypeError, r"validation\[1\] must be an array of numbers"),
    ],
)
def test_bad_validation_is_refused_before_anything_is_learned(told, error, message, capsys):
    one = model()
    before = one.copy_of_weights()
    with pytest.raises(error, match=message):
        A.train(one, inputs(), images(), epochs=1, rng=0, validation=(inputs(), told))
    after = one.copy_of_weights()
    assert all(np.array_equal(after[name], x) for name, x in before.items())
    assert not capsys.readouterr().out


def spiking():
    neuron = snnlab.LIF(tau_mem=4e-3, tau_syn=2e-3, dt=1e-3)
    return snnlab.Network((3, 2), neuron, readout=neuron, n_steps=4, rng=0)


@pytest.mark.parametrize("beta", [1e39, 1e200])
def test_a_price_that_no_gradient_can_hold_is_named(beta):
    with pytest.raises(ValueError, match="beta"):
        model(dtype=np.float32).gradients(inputs(), images(), rng=7, beta=beta)


def normalised(n=10, **settings):
    encoder = snnlab.Network(
        (16, Dense(8, BatchNorm()), 4), snnlab.LIF.brainscales2(), n_steps=6, rng=0
    )
    model = A.Autoencoder(encoder, 16, rng=0, hidden=(8,))
    images = np.random.default_rng(0).random((n, 16))
    inputs = snnlab.encode.latency(images, n_steps=6)
    for _ in A.steps(model, inputs, images, rng=0, **settings):
        pass
    return model, inputs


def test_norms_of_an_encoder_learn_what_is_usual():
    model, inputs = normalised(40, epochs=3, batch_size=10)
    encoder = model.encoder
    assert encoder.stages[0].blocks["batches"].of(encoder.parameters)[0, 0] == 12
    alone, together = model.probabilities(inputs[:1]), model.probabilities(inputs)
    np.testing.assert_array_equal(alone, together[:1])


@pytest.mark.parametrize("n, batch_size", [(10, 1), (11, 5), (1, 5)])
def test_a_norm_needs_batches_of_two(n, batch_size):
    with pytest.raises(ValueError, match=f"batch_size {batch_size} leaves a batch of one of {n}"):
        normalised(n, epochs=1, batch_size=batch_size)


def test_a_step_that_fails_leaves_running_statistics_as_they_were():
    model, inputs = normalised(epochs=1)
    before = model.copy_of_weights()
    with pytest.raises(FloatingPointError, match="in epoch 1, step 1"):
        for _ in A.steps(model, inputs, np.ones((10, 16)), epochs=1, rng=0, beta=1e38):
            pass
    after = model.copy_of_weights()
    assert all(np.array_equal(after[name], x) for name, x in before.items())
