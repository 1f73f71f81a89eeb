"""Rewiring rules against their equations written out, what they promise, logs, and figures."""

import math
import warnings

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off

from snnlab import (
    LIF,
    STDS,
    Adam,
    DeepR,
    FixedMask,
    GradR,
    LeakyIntegrator,
    Magnitude,
    Network,
    SoftDeepR,
    Substrate,
    datasets,
    encode,
    evaluate,
    rewiring,
    synapses,
    train,
)
from snnlab.learning.penalties import Ramp
from snnlab.parameters import Gradients

SIZES = (6, 19, 4)  # the hidden layer is padded, the readout is not
RULES = {
    "GradR": lambda **s: GradR(0.01, 0.7, 0.1, **s),
    "GradR-hold": lambda **s: GradR(0.01, (0.6, 0.5), 0.3, hold="layer", **s),
    "GradR-settle": lambda **s: GradR(0.01, 0.7, 0.1, settle=1.5, **s),
    "DeepR": lambda **s: DeepR(0.01, 0.7, 0.01, 1e-4, rng=1, **s),
    "DeepR-sgd": lambda **s: DeepR(0.01, (0.8, 0.6), 0.01, 1e-4, optimizer="sgd", rng=1, **s),
    "SoftDeepR": lambda **s: SoftDeepR(0.01, 0.7, 0.01, 1e-4, rng=1, **s),
    "STDS": lambda **s: STDS(0.01, 0.03, **s),
    "GradR-fan-in": lambda **s: GradR(0.01, 0.7, 0.1, max_fan_in=4, **s),
    "DeepR-fan-in": lambda **s: DeepR(0.01, 0.98, 0.01, 1e-4, max_fan_in=6, rng=1, **s),
    "STDS-fan-in": lambda **s: STDS(0.01, 0.03, max_fan_in=4, **s),
    "Magnitude": lambda **s: Magnitude(0.01, 0.7, start=0.5, end=2.5, every=2, **s),
    "FixedMask": lambda **s: FixedMask(0.01, 0.7, rng=1, **s),
}


@pytest.fixture(params=RULES)
def make_rule(request):
    return RULES[request.param]


def make(dtype=np.float64, sizes=SIZES, seed=0, **settings):
    return Network(
        sizes, LIF.brainscales2(), n_steps=4, rng=seed, spread=1.0, dtype=dtype, **settings
    )


def some_gradients(n_steps, network, seed=1):
    """One list of arrays per step; sizes vary by orders of magnitude, and some stay zero."""
    rng = np.random.default_rng(seed)
    scales = [
        10.0 ** rng.uniform(-4, 2, w.shape) * (rng.random(w.shape) < 0.8) for w in network.weights
    ]
    return [
        [(s * rng.normal(0, 1, s.shape)).astype(network.dtype) for s in scales]
        for _ in range(n_steps)
    ]


def weights(network):
    return [np.array(w, np.float64) for w in network.weights]


def per_layer(network, flat):
    return [np.array(x) for x in synapses.views(network, flat)]


def factors(n):
    return np.resize([1.0, 0.5, 0.97, 0.0, 2.0], n)


def adam_step(g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """What Adam subtracts; moments are updated in place."""
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g**2 - v)
    return lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)


def close(got, wanted, dtype, loose=1.0):
    tolerance = loose * (3e-5 if dtype == np.float32 else 1e-12)
    wanted = np.asarray(wanted)
    return np.allclose(got, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max())


# --- Grad R ---------------------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.filterwarnings("ignore:.*died out")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p, alpha", [(0.95, 0.3), (0.5, 0.3), (0.7, 1.0), ((0.6, 0.9), 1.0)])
def test_grad_r_equals_its_equations(dtype, p, alpha):
    network, lr = make(dtype), 0.02
    for w in network.weights:
        w *= 4  # some are to survive
    rule = GradR(lr, p, alpha)
    theta = [np.abs(w) for w in weights(network)]
    sign = [np.sign(w) for w in weights(network)]
    m, v = ([np.zeros_like(x) for x in theta] for _ in range(2))
    targets = np.broadcast_to(p, 2)
    for t, g in enumerate(some_gradients(50, network), 1):
        factor = factors(50)[t - 1]
        rule.step(network, g, factor)
        for k, target in enumerate(targets):
            mu = np.log(2 * (1 - target)) / alpha
            step = adam_step(g[k].astype(float), m[k], v[k], t, lr * factor)
            pull = lr * factor / (1 - 0.9**t) * alpha * np.sign(theta[k] - mu)
            theta[k] = theta[k] - sign[k] * step - pull
    for k in range(2):
        kept = rule.theta, rule.optimizer.first, rule.optimizer.second
        for flat, twin in zip(kept, (theta, m, v), strict=True):
            assert close(per_layer(network, flat)[k], twin[k], dtype)
        assert close(network.weights[k], sign[k] * np.maximum(theta[k], 0), dtype)
        assert (per_layer(network, rule.sign)[k] == sign[k]).all()
    pruned = np.concatenate([x.ravel() <= 0 for x in theta])
    assert 0.05 < pruned.mean() < 0.95, "both kinds must have been seen"
    assert rule.steps == 50


@pytest.mark.parametrize("alpha", [0.0, 1e-9])
def test_without_pull_grad_r_is_adam_that_stops_at_zero(alpha):
    network, twin = make(), make()
    rule = GradR(1e-3, 0.9, alpha)
    m, v = ([np.zeros_like(w) for w in twin.weights] for _ in range(2))
    for t, g in enumerate(some_gradients(5, network), 1):
        rule.step(network, g)
        for k, w in enumerate(twin.weights):
            w -= adam_step(g[k], m[k], v[k], t, 1e-3)
    for w, w_twin, w_start in zip(network.weights, twin.weights, make().weights, strict=True):
        same_sign = np.sign(w_twin) == np.sign(w_start)
        np.testing.assert_allclose(w[same_sign], w_twin[same_sign], rtol=1e-12)
        assert (w[~same_sign] == 0).all()


def test_a_pruned_synapse_regrows_when_the_gradient_says_so():
    network, rule = make(), GradR(0.05, 0.95, 0.0)
    start = weights(network)
    against = [np.sign(w) for w in start]  # the loss falls if every weight shrinks
    while rewiring.connectivity(network).overall > 0.3:
        rule.step(network, against)
    pruned = [~mask for mask in rewiring.masks(network)]
    for _ in range(60):
        rule.step(network, [-g for g in against])
    for w, w_start, gone in zip(network.weights, start, pruned, strict=True):
        assert gone.any() and (w[gone] != 0).all()
        assert (np.sign(w) == np.sign(w_start)).all()


def test_true_and_redefined_gradient_are_less_than_90_degrees_apart():
    """By theta the true gradient of L(s max(theta, 0)) is that of the active synapses only."""
    network = make()
    rule = GradR(0.05, 0.9, 0.1)
    for g in some_gradients(30, network):
        rule.step(network, g)
    rng = np.random.default_rng(3)
    for _ in range(20):
        pairs = []
        for theta, sign in zip(rule.strengths(network), per_layer(network, rule.sign), strict=True):
            redefined = sign * rng.normal(0, 1, theta.shape)
            pairs.append((redefined[theta > 0], redefined[theta > 0], redefined.ravel()))
        dot = sum(float(a @ b) for a, b, _ in pairs)
        norms = [
            math.sqrt(sum(float(x @ x) for x in c)) for c in list(zip(*pairs, strict=True))[1:]
        ]
        assert dot / (norms[0] * norms[1]) > 0
    assert 0 < rewiring.connectivity(network).overall < 1


def test_the_redefined_gradient_is_the_one_the_rule_follows():
    """Without memory, pull and preconditioning's scale: theta moves against s dL/dw everywhere."""
    network, rule = make(), GradR(alpha=0.0, optimizer=Adam(1e-3, 0.0, 0.0))
    for g in some_gradients(20, network):
        before = per_layer(network, rule.theta) if rule.steps else None
        rule.step(network, g)
        if before is None:
            continue
        after, sign = per_layer(network, rule.theta), per_layer(network, rule.sign)
        for k in range(2):
            np.testing.assert_allclose(
                after[k] - before[k], -1e-3 * np.sign(sign[k] * g[k]), atol=2e-5
            )


@pytest.mark.parametrize("hold, p", [("layer", (0.6, 0.8)), ("network", 0.9), (None, 0.6)])
def test_held_targets_are_effective(hold, p):
    network = make(sizes=(30, 20, 10))
    rule = GradR(0.01, p, 1.0, hold=hold)
    rng = np.random.default_rng(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for _ in range(400):
            rule.step(network, [0.1 * rng.normal(0, 1, w.shape) for w in network.weights])
    found = rewiring.connectivity(network)
    if hold == "layer":
        assert np.abs(found.layers - (1 - np.array(p))).max() < 0.05
    elif hold == "network":
        assert abs(found.overall - 0.1) < 0.03
    else:
        assert found.overall < 0.05  # nothing stops the pull


def test_what_is_pruned_stays_so_once_settled():
    network = make(sizes=(30, 20, 10))
    plain, rule = (GradR(0.01, 0.9, 0.5, settle=settle) for settle in (None, 1.1))
    twin, rng, kept = network.copy(), np.random.default_rng(2), []
    plain.begin(twin, 3, 30), rule.begin(network, 3, 30)
    for step in range(90):
        g = [0.1 * rng.normal(0, 1, w.shape) for w in network.weights]
        theta = rule.theta.copy()
        plain.step(twin, g), rule.step(network, g)
        if step < 33:  # 1.1 epochs of 30 steps
            assert np.array_equal(rule.theta, plain.theta) and rule.alpha_now() == 0.5 * (step < 32)
        else:
            pruned = kept[0] == 0
            assert rule.alpha_now() == 0 and np.array_equal(rule.theta[pruned], theta[pruned])
            assert not network.parameters[pruned].any()
        kept = kept or ([network.parameters.copy()] if step == 32 else [])
    assert 0 < np.count_nonzero(kept[0]) < 400, "some were pruned, some were left"
    assert np.count_nonzero(network.parameters) > np.count_nonzero(twin.parameters)


def test_strength_of_the_pull_may_follow_a_schedule():
    network = make()
    seen, rule = [], GradR(0.01, 0.9, lambda *now: seen.append(now) or 0.1)
    with pytest.raises(ValueError, match="begin"):
        rule.step(network, some_gradients(1, network)[0])
    rule.begin(network, epochs=3, steps_per_epoch=4)
    seen.clear()
    for g in some_gradients(6, network):
        rule.step(network, g)
    assert seen == [(k / 4, 3) for k in range(6)]
    rule = GradR(0.01, 0.9, Ramp(0.2, over=0.5))
    rule.begin(network, 10, 1)
    for g in some_gradients(3, network):
        rule.step(network, g)
    assert rule.alpha_now() == pytest.approx(0.2 * 3 / 5)
    with pytest.raises(ValueError, match="alpha"):
        bad = GradR(0.01, 0.9, lambda *now: -1.0)
        bad.begin(network, 1, 1)


def test_weights_that_are_zero_at_the_start():
    first = make()
    first.weights[0][:3] = 0
    results = {}
    for name, rule in (
        ("random", GradR(0.05, 0.9, 0.0)),
        ("other", GradR(0.05, 0.9, 0.0, rng=5)),
        ("frozen", GradR(0.05, 0.9, 0.0, zero_weights="frozen")),
    ):
        network = first.copy()
        for g in some_gradients(10, network):
            rule.step(network, [g[0] + 1e-3, g[1]])
        results[name] = np.array(network.weights[0])
        sign = per_layer(network, rule.sign)[0]
        assert (sign[3:] == np.sign(first.weights[0][3:])).all()
        assert name == "frozen" or set(np.unique(sign[:3])) == {-1, 1}
    assert (results["frozen"][:3] == 0).all() and (results["random"][:3] != 0).any()
    assert not np.array_equal(results["random"], results["other"])


def test_it_goes_on_from_weights_that_were_clipped():
    """As `Substrate.clip` does: strengths must not wind up beyond what can be written."""
    for make_one in (
        lambda: GradR(0.1, 0.9, 0.0),
        lambda: STDS(0.1, 0.1),
        lambda: DeepR(0.1, 0.5, rng=0),
        lambda: FixedMask(0.1, 0.5, rng=0),
    ):
        network, rule = make(), make_one()
        rule.begin(network, 1, 100)
        for _ in range(50):
            rule.step(network, [-np.sign(w) for w in network.weights])  # grow
            for w in network.weights:
                np.clip(w, -0.5, 0.5, out=w)
        at_most = max(np.abs(w).max() for w in network.weights)
        for _ in range(15):  # Adam turns round, then walks back
            rule.step(network, [np.sign(w) for w in network.weights])
        assert max(np.abs(w).max() for w in network.weights) < at_most


def test_prior_centre_and_when_the_target_matters():
    assert rewiring.prior_centre(0.5, 0.3) == 0
    mu = rewiring.prior_centre(0.95, 1e-3)
    assert mu == pytest.approx(-2302.6, rel=1e-4)
    assert 0.5 * math.exp(1e-3 * mu) == pytest.approx(0.05)  # mass above 0 of the Laplacian
    assert rewiring.prior_drift(1e-3, 1e-4, 3125 * 2049) == pytest.approx(0.640, rel=1e-3)
    alpha = rewiring.smallest_alpha(0.95, 1e-4, 3125 * 2049)
    assert 0.05 < alpha < 0.07
    drift = rewiring.prior_drift(alpha, 1e-4, 3125 * 2049)
    assert drift == pytest.approx(-rewiring.prior_centre(0.95, alpha))
    # and so it is: two targets give the same network below that alpha, and not above
    for scale, same in ((0.5, True), (2.0, False)):
        steps, lr, ends = 200, 0.01, []
        for p in (0.8, 0.95):
            network = make()
            for w in network.weights:
                w[...] = np.sign(w) * 1e-3
            rule = GradR(lr, p, scale * rewiring.smallest_alpha(0.8, lr, steps))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                for _ in range(steps):
                    rule.step(network, [np.zeros_like(w) for w in network.weights])
            ends.append(per_layer(network, rule.theta)[0])
        assert np.array_equal(*ends) == same


# --- Deep R ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("soft", [False, True])
def test_deep_r_equals_its_equations(dtype, optimizer, soft):
    """Without noise; what was reactivated is taken over from the rule."""
    network, lr, alpha = make(dtype), 0.02, 0.2
    kind = SoftDeepR if soft else DeepR
    settings = {"theta_min": -0.3} if soft else {}
    rule = kind(lr, 0.6, alpha, 0.0, optimizer=optimizer, rng=3, **settings)
    rule.begin(network)
    sign = per_layer(network, rule.sign)
    theta = [np.array(x, float) for x in rule.strengths(network)]
    m, v = ([np.zeros_like(x) for x in theta] for _ in range(2))
    went, came = 0, 0
    for t, g in enumerate(some_gradients(50, network), 1):
        g = [x / 10 for x in g] if optimizer == "sgd" else g
        factor = factors(50)[t - 1]
        rule.step(network, g, factor)
        eta = lr * factor / (1 - 0.9**t if optimizer == "adam" else 1)
        for k in range(2):
            step = lr * factor * g[k].astype(float)
            if optimizer == "adam":
                step = adam_step(g[k].astype(float), m[k], v[k], t, lr * factor)
            active = theta[k] > 0
            theta[k] = np.where(active, theta[k] - sign[k] * step - eta * alpha, theta[k])
            theta[k] = np.maximum(theta[k], -0.3 if soft else 0)
            got = rule.strengths(network)[k]
            new = (theta[k] <= 0) & (got > 0)
            assert (got[new] == dtype(1e-12)).all() and not (soft and new.any())
            theta[k][new] = 1e-12
            assert close(got, theta[k], dtype)
            assert close(network.weights[k], sign[k] * np.maximum(theta[k], 0), dtype)
            came += new.sum()
            went += (active & (theta[k] <= 0)).sum()
    assert went > 10 and (soft or came > 10)


def test_deep_r_keeps_its_number_of_synapses_at_every_step():
    for sparsity in (0.9, (0.5, 0.75), 0.0, 0.02):
        network, rule = make(np.float32), DeepR(0.05, sparsity, 0.1, 1e-3, rng=0)
        rule.begin(network)
        sizes = [w.size for w in network.weights]
        shares = np.broadcast_to(sparsity, 2)
        wanted = [n - round(p * n) for n, p in zip(sizes, shares, strict=True)]
        before, moved = rewiring.masks(network), 0
        for g in some_gradients(40, network):
            assert [np.count_nonzero(w) for w in network.weights] == wanted
            assert [np.count_nonzero(x > 0) for x in rule.strengths(network)] == wanted
            rule.step(network, g)
            now = rewiring.masks(network)
            moved += sum((a != b).sum() for a, b in zip(before, now, strict=True))
            before = now
        assert moved > 20 or sparsity in (0.0, 0.02)


def test_dormant_synapses_are_drawn_without_preference():
    network = make(sizes=(40, 30, 5))
    times = np.zeros((40, 30))
    rule = DeepR(0.1, 0.9, 0.0, 0.0, rng=0)
    for _ in range(400):  # every step kills all active ones
        before = rewiring.masks(network)[0] if rule.steps else None
        rule.step(network, [np.sign(w) for w in network.weights])
        if before is not None:
            times += rewiring.masks(network)[0]
    each = times.sum() / times.size
    # counts of fair draws scatter like those of a binomial distribution
    assert 0.8 < times.var() / (each * (1 - each / 399)) < 1.25


def test_noise_has_the_right_spread_and_touches_active_synapses_only():
    lr, temperature = 0.02, 0.3
    sd = math.sqrt(2 * lr * temperature)
    for kind in (DeepR, SoftDeepR):
        network = make(sizes=(200, 150, 10))
        for w in network.weights:
            w += np.sign(w) * 50  # far from 0, so that none dies
        bound = {"theta_min": -1e6} if kind is SoftDeepR else {}
        rule = kind(lr, 0.5, 0.0, temperature, rng=4, optimizer="sgd", **bound)
        rule.begin(network)
        moves = []
        for _ in range(4):
            before = rule.strengths(network)[0].copy()
            rule.step(network, [np.zeros_like(w) for w in network.weights])
            moves.append(rule.strengths(network)[0] - before)
        moves, active = np.array(moves), before > 0
        dormant = moves[:, ~active]
        assert (
            (dormant == 0).all() if kind is DeepR else dormant.std() == pytest.approx(sd, rel=0.02)
        )
        moves = moves[:, active]
        assert moves.std() == pytest.approx(sd, rel=0.02)
        assert abs(moves.mean()) < 4 * sd / math.sqrt(moves.size)
        across = np.corrcoef(moves)
        assert np.abs(across - np.eye(4)).max() < 0.04  # steps differ
        assert abs(np.corrcoef(moves[0][:-1], moves[0][1:])[0, 1]) < 0.04  # and neighbours
        z = moves / sd
        assert 2.6 < (z**4).mean() < 2.8 and np.abs(z).max() < 3.5


def test_soft_deep_r_settles_at_its_equilibrium():
    """No gradient: the share of active synapses of a random walk between theta_min and 0."""
    p, alpha, temperature = 0.8, 1.0, 0.1
    network = make(sizes=(60, 50, 4))
    rule = SoftDeepR(2e-3, p, alpha, temperature, optimizer="sgd", rng=0)
    rule.begin(network)
    low = -temperature * p / (alpha * (1 - p))
    theta = rule.strengths(network)[0]
    assert (theta > 0).mean() == pytest.approx(0.2)
    assert theta.min() > low and np.isclose(theta[theta <= 0].mean(), low / 2, rtol=0.1)
    shares = []
    for k in range(2000):
        rule.step(network, [np.zeros_like(w) for w in network.weights])
        if k >= 1000:
            shares.append(rewiring.connectivity(network).layers[0])
    assert rule.strengths(network)[0].min() == pytest.approx(low)
    assert np.mean(shares) == pytest.approx(1 - p, abs=0.02)


def test_deep_r_starts_from_the_weights_that_are_there():
    network = make(sizes=(30, 20, 4))
    network.weights[0][:10] = 0
    rule = DeepR(0.01, 0.5, rng=0)
    start = weights(network)
    rule.begin(network)
    kept = network.weights[0] != 0
    assert kept.sum() == 300 and not kept[:10].any()
    assert (network.weights[0][kept] == start[0][kept]).all()
    network.weights[0][5:] = 0
    rule = DeepR(0.01, 0.5, rng=0)
    rule.begin(network)
    assert np.count_nonzero(network.weights[0]) == 300
    assert np.count_nonzero(np.abs(network.weights[0]) > 1e-10) < 100


# --- the other rivals -----------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("schedule", ["sine", "linear"])
def test_stds_equals_its_equations(dtype, schedule):
    network, lr, top, n = make(dtype), 0.02, 0.4, 40
    rule = STDS(lr, top, schedule=schedule)
    rule.begin(network, epochs=4, steps_per_epoch=10)
    theta = weights(network)
    m, v = ([np.zeros_like(x) for x in theta] for _ in range(2))
    for t, g in enumerate(some_gradients(50, network), 1):
        rule.step(network, g)
        done = min(t / n, 1)
        d = top * (done if schedule == "linear" else (1 + np.sin(np.pi * (done - 0.5))) / 2)
        assert rule.threshold_at(t) == pytest.approx(d)
        for k in range(2):
            theta[k] = theta[k] - adam_step(g[k].astype(float), m[k], v[k], t, lr)
            wanted = np.sign(theta[k]) * np.maximum(np.abs(theta[k]) - d, 0)
            assert close(network.weights[k], wanted, dtype, loose=3)
            assert close(rule.strengths(network)[k], np.abs(theta[k]) - d, dtype, loose=3)
    assert d == top and 0.05 < rewiring.connectivity(network).overall < 0.95


@pytest.mark.parametrize("scope", ["layer", "network"])
def test_magnitude_keeps_exactly_the_largest(scope):
    network = make(sizes=(30, 20, 10))
    network.weights[1][...] *= 0.6
    network.weights[0][:4] = network.weights[0][5]  # ties
    dense = network.copy()
    rule = Magnitude(0.01, 0.75, start=2, scope=scope)
    rule.begin(network, epochs=4, steps_per_epoch=3)
    gradients = some_gradients(12, network)
    m, v = ([np.zeros_like(w) for w in dense.weights] for _ in range(2))
    for t, g in enumerate(gradients, 1):
        rule.step(network, g)
        for k, w in enumerate(dense.weights):
            w -= adam_step(g[k], m[k], v[k], t, 0.01)
            w *= rewiring.masks(network)[k] if t >= 6 else 1
            np.testing.assert_allclose(network.weights[k], w, rtol=1e-10, atol=1e-13)
        if t == 6:
            masks = rewiring.masks(network)
            groups = [np.concatenate([w.ravel() for w in network.weights])]
            groups = groups if scope == "network" else [w.ravel() for w in network.weights]
            for group in groups:
                assert np.count_nonzero(group) == group.size // 4
    whole = make(sizes=(30, 20, 10))
    whole.weights[1][...] *= 0.6
    whole.weights[0][:4] = whole.weights[0][5]
    at_once = Magnitude(0.01, 0.75, scope=scope)
    start = weights(whole)
    at_once.begin(whole)
    kept = [np.abs(w[mask]) for w, mask in zip(start, rewiring.masks(whole), strict=True)]
    gone = [np.abs(w[~mask]) for w, mask in zip(start, rewiring.masks(whole), strict=True)]
    if scope == "network":
        kept, gone = [np.concatenate(kept)], [np.concatenate(gone)]
    for stays, goes in zip(kept, gone, strict=True):
        assert stays.min() >= goes.max() and len(stays) * 3 == len(goes)
    now = rewiring.masks(network)
    assert all((a == b).all() for a, b in zip(masks, now, strict=True))
    if scope == "network":
        assert rewiring.connectivity(network).layers[1] < 0.2


def test_gradual_magnitude_pruning_follows_the_cubic_schedule():
    network = make(sizes=(40, 30, 10))
    rule = Magnitude(0.01, 0.9, start=1, end=4, every=7)
    rule.begin(network, epochs=5, steps_per_epoch=10)
    expected, gone = 0.0, np.zeros((40, 30), bool)
    for t, g in enumerate(some_gradients(50, network), 1):
        rule.step(network, g)
        if t in (10, 17, 24, 31, 38, 40):
            expected = 0.9 * (1 - (1 - (t - 10) / 30) ** 3)
        n = [w.size - round(expected * w.size) for w in network.weights]
        assert [np.count_nonzero(w) for w in network.weights] == n
        assert not network.weights[0][gone].any()  # nothing comes back
        gone |= network.weights[0] == 0
    assert expected == 0.9


def test_fixed_masks_never_change():
    network = make(np.float32)
    rng = np.random.default_rng(0)
    given = [rng.random(w.shape) < 0.4 for w in network.weights]
    for rule, wanted in (
        (FixedMask(0.05, masks=given), given),
        (FixedMask(0.05, 0.75, rng=2), None),
        (FixedMask(0.05, (0.5, 0.9), rng=2), None),
    ):
        net = network.copy()
        rule.begin(net)
        first = rewiring.masks(net)
        for g in some_gradients(20, net):
            rule.step(net, g)
            assert all(map(np.array_equal, rewiring.masks(net), first))
        if wanted is not None:
            assert all(map(np.array_equal, first, given))
        else:
            shares = zip((114, 76), np.broadcast_to(rule.sparsity, 2), strict=True)
            left = [n - round(p * n) for n, p in shares]
            assert [mask.sum() for mask in first] == left
    others = [network.copy() for _ in range(2)]
    for net, seed in zip(others, (2, 3), strict=True):
        FixedMask(0.05, 0.75, rng=seed).begin(net)
    assert not np.array_equal(*(rewiring.masks(net)[0] for net in others))


# --- fan-in ---------------------------------------------------------------------------------------

LIMITED = {
    "GradR": lambda **s: GradR(0.02, 0.7, 0.02, **s),
    "DeepR": lambda **s: DeepR(0.02, 0.7, 0.01, 1e-4, rng=1, **s),
    "SoftDeepR": lambda **s: SoftDeepR(0.02, 0.3, 0.01, 1e-4, rng=1, **s),
    "STDS": lambda **s: STDS(0.02, 0.01, **s),
}


@pytest.mark.bounds
@pytest.mark.parametrize("name", LIMITED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_unit_ever_has_more_inputs_than_the_limit(name, dtype):
    network, rule = make(dtype, (24, 19, 5)), LIMITED[name](max_fan_in=9)
    rule.begin(network, 5, 10)
    most = []
    for g in [None, *some_gradients(50, network)]:
        if g is not None:
            rule.step(network, g)
        counts = [(w != 0).sum(axis=0) for w in network.weights]
        most.append([n.max() for n in counts])
        assert np.array_equal(rule.active, [n.sum() for n in counts])
        for strength, w in zip(rule.strengths(network), network.weights, strict=True):
            assert np.array_equal(strength > 0, w != 0)
    assert np.max(most) == 9  # and it was needed:
    free = LIMITED[name]()
    twin = make(dtype, (24, 19, 5))
    free.begin(twin, 5, 10)
    for g in some_gradients(50, twin):
        free.step(twin, g)
    assert max((w != 0).sum(axis=0).max() for w in twin.weights) > 9


def limited(w, theta, limit, rest=0.0):
    """The limit, one unit after the other, the slow way."""
    for j in range(w.shape[1]):
        there = np.flatnonzero(w[:, j])
        go = there[np.argsort(np.abs(w[there, j]), kind="stable")][: max(0, len(there) - limit)]
        w[go, j], theta[go, j] = 0, np.copysign(rest, theta[go, j])


@pytest.mark.nojit
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weakest_inputs_of_a_full_unit_go(dtype):
    """Each step is that of the rule without the limit, and then the limit."""
    network, rule, twin = make(dtype), GradR(0.02, alpha=0.1, max_fan_in=3), GradR(0.02, alpha=0.1)
    network.weights[0][:, ::2] = np.sign(network.weights[0][:, ::2]) * network.dtype.type(0.25)
    other = network.copy()
    twin.begin(other)
    rule.begin(network)
    assert [x[0] for x in rule.log.connectivity] == [3 / 6]  # before the first forward pass
    for g in [None, *some_gradients(30, network)]:
        if g is not None:
            rule.step(network, g)
            twin.step(other, g)
        for w, theta in zip(other.weights, synapses.views(other, twin.theta), strict=True):
            limited(w, theta, 3)
        assert np.array_equal(network.parameters, other.parameters)
        assert np.array_equal(rule.theta, twin.theta)
    assert rule.log.dead == {}


def test_stds_leaves_the_weakest_at_its_threshold():
    network, rule = make(), STDS(0.02, 0.05, max_fan_in=3)
    rule.begin(network, 1, 10)
    for g in some_gradients(6, network):
        rule.step(network, g)
    d, theta = rule.threshold_at(6), per_layer(network, rule.theta)
    at_rest = sum((np.abs(x) == d).sum() for x in theta)
    assert at_rest > 0 and all(
        ((np.abs(x) > d) == (w != 0)).all() for x, w in zip(theta, network.weights, strict=True)
    )


def test_a_pruned_input_displaces_a_weaker_one():
    """The weakest of a full unit goes on learning, and takes the place of one that fades."""
    network, rule = make(sizes=(3, 1)), GradR(0.1, alpha=0.0, max_fan_in=2)
    network.weights[0][:, 0] = 0.5, 0.4, 0.3
    rule.begin(network)
    assert network.weights[0][:, 0].tolist() == [0.5, 0.4, 0]
    for _ in range(5):
        rule.step(network, [np.array([[0.0], [1.0], [-1.0]])])
    alive = network.weights[0][:, 0] != 0
    assert alive.tolist() == [True, False, True]


def test_deep_r_keeps_its_number_under_the_limit_too():
    sizes = (24, 19, 5)
    network, rule = make(sizes=sizes), DeepR(0.02, (1 - 5 / 24, 0.5), 0.05, max_fan_in=5, rng=3)
    with pytest.raises(ValueError, match="max_fan_in"):  # of 95 in the readout 48 stay, for 25
        rule.begin(network)
    rule = DeepR(0.02, (1 - 5 / 24, 0.8), 0.05, max_fan_in=5, rng=3)
    rule.begin(network)
    before, seen = synapses.masks(network)[0], []
    for g in some_gradients(40, network):
        rule.step(network, g)
        # every unit is full all the time: what goes in one comes back in the same
        assert ((network.weights[0] != 0).sum(axis=0) == 5).all()
        assert np.count_nonzero(network.weights[1]) == 19
        seen.append((synapses.masks(network)[0] != before).sum())
    assert seen[-1] > 20


def test_limits_that_are_none_change_nothing():
    for name in LIMITED:
        results = []
        for limit in (None, 6):  # no unit of the first layer has more inputs than that
            network = make(sizes=(6, 19))
            rule = LIMITED[name](max_fan_in=limit)
            rule.begin(network, 1, 20)
            for g in some_gradients(20, network):
                rule.step(network, g)
            results.append((network.parameters.tobytes(), rule.theta.tobytes()))
        assert results[0] == results[1], name


@pytest.mark.parametrize("name", LIMITED)
@pytest.mark.parametrize("limit, error", [(0, ValueError), (2.0, TypeError), (True, TypeError)])
def test_limits_that_are_no_number_of_inputs(name, limit, error):
    with pytest.raises(error, match="max_fan_in"):
        LIMITED[name](max_fan_in=limit)


def test_many_inputs_on_a_chip():
    """More inputs than it has lines, but no neuron with more than it can take."""
    inputs, labels = toy(n_units=300)
    network = make(np.float32, (300, 40, 4)).replace(n_steps=12)
    network.scale_to_activity(inputs, 20)
    chip = Substrate(1)
    with pytest.raises(ValueError, match="max_fan_in=256"):
        network.forward(inputs, on=chip)
    rule = GradR(0.01, alpha=0.01, max_fan_in=256)
    history = train(
        network,
        inputs,
        labels,
        epochs=8,
        rng=0,
        batch_size=30,
        optimizer=rule,
        substrate=chip,
        progress=False,
    )
    assert (network.weights[0] != 0).sum(axis=0).max() <= 256
    assert history.train_accuracy[-1] > history.train_accuracy[0]
    assert chip.runs(network) == 1
    network.weights[0][:257, 7] = 0.1
    with pytest.raises(ValueError, match="does not fit"):  # though the chip knows its layers
        network.forward(inputs, on=chip)


# --- promises of all rules ------------------------------------------------------------------------


@pytest.mark.bounds
def test_padding_stays_zero(make_rule):
    network = make(np.float32)
    padding = np.ones(network.parameters.size, bool)
    for view in synapses.views(network, padding):
        view[...] = False
    assert padding.sum() == 6 * 45  # 19 units are stored as 64
    rule = make_rule()
    rule.begin(network, 4, 10)
    for g in some_gradients(30, network):
        rule.step(network, g)
        assert not network.parameters[padding].any()
        counted = [np.count_nonzero(w) for w in network.weights]
        assert rule.active.tolist() == counted


@pytest.mark.parametrize("name", ["GradR", "GradR-hold", "DeepR", "DeepR-sgd", "SoftDeepR"])
def test_signs_never_flip(name):
    network, rule = make(np.float32), RULES[name]()
    start = weights(network)
    rule.begin(network)
    sign = per_layer(network, rule.sign)
    for g in some_gradients(60, network):
        rule.step(network, g)
        for w, s, w_start in zip(network.weights, sign, start, strict=True):
            assert (w * s >= 0).all()
            if name.startswith("GradR"):
                assert (w * w_start >= 0).all()
    assert all(map(np.array_equal, per_layer(network, rule.sign), sign))


def test_workers_do_not_change_a_bit(make_rule):
    results = []
    for workers in (1, 2, 3):
        network, rule = make(np.float32, (300, 200, 7), workers=workers), make_rule()
        assert network.parameters.size > 50_000
        rule.begin(network, 3, 4)
        for seed in range(12):
            rng = np.random.default_rng(seed)
            rule.step(network, [rng.normal(0, 1, w.shape) for w in network.weights])
        results.append(
            (network.parameters.tobytes(), *map(np.ndarray.tobytes, rule.state().values()))
        )
    assert results[0] == results[1] == results[2]


def toy(n=90, n_units=20, n_classes=4, kind="events"):
    """Noisy copies of one pattern per class."""
    rng = np.random.default_rng(5)
    patterns, labels = rng.random((n_classes, n_units)), rng.integers(0, n_classes, n)
    x = np.clip(patterns[labels] + rng.normal(0, 0.2, (n, n_units)), 0, 1).astype(np.float32)
    code = encode.latency if kind == "events" else encode.constant_current
    return code(x, n_steps=12), labels


def toy_network(inputs, **settings):
    net = Network((20, 40, 4), LIF.brainscales2(), n_steps=12, rng=0, **settings)
    return net.scale_to_activity(inputs, 20)


SETTINGS = {"epochs": 4, "rng": 7, "batch_size": 30, "progress": False}


@pytest.mark.parametrize("stop", [3, 5, 9])  # ends of an epoch of 3 steps, and within one
def test_resumed_training_is_bit_identical(make_rule, tmp_path, stop):
    data, path = toy(), tmp_path / "run.npz"
    whole, rule = toy_network(data[0]), make_rule()
    train(whole, *data, **SETTINGS, optimizer=rule)
    calls = []
    train(
        toy_network(data[0]),
        *data,
        **SETTINGS,
        optimizer=make_rule(),
        checkpoint=path,
        callback=lambda step: calls.append(1) or len(calls) == stop,
    )
    other, again = toy_network(data[0]), make_rule()
    again.key = 12345  # its seed does not matter
    train(other, *data, **SETTINGS, optimizer=again, checkpoint=path)
    assert other.parameters.tobytes() == whole.parameters.tobytes()
    states = rule.state(), again.state()
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        np.testing.assert_array_equal(states[0][name], states[1][name], err_msg=name)
    assert again.log.steps == [0, 3, 6, 9, 12]


def test_a_checkpoint_wants_the_same_rule(tmp_path):
    data = toy(30)
    settings = SETTINGS | {"epochs": 1}
    rules = [
        GradR(0.01, 0.9),
        GradR(0.01, 0.8),
        GradR(0.01, (0.9, 0.8)),
        GradR(0.01, 0.9, hold="layer"),
        GradR(0.01, 0.9, Ramp(1e-3)),
        DeepR(0.01, 0.9, rng=0),
        STDS(0.01, schedule="linear"),
        STDS(0.01),
    ]
    for k, rule in enumerate(rules):
        path = tmp_path / f"{k}.npz"
        train(toy_network(data[0]), *data, **settings, optimizer=rule, checkpoint=path)
        other = rules[(k + 1) % len(rules)]
        with pytest.raises(ValueError, match="another optimizer"):
            train(toy_network(data[0]), *data, **settings, optimizer=other, checkpoint=path)


def test_unused_rules_have_a_state_too(make_rule):
    network, one, two = make(), make_rule(), make_rule()
    two.restore(one.state())
    for rule in (one, two):
        rule.begin(network.copy(), 3, 2)
    name = next(iter(one.arrays))
    assert np.array_equal(getattr(one, name), getattr(two, name))


def test_a_state_is_a_snapshot(make_rule):
    network, rule = make(), make_rule()
    rule.begin(network, 3, 3)
    gradients = some_gradients(4, network)
    rule.step(network, gradients[0])
    state = rule.state()
    before = {name: np.array(x) for name, x in state.items()}
    for g in gradients[1:]:
        rule.step(network, g)
    for name, x in before.items():
        np.testing.assert_array_equal(state[name], x)


@pytest.mark.parametrize("kind", ["events", "current"])
def test_rules_train_networks_of_both_kinds(make_rule, kind):
    data = toy(kind=kind)
    network, rule = toy_network(data[0]), make_rule()
    before = network.parameters.copy()
    history = train(network, *data, **SETTINGS, optimizer=rule)
    assert np.isfinite(history.loss).all() and rule.steps == 12
    assert not np.array_equal(network.parameters, before)
    assert history.lr[-1] < 0.01  # the schedule reaches the rule


def test_a_sparse_start_is_sparse_before_the_first_forward_pass():
    data, seen = toy(), []
    for rule in (DeepR(0.0, 0.8, 0.0, 0.0, rng=0), FixedMask(0.0, 0.8, rng=0), Magnitude(0.0, 0.8)):
        network = toy_network(data[0])
        masked = network.copy()
        rule.begin(masked)
        trace = masked.forward(data[0])
        seed = {} if isinstance(rule, Magnitude) else {"rng": 0}
        fresh = type(rule)(rule.lr, rule.sparsity, **seed)
        train(
            network,
            *data,
            epochs=1,
            rng=1,
            batch_size=90,
            progress=False,
            optimizer=fresh,
            callback=lambda step: seen.append(step.hidden_spikes),
        )
        assert seen[-1] == pytest.approx(trace.hidden_counts().mean())
        assert rewiring.connectivity(network).overall == pytest.approx(0.2, abs=0.01)


def test_nothing_is_pruned_where_nothing_is_trained():
    data = toy(30)
    network = toy_network(data[0])
    before = network.parameters.copy()
    train(network, *data, epochs=0, rng=0, progress=False, optimizer=FixedMask(0.1, 0.9, rng=0))
    assert np.array_equal(network.parameters, before)


def test_schedules_stay_at_their_end_in_later_training():
    data = toy()
    network, rule = toy_network(data[0]), STDS(1e-3, 0.02)
    train(network, *data, **SETTINGS, optimizer=rule)
    assert rule.threshold_at(rule.steps) == pytest.approx(0.02)
    train(network, *data, **SETTINGS | {"epochs": 9}, optimizer=rule)
    assert rule.steps == 39 and rule.threshold_at(14) == rule.threshold_at(39) == 0.02


def test_grad_r_on_a_substrate_stays_within_its_weights():
    data = toy()
    network, chip = toy_network(data[0]), Substrate(3)
    rule = GradR(0.02, 0.8, 0.05, hold="network")
    train(network, *data, **SETTINGS, optimizer=rule, substrate=chip)
    limits = chip.largest_weights(network)
    assert all(np.abs(w).max() <= top for w, top in zip(network.weights, limits, strict=True))
    assert rewiring.connectivity(network).overall < 1


@pytest.fixture(scope="module")
def digits():
    data = datasets.load("digits16", progress=False)
    x = [encode.latency(x, n_steps=20) for x in (data.x_train, data.x_test)]
    return x[0], data.y_train, x[1], data.y_test


@pytest.mark.parametrize(
    "rule, share, accuracy",
    [
        (GradR(2e-3, 0.9, 0.5, hold="layer"), 0.12, 0.8),
        (DeepR(2e-3, 0.9, rng=0), 0.101, 0.7),
        (STDS(2e-3, 0.07), 0.35, 0.8),
    ],
    ids=["GradR", "DeepR", "STDS"],
)
def test_digits_are_learned_with_few_weights(rule, share, accuracy, digits):
    x_train, y_train, x_test, y_test = digits
    network = Network((256, 246, 10), LIF.brainscales2(), n_steps=20, rng=1)
    if isinstance(rule, DeepR):
        rule.begin(network)
    network.scale_to_activity(x_train[:200], 60)
    train(network, x_train, y_train, epochs=6, rng=0, batch_size=50, progress=False, optimizer=rule)
    assert rewiring.connectivity(network).overall < share
    assert evaluate(network, x_test, y_test).accuracy > accuracy
    small = rewiring.compact(network)
    assert small.sizes[1] < 246
    one, two = (net.forward(x_test).readout for net in (network, small))
    assert one.tobytes() == two.tobytes()


# --- utilities ------------------------------------------------------------------------------------


def test_connectivity_and_masks():
    network = make()
    assert rewiring.connectivity(network) == (1.0, pytest.approx([1.0, 1.0]))
    network.weights[0][0] = 0
    network.weights[1][:, 1:] = 0
    found = rewiring.connectivity(network)
    assert found.layers == pytest.approx([5 / 6, 1 / 4])
    assert found.overall == (95 + 19) / (114 + 76)
    masks = rewiring.masks(network)
    assert [mask.shape for mask in masks] == [(6, 19), (19, 4)]
    assert not masks[0][0].any() and masks[0][1:].all() and masks[1][:, 0].all()


@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_compact_network_has_the_same_readout(kind, dtype):
    rng = np.random.default_rng(3)
    lively = LIF.brainscales2(v_th=tuple(rng.uniform(0.5, 1.5, 50)))
    neurons = lively, LIF.brainscales2(), LIF.brainscales2()
    sizes = (20, 50, 40, 30, 4)
    network = Network(
        sizes,
        neurons,
        readout=LeakyIntegrator(tau_mem=6e-6, tau_syn=6e-6, dt=1.7e-6),
        n_steps=12,
        rng=1,
        spread=4.0,
        dtype=dtype,
    )
    for w, share in zip(network.weights, (0.9, 0.95, 0.9, 0.9), strict=True):
        w[rng.random(w.shape) < share] = 0
    network.weights[0][:, :10] = 0  # no inputs
    network.weights[2][5:15] = 0  # no outputs
    inputs, _ = toy(kind=kind)
    small = rewiring.compact(network)
    assert small.sizes[0] == 20 and small.sizes[-1] == 4
    assert all(a < b for a, b in zip(small.sizes[1:-1], sizes[1:-1], strict=True))
    for a, b in zip(rewiring.masks(small)[:-1], rewiring.masks(small)[1:], strict=True):
        assert a.any(axis=0).all() and b.any(axis=1).all()  # every unit left plays a part
    assert len(small.neurons[0].v_th) == small.sizes[1]
    whole, part = network.forward(inputs), small.forward(inputs)
    assert np.ptp(whole.readout) > 0
    if kind == "events":
        assert whole.readout.tobytes() == part.readout.tobytes()
    else:
        np.testing.assert_allclose(part.readout, whole.readout, rtol=0, atol=1e-5)
    assert rewiring.compact(small).sizes == small.sizes
    assert np.array_equal(network.parameters, network.copy().parameters)


def test_a_dead_network_can_be_compacted_too():
    network = make()
    network.weights[0][...] = 0
    small = rewiring.compact(network)
    assert small.sizes == (6, 1, 4)
    inputs = encode.latency(np.random.default_rng(0).random((5, 6)), n_steps=4)
    assert not small.forward(inputs).readout.any()
    assert rewiring.compact(make()).sizes == SIZES


# --- log ------------------------------------------------------------------------------------------


def test_the_log_counts_what_came_and_went(make_rule):
    network, rule = make(np.float32), make_rule(log_every=5)
    rule.begin(network, 4, 10)
    masks = [rewiring.masks(network)]
    strengths = [[x.copy() for x in rule.strengths(network)]]
    for t, g in enumerate(some_gradients(40, network), 1):
        rule.step(network, g)
        if t % 5 == 0:
            masks.append(rewiring.masks(network))
            strengths.append([x.copy() for x in rule.strengths(network)])
    log = rule.log
    assert log.steps == list(range(0, 41, 5)) and len(log) == 9
    for e in range(9):
        for k in range(2):
            before, now = masks[max(e - 1, 0)][k], masks[e][k]
            assert log.connectivity[e][k] == pytest.approx(now.mean())
            assert log.pruned[e][k] == (before & ~now).sum()
            assert log.regrown[e][k] == (now & ~before).sum()
            wanted = np.quantile(strengths[e][k], log.LEVELS)
            np.testing.assert_allclose(log.quantiles[e][k], wanted, rtol=1e-6)
    sizes = np.array([114, 76])
    np.testing.assert_allclose(log.overall(), [np.array(c) @ sizes / 190 for c in log.connectivity])


def test_quantiles_of_large_layers_come_from_a_sample():
    network, rule = make(np.float32, (300, 200, 4)), GradR(0.01, 0.9)
    rule.begin(network)
    wanted = np.quantile(rule.strengths(network)[0], rule.log.LEVELS[1:-1])
    np.testing.assert_allclose(rule.log.quantiles[0][0][1:-1], wanted, rtol=0.05)


def test_entries_per_epoch_and_spikes_from_a_callback():
    data = toy()
    network, rule = toy_network(data[0]), GradR(0.01, 0.9)
    seen = []

    def watch(step):
        rule.log.observe(step)
        if step.ends_epoch or not seen:
            counts = step.trace.hidden[0].unit_counts()
            seen.append((counts.sum(axis=1).mean(), (counts.sum(axis=0) == 0).mean()))

    train(network, *data, **SETTINGS, optimizer=rule, callback=watch)
    assert rule.log.steps == [0, 3, 6, 9, 12]
    assert [float(x[0]) for x in rule.log.spikes] == pytest.approx([s for s, _ in seen])
    assert [float(x[0]) for x in rule.log.silent] == pytest.approx([s for _, s in seen])
    without = GradR(0.01, 0.9)
    for _ in range(200):
        without.step(network, Gradients(network))
    assert without.log.steps == [0, 100, 200]
    assert np.isnan(without.log.spikes).all() and np.shape(without.log.silent) == (3, 1)


def test_a_resumed_run_has_the_spikes_that_were_observed(tmp_path):
    data, logs = toy(), []
    for resumed in (False, True):
        network, file = toy_network(data[0]), tmp_path / f"{resumed}.npz"
        for stop in (6, 0) if resumed else (0,):
            rule = GradR(0.01, 0.9)

            def watch(step, rule=rule, stop=stop):
                rule.log.observe(step)
                return rule.steps == stop

            train(network, *data, **SETTINGS, optimizer=rule, callback=watch, checkpoint=file)
        logs.append(rule.log)
    assert np.isfinite(logs[0].spikes).all()
    np.testing.assert_array_equal(logs[0].spikes, logs[1].spikes)
    np.testing.assert_array_equal(logs[0].silent, logs[1].silent)


@pytest.mark.parametrize("rule", [GradR(0.01, 0.9, 1.0), STDS(0.01, 2.0)])
def test_a_layer_that_dies_out_is_reported_once(rule):
    network = make()
    network.weights[1][...] *= 0.2  # the first to go
    rule.begin(network, 1, 200)
    gradients = [np.zeros_like(w) for w in network.weights]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(200):
            rule.step(network, gradients)
    assert {w.category for w in caught} == {RuntimeWarning}
    said = [f"layer {k} of the weights has died out at step {rule.log.dead[k]}" for k in (1, 0)]
    assert all(text in str(w.message) for text, w in zip(said, caught, strict=True))
    assert list(rule.log.dead) == [1, 0] and rule.log.dead[1] < rule.log.dead[0] < rule.steps
    other = type(rule)(0.01)
    other.restore(rule.state())
    assert other.log.dead == rule.log.dead
    other.step(network, gradients)  # it knows already


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make_one, name",
    [
        (lambda: GradR(sparsity=0.4), "sparsity"),
        (lambda: GradR(sparsity=1.0), "sparsity"),
        (lambda: GradR(sparsity=(0.9, 0.2)), "sparsity"),
        (lambda: GradR(sparsity=np.nan), "sparsity"),
        (lambda: GradR(alpha=-1e-3), "alpha"),
        (lambda: GradR(lr=-1), "lr"),
        (lambda: GradR(0.1, optimizer=Adam()), "lr"),
        (lambda: GradR(hold="all"), "hold"),
        (lambda: GradR(settle=-1), "settle"),
        (lambda: GradR(zero_weights="none"), "zero_weights"),
        (lambda: GradR(log_every=0), "log_every"),
        (lambda: DeepR(sparsity=1.0, rng=0), "sparsity"),
        (lambda: DeepR(temperature=-1, rng=0), "temperature"),
        (lambda: DeepR(optimizer="adamw", rng=0), "optimizer"),
        (lambda: SoftDeepR(sparsity=0.0, rng=0), "sparsity"),
        (lambda: SoftDeepR(temperature=0.0, rng=0), "temperature"),
        (lambda: SoftDeepR(alpha=0.0, rng=0), "alpha"),
        (lambda: SoftDeepR(theta_min=0.1, rng=0), "theta_min"),
        (lambda: STDS(threshold=-0.1), "threshold"),
        (lambda: STDS(schedule="cosine"), "schedule"),
        (lambda: Magnitude(sparsity=-0.1), "sparsity"),
        (lambda: Magnitude(start=-1), "start"),
        (lambda: Magnitude(start=2, end=1), "end"),
        (lambda: Magnitude(every=0), "every"),
        (lambda: Magnitude(scope="row"), "scope"),
        (lambda: Magnitude(sparsity=(0.5, 0.6), scope="network"), "sparsity"),
        (lambda: FixedMask(), "sparsity or masks"),
        (lambda: FixedMask(sparsity=0.5, masks=[], rng=0), "sparsity or masks"),
        (lambda: rewiring.prior_centre(0.3, 1), "sparsity"),
        (lambda: rewiring.prior_centre(0.9, 0), "alpha"),
        (lambda: rewiring.smallest_alpha(0.9, 0, 10), "lr"),
        (lambda: rewiring.prior_drift(0.1, 1e-3, -1), "steps"),
    ],
)
def test_settings_out_of_range_are_refused(make_one, name):
    with pytest.raises(ValueError, match=name):
        make_one()


def test_settings_of_the_wrong_kind_are_refused():
    for make_one, name in (
        (lambda: GradR(sparsity="many"), "sparsity"),
        (lambda: GradR(alpha=None), "alpha"),
        (lambda: DeepR(rng=None), "rng"),
        (lambda: FixedMask(sparsity=0.5), "rng"),
        (lambda: GradR(log_every=1.5), "log_every"),
    ):
        with pytest.raises(TypeError, match=name):
            make_one()
    with pytest.raises(TypeError, match="rng"):
        DeepR()


def test_what_does_not_fit_the_network_is_refused_and_changes_nothing():
    network = make()
    before = network.parameters.copy()
    masks = rewiring.masks(network)
    for rule, error, words in (
        (GradR(0.1, (0.5, 0.6, 0.7)), ValueError, "sparsity must have 2 values"),
        (FixedMask(0.1, masks=masks[:1]), ValueError, "masks must hold 2"),
        (FixedMask(0.1, masks=[masks[0].T, masks[1]]), ValueError, r"masks\[0\].*\(6, 19\)"),
        (FixedMask(0.1, masks=[masks[0], masks[1] * 1.0]), TypeError, r"masks\[1\]"),
        (FixedMask(0.1, masks=masks[0]), ValueError, "masks"),
        (STDS(0.1, 0.1), ValueError, "STDS follows a schedule: call begin"),
        (Magnitude(0.1, 0.5, start=1), ValueError, "Magnitude follows a schedule: call begin"),
    ):
        with pytest.raises(error, match=words):
            rule.begin(network)
        with pytest.raises(error, match=words):
            rule.step(network, Gradients(network))
        assert np.array_equal(network.parameters, before)
    for rule in (Magnitude(start=4), Magnitude(start=1, end=4)):
        with pytest.raises(ValueError, match="within the 3 epochs"):
            rule.begin(network, 3, 10)
    rule = GradR(0.1, 0.9)
    with pytest.raises(ValueError, match="begin"):
        rule.strengths(network)
    with pytest.raises(TypeError, match="steps_per_epoch"):
        rule.begin(network, 3)
    rule.begin(network)
    for other in (make(sizes=(6, 40, 4)), make(np.float32, (6, 40, 4))):
        with pytest.raises(ValueError, match="another network"):
            rule.begin(other)
        with pytest.raises(ValueError, match="another network"):
            rule.step(other, Gradients(other))
        with pytest.raises(ValueError, match="another size"):
            rule.rebind(other)
    with pytest.raises(ValueError, match="factor"):
        rule.step(network, Gradients(network), -1.0)
    with pytest.raises(ValueError, match=r"gradients\[0\]"):
        rule.step(network, [w * np.nan for w in network.weights])
    assert np.array_equal(network.parameters, before)


# --- figures --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """Networks and the rules that trained them: two layers of weights, and three."""
    pytest.importorskip("matplotlib")
    out = {}
    for name, sizes in (("GradR", (40, 4)), ("DeepR", (30, 25, 4)), ("STDS", (40, 4))):
        network, rule = make(np.float32, (20, *sizes)), RULES[name](log_every=4)
        network.weights[0][:2] *= 1e-3
        rule.begin(network, 5, 8)
        for g in some_gradients(40, network):
            rule.step(network, [x / 100 for x in g])
        out[name] = network, rule
    return out


@pytest.fixture(scope="module")
def pictures(trained):
    from snnlab.plot import rewiring as draw

    out = {"prior": draw.draw_prior(1e-3, 1e5, published=1e-3)}
    for name, (network, rule) in trained.items():
        out[name, "connectivity"] = draw.draw_connectivity(rule.log)
        out[name, "theta"] = draw.draw_theta(rule, network)
        out[name, "inputs"] = draw.draw_inputs(network, (4, 5))
    return out


def test_nothing_is_cut_off_or_without_label(pictures):
    for name, picture in pictures.items():
        assert_nothing_is_cut_off(picture)
        for ax in picture.fig.get_axes():
            if len(ax.get_xticks()):
                label = ax.get_xlabel()
                assert "step" in label or "units" in label or "α" in label or not label, name
            if ax.get_ylabel() == "" and len(ax.get_yticks()):
                assert name[1] == "theta"  # shared with the neighbour on the left
        assert picture.alt.endswith(".") and len(picture.alt) > 100


def test_connectivity_is_drawn_as_logged(trained, pictures):
    for name, (network, rule) in trained.items():
        picture, log = pictures[name, "connectivity"], rule.log
        lines = picture.artists.lines
        n = len(network.weights)
        for k in range(n):
            x, y = lines[k].get_data()
            np.testing.assert_array_equal(x, log.steps)
            wanted = 100 * np.array(log.connectivity)[:, k]
            np.testing.assert_allclose(y[wanted > 0], wanted[wanted > 0])
        np.testing.assert_allclose(lines[n].get_ydata(), 100 * log.overall())
        np.testing.assert_array_equal(
            lines[n + 1].get_ydata(), np.array(log.pruned).sum(axis=1)[1:]
        )
        np.testing.assert_array_equal(
            lines[n + 2].get_ydata(), np.array(log.regrown).sum(axis=1)[1:]
        )
        looks = {(line.get_marker(), line.get_linestyle(), line.get_color()) for line in lines}
        assert len(looks) == len(lines)
        assert picture.artists.axes[0].get_yscale() == "log"
        assert f"{100 * rewiring.connectivity(network).overall:.3g} %" in picture.alt
    assert "Layer" not in picture.alt
    rule.log.dead[1] = 12
    from snnlab.plot import rewiring as draw

    assert "Layer 1 died out at step 12." in draw.draw_connectivity(rule.log).alt
    with pytest.raises(ValueError, match="log"):
        draw.draw_connectivity(rewiring.Log())


def test_histograms_part_the_pruned_from_the_active(trained, pictures):
    from matplotlib.patches import StepPatch

    for name, (network, rule) in trained.items():
        tops = pictures[name, "theta"].artists.axes[0]
        for ax, theta, w in zip(tops, rule.strengths(network), network.weights, strict=True):
            gone, there = (p for p in ax.patches if isinstance(p, StepPatch))
            edges = there.get_data().edges
            assert gone.get_data().values.sum() == (w == 0).sum()
            assert there.get_data().values.sum() == np.count_nonzero(w)
            assert not there.get_data().values[edges[:-1] < 0].any()
            assert not gone.get_data().values[edges[:-1] >= 0].any()
            assert 0 in edges and gone.get_hatch() and not there.get_hatch()
            assert edges[0] <= theta.min() and edges[-1] >= theta.max()


def test_a_map_of_the_inputs(trained, pictures):
    from snnlab.plot import rewiring as draw

    network, _ = trained["DeepR"]
    image = pictures["DeepR", "inputs"].artists.image.get_array()
    left = np.count_nonzero(network.weights[0], axis=1).reshape(4, 5)
    np.testing.assert_array_equal(np.ma.filled(image, 0), left)
    network = network.copy()
    network.weights[0][3:5] = 0
    picture = draw.draw_inputs(network, (4, 5))
    left.ravel()[3:5] = 0
    np.testing.assert_array_equal(picture.artists.image.get_array().mask, left == 0)
    assert "pixels without any" in picture.alt and "(blank)" in picture.fig.axes[0].get_title(
        "left"
    )
    with pytest.raises(ValueError, match="shape"):
        draw.draw_inputs(network, (5, 5))


def test_the_prior_s_figure_marks_where_the_target_matters(pictures):
    meet = pictures["prior"].artists.meet
    assert meet == [rewiring.smallest_alpha(p, 1e-3, 1e5) for p in (0.6, 0.9, 0.99)]


def some_records():
    """Three labels; the last point is beaten by the first."""
    rows = [
        ("dense", 1.0, 0.98, 60),
        ("Grad R", 0.1, 0.97, 50),
        ("Grad R", 0.02, 0.94, 20),
        ("Grad R", 0.3, 0.96, 55),
        ("random", 1.0, 0.98, 61),
    ]
    names = "label", "connectivity", "mean", "hidden_spikes"
    return [dict(zip(names, row, strict=True), sd=0.001) for row in rows]


def test_three_things_are_traded():
    pytest.importorskip("matplotlib")
    from snnlab.plot import rewiring as draw

    records = some_records()
    picture = draw.draw_tradeoff(records)
    a = picture.artists
    # the fourth has more weights and spikes than the second and is worse; the fifth more spikes
    assert a.best.tolist() == [True, True, True, False, False]
    rings = a.ring.get_offsets()
    np.testing.assert_allclose(sorted(rings.tolist()), [[2, 94], [10, 97], [100, 98]])
    assert a.labels == ["dense", "Grad R", "random"]
    np.testing.assert_allclose(a.clouds[1].get_offsets(), [[2, 94], [10, 97], [30, 96]])
    np.testing.assert_allclose(a.clouds[1].get_array(), [20, 50, 55])
    marks = {tuple(map(tuple, cloud.get_paths()[0].vertices)) for cloud in a.clouds}
    assert len(marks) == 3
    assert "Grad R, 94.00 % with 2 % of the weights and 20 spikes" in picture.alt
    for given in (records, records[:1]):
        assert_nothing_is_cut_off(draw.draw_tradeoff(given))
    for wrong in ([], [{"label": "dense"}], [records[0] | {"connectivity": 0.0}]):
        with pytest.raises(ValueError, match="records"):
            draw.draw_tradeoff(wrong)
    twice = records[:2] + records[:1]
    assert draw.draw_tradeoff(twice).artists.best.all()  # equals do not beat each other


def test_rules_are_compared():
    pytest.importorskip("matplotlib")
    from snnlab.plot import rewiring as draw

    records = some_records()
    picture = draw.draw_rules({"one": records, "two": records[:2]})
    left, right = picture.artists.axes
    assert picture.artists.labels == ["dense", "Grad R", "random"]
    (bar, other), (short,) = left.containers, right.containers
    np.testing.assert_allclose(bar.lines[0].get_xydata(), [[2, 6], [10, 3], [30, 4]])
    np.testing.assert_allclose(other.lines[0].get_xydata(), [[100, 2]])
    np.testing.assert_allclose(short.lines[0].get_xydata(), [[10, 3]])
    assert bar.lines[0].get_color() == short.lines[0].get_color() != other.lines[0].get_color()
    assert bar.lines[0].get_marker() != other.lines[0].get_marker()
    np.testing.assert_allclose(left.lines[0].get_ydata(), 2)
    assert "Grad R 94.00 % at 2 %, 97.00 % at 10 %" in picture.alt
    assert_nothing_is_cut_off(picture)
    for wrong in ({}, {"one": []}):
        with pytest.raises(ValueError, match="studies"):
            draw.draw_rules(wrong)


def test_a_rule_looks_the_same_in_every_figure():
    pytest.importorskip("matplotlib")
    from snnlab.course.figures.rewiring import LOOKS
    from snnlab.plot import rewiring as draw

    names = ["mine", "STDS", "another", "Grad R", *map(str, range(20))]
    records = [{"label": name, "connectivity": 0.1, "mean": 0.9} for name in names]
    picture = draw.draw_rules({"one": records})
    lines = [container.lines[0] for container in picture.artists.axes[0].containers]
    looks = [(x.get_color(), x.get_marker(), x.get_linestyle()) for x in lines]
    assert len(set(looks)) == len(names)
    for name in ("STDS", "Grad R"):
        assert looks[names.index(name)] == draw.RULES[name] == LOOKS[name]
