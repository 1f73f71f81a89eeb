"""Rules around optimisers of all kinds, somebody's own too, and blocks that are not weights."""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers import CHIP, as_input, toy, train

from snnlab import SGD, STDS, Adam, DeepR, FixedMask, GradR, Magnitude, Network, SoftDeepR
from snnlab.layers import BlockShape, Dense, Linear
from snnlab.learning.optimizer import PIECE, Optimizer
from snnlab.learning.state import Kind
from snnlab.parameters import Gradients
from snnlab.rewiring import Rule


class Signs(Optimizer):
    """Ten lines of a reader's: the sign of a running mean."""

    arrays = {"mean": Kind()}

    def change(self, network, gradients, factor, lo, hi, out):
        mean = self.mean[lo:hi]
        mean += 0.5 * (gradients[lo:hi] - mean)
        np.multiply(np.sign(mean), self.lr * factor, out=out)


class Noisy(Optimizer):
    """Not 0 where gradients are."""

    def change(self, network, gradients, factor, lo, hi, out):
        out[...] = self.lr * factor * (1 + np.arange(lo, hi) % 3)


OPTIMIZERS = {
    "Adam": lambda: Adam(0.01),
    "Adam with decay": lambda: Adam(0.01, 0.5, 0.9, 1e-3, weight_decay=2.0),
    "SGD": lambda: SGD(0.05),
    "SGD with all": lambda: SGD(0.02, momentum=0.8, weight_decay=1.0),
    "own": lambda: Signs(0.01),
    "own, noisy": lambda: Noisy(1e-3),
}
RULES = {
    "GradR": lambda **s: GradR(sparsity=0.7, alpha=0.1, **s),
    "DeepR": lambda **s: DeepR(sparsity=0.7, alpha=0.1, temperature=0.0, rng=1, **s),
    "SoftDeepR": lambda **s: SoftDeepR(
        sparsity=0.6, alpha=0.1, temperature=0.0, theta_min=-0.2, rng=1, **s
    ),
    "STDS": lambda **s: STDS(threshold=0.05, **s),
    "Magnitude": lambda **s: Magnitude(sparsity=0.6, start=1, **s),
    "FixedMask": lambda **s: FixedMask(sparsity=0.6, rng=1, **s),
}


@pytest.fixture(params=RULES)
def rule_name(request):
    return request.param


@dataclass(frozen=True, repr=False)
class Rich(Linear):
    """Dense, with biases that are trained, a gain that is, and a constant that nobody trains."""

    n: int

    def shape_out(self, shape):
        return (self.n,)

    def blocks(self, shape):
        return {
            "bias": BlockShape(1, self.n, prunable=False),
            "weights": (int(np.prod(shape)), self.n),
            "gain": BlockShape(1, self.n, prunable=False),
            "constant": BlockShape(1, self.n, prunable=False, trainable=False),
        }

    def drive(self, x, w):
        return (x @ w["weights"] + w["bias"]) * (1 + w["gain"]) + w["constant"]

    def adjoint(self, g, x, w):
        inner = x @ w["weights"] + w["bias"]
        g_inner = g * (1 + w["gain"])
        by = {
            "weights": np.einsum("sti,stj->ij", x, g_inner),
            "bias": g_inner.sum((0, 1))[None],
            "gain": (g * inner).sum((0, 1))[None],
            "constant": g.sum((0, 1))[None],
        }
        return by, g_inner @ w["weights"].T


def make(dtype=np.float64, hidden=19, layers=None, seed=0):
    layers = (6, hidden, 4) if layers is None else layers
    return Network(layers, CHIP, n_steps=4, rng=seed, spread=1.0, dtype=dtype)


def make_rich(dtype=np.float64):
    network = make(dtype, layers=(6, Rich(19), Dense(4)))
    rng = np.random.default_rng(4)
    for block in network.blocks:
        if not block.prunable:
            block.of(network.parameters)[...] = rng.normal(0, 0.1, (block.rows, block.columns))
    return network


def block_of(network, name):
    (block,) = (b for b in network.blocks if b.stage == 0 and b.name == name)
    return block.of(network.parameters)


def some_gradients(network, n, seed=1, scale=1.0):
    """Gradients by every block, one per step."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        out = Gradients(network)
        for block in network.blocks:
            block.of(out.flat)[...] = scale * rng.normal(0, 1, (block.rows, block.columns))
        yield out


# --- what rules ask of an optimiser ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_change_is_what_step_subtracts(name, dtype):
    """Block by block, in pieces of any size, moments included."""
    network, one, two = make(dtype), OPTIMIZERS[name](), OPTIMIZERS[name]()
    other = network.copy()
    two.begin(other)
    for k, g in enumerate(some_gradients(network, 5)):
        factor = (1.0, 0.5, 0.0, 2.0, 1.0)[k]
        one.step(network, g, factor)
        for block in other.blocks:
            cuts = [block.start, block.start + 7, block.start + 40, block.stop]
            cuts = cuts if k % 2 else [block.start, block.stop]
            for lo, hi in zip(cuts[:-1], cuts[1:], strict=True):
                for first, last, change in two.changes(other, g.flat, factor, lo, hi):
                    other.parameters[first:last] -= change
        two.steps += 1
        tolerance = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(other.parameters, network.parameters, rtol=0, atol=tolerance)
        for (key, x), y in zip(one.state().items(), two.state().values(), strict=True):
            assert np.array_equal(x, y), key
    assert not np.array_equal(network.parameters, make(dtype).parameters)


def test_changes_come_in_pieces():
    network = Network((300, 250, 4), CHIP, n_steps=2, rng=0)
    block = network.weight_blocks[0]
    assert block.stop > 2 * PIECE
    optimizer = SGD(1.0)
    optimizer.begin(network)
    (g,) = some_gradients(network, 1)
    found = [(a, b, x.copy()) for a, b, x in optimizer.changes(network, g.flat, 1.0, *block.span)]
    assert [b - a for a, b, _ in found][:2] == [PIECE, PIECE] and found[-1][1] == block.stop
    assert np.array_equal(np.concatenate([x for *_, x in found]), g.flat[: block.stop])


@pytest.mark.parametrize("name", ["own", "own, noisy"])
def test_padding_stays_zero_whatever_the_change(rule_name, name):
    network = make(np.float32)
    padding = np.ones(network.parameters.size, bool)
    for block in network.blocks:
        block.of(padding)[...] = False
    assert padding.any()
    for one in (OPTIMIZERS[name](), RULES[rule_name](optimizer=OPTIMIZERS[name]())):
        net = network.copy()
        one.begin(net, 2, 5)
        for g in some_gradients(net, 6):
            one.step(net, g)
            assert not net.parameters[padding].any()


# --- rules around each of them --------------------------------------------------------------------


def expected_change(name, g, w, memory, t):
    """What the optimisers above subtract, written out."""
    if name.startswith("Adam"):
        plain = name == "Adam"
        lr, b1, b2, eps, decay = (0.01, 0.9, 0.999, 1e-8, 0) if plain else (0.01, 0.5, 0.9, 1e-3, 2)
        m, v = memory.setdefault("mv", [np.zeros_like(g), np.zeros_like(g)])
        m += (1 - b1) * (g - m)
        v += (1 - b2) * (g * g - v)
        root = np.sqrt(v / (1 - b2**t)) + eps
        return lr * m / (1 - b1**t) / root + lr * decay * w, lr / (1 - b1**t)
    if name == "own":
        m = memory.setdefault("m", np.zeros_like(g))
        m += 0.5 * (g - m)
        return 0.01 * np.sign(m), 0.01
    lr, momentum, decay = (0.05, 0, 0) if name == "SGD" else (0.02, 0.8, 1.0)
    m = memory.setdefault("m", np.zeros_like(g))
    m *= momentum
    m += g
    return lr * m + lr * decay * w, lr


def walk(rule_name, rule, network, name, gradients):
    """Hidden strengths and weights of layer 0, by the equations; what came back is taken over."""
    w = np.array(network.weights[0])
    sign, theta = None, w.copy()
    if rule_name in ("GradR", "DeepR", "SoftDeepR"):
        sign = np.array(network.weight_blocks[0].of(rule.sign), float)
        theta = np.array(rule.strengths(network)[0])
    kept, memory = w != 0, {}
    for t, g in enumerate(gradients, 1):
        change, rate = expected_change(name, np.array(g[0]), w, memory, t)
        rule.step(network, g)
        if rule_name == "GradR":
            mu = np.log(2 * 0.3) / 0.1
            theta = theta - sign * change - rate * 0.1 * np.sign(theta - mu)
            w = sign * np.maximum(theta, 0)
        elif rule_name in ("DeepR", "SoftDeepR"):
            low = 0 if rule_name == "DeepR" else -0.2
            moved = theta - sign * change - rate * 0.1
            theta = np.maximum(np.where(theta > 0, moved, theta), low)
            got = rule.strengths(network)[0]
            theta[(theta <= 0) & (got == 1e-12)] = 1e-12
            w = sign * np.maximum(theta, 0)
        elif rule_name == "STDS":
            theta = theta - change
            w = np.sign(theta) * np.maximum(np.abs(theta) - rule.threshold_at(t), 0)
        else:
            w = (w - change) * kept
            if t == 5:  # the end of an epoch, where magnitude pruning happens
                kept = np.array(network.weights[0]) != 0
                w = w * kept
        yield w, np.array(network.weights[0])


@pytest.mark.filterwarnings("ignore:.*died out")
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "own, noisy"])
def test_rules_follow_the_optimiser_they_wrap(rule_name, name):
    """Momentum of pruned synapses goes on, and decay acts on weights: not on hidden strengths."""
    network = make()
    rule = RULES[rule_name](optimizer=OPTIMIZERS[name]())
    rule.begin(network, 4, 5)
    gradients = list(some_gradients(network, 20, scale=0.3))
    seen = 0
    for wanted, got in walk(rule_name, rule, network, name, gradients):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-11)
        seen += np.count_nonzero(got == 0)
    assert seen > 0 and rule.optimizer.steps == rule.steps == 20


@pytest.mark.filterwarnings("ignore:.*died out")
def test_hidden_strengths_of_pruned_synapses_do_not_decay():
    for optimizer in (Adam(0.1, weight_decay=1.0), SGD(0.1, weight_decay=1.0)):
        network, rule = make(), GradR(alpha=0.0, optimizer=optimizer)
        rule.begin(network)
        rule.theta[network.weight_blocks[0].start + np.arange(6 * 64)] = -0.5
        network.weights[0][...] = 0
        before = rule.strengths(network)
        before = [x.copy() for x in before]
        for _ in range(10):
            rule.step(network, Gradients(network))
        after = rule.strengths(network)
        assert np.array_equal(after[0], before[0])
        np.testing.assert_allclose(after[1], before[1] * 0.9**10)  # these live, and shrink


@pytest.mark.filterwarnings("ignore:.*died out")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_threads_change_nothing(rule_name, name):
    results = []
    for workers in (1, 3):
        network = Network((300, 700, 7), CHIP, n_steps=4, rng=0, workers=workers)
        assert network.parameters.size > 200_000
        rule = RULES[rule_name](optimizer=OPTIMIZERS[name]())
        rule.begin(network, 2, 2)
        for g in some_gradients(network, 3, scale=0.1):
            rule.step(network, g)
        results.append(
            (network.parameters.tobytes(), {k: x.tobytes() for k, x in rule.state().items()})
        )
    assert results[0] == results[1]


@pytest.mark.filterwarnings("ignore:.*died out")
@pytest.mark.parametrize("name", ["SGD with all", "own"])
def test_training_is_resumed_bit_by_bit(rule_name, name, tmp_path):
    x, labels = toy(60, 0)
    inputs, calls = as_input(x), []
    settings = {"epochs": 3, "rng": 2, "batch_size": 20}

    def new():
        network = Network((20, 24, 4), CHIP, n_steps=12, rng=0).scale_to_activity(inputs, 10)
        return network, RULES[rule_name](optimizer=OPTIMIZERS[name]())

    whole, rule = new()
    train(whole, inputs, labels, **settings, optimizer=rule)
    part, first = new()
    train(
        part,
        inputs,
        labels,
        **settings,
        optimizer=first,
        checkpoint=tmp_path / "run.npz",
        callback=lambda step: calls.append(1) or len(calls) == 5,
    )
    again, second = new()
    train(again, inputs, labels, **settings, optimizer=second, checkpoint=tmp_path / "run.npz")
    assert again.parameters.tobytes() == whole.parameters.tobytes()
    for (key, x), y in zip(rule.state().items(), second.state().values(), strict=True):
        np.testing.assert_array_equal(x, y, err_msg=key)
    other = new()[0], RULES[rule_name](optimizer=SGD(0.9))
    with pytest.raises(ValueError, match="another optimizer"):
        train(
            other[0],
            inputs,
            labels,
            **settings,
            optimizer=other[1],
            checkpoint=tmp_path / "run.npz",
        )


def test_lr_is_the_optimisers(rule_name):
    optimizer = SGD(0.3)
    rule = RULES[rule_name](optimizer=optimizer)
    assert rule.lr == 0.3
    rule.lr = 0.5
    assert optimizer.lr == 0.5
    optimizer.lr = 0.0
    network = make()
    rule.begin(network, 2, 5)
    before = network.parameters.copy()
    for g in some_gradients(network, 3):
        rule.step(network, g)
    if rule_name != "STDS":  # its threshold rises all the same
        assert np.allclose(network.parameters, before, atol=1e-11)
    assert RULES[rule_name](lr=0.2).optimizer.lr == 0.2
    assert RULES[rule_name]().lr == Adam().lr
    assert RULES[rule_name](optimizer="sgd").lr == SGD().lr
    assert isinstance(RULES[rule_name](lr=0.2, optimizer="sgd").optimizer, SGD)


class Halved(Adam):
    """Somebody's own, derived from one that kernels know."""

    def change(self, network, gradients, factor, lo, hi, out):
        super().change(network, gradients, factor, lo, hi, out)
        out *= 0.5


def test_what_a_derived_optimiser_changes_is_heard(rule_name):
    """Kernels that know Adam do not take it for Adam."""
    if rule_name in ("DeepR", "SoftDeepR", "GradR"):
        settings = {"alpha": 0.0}  # a pull follows the rate, which is not halved
    else:
        settings = {}
    kinds = {
        "GradR": GradR,
        "DeepR": DeepR,
        "SoftDeepR": SoftDeepR,
        "STDS": STDS,
        "Magnitude": Magnitude,
        "FixedMask": FixedMask,
    }
    extra = {
        "DeepR": {"rng": 1, "temperature": 0.0},
        "FixedMask": {"sparsity": 0.5, "rng": 1},
        "SoftDeepR": {"rng": 1, "temperature": 0.0, "theta_min": -0.1},
    }
    results = []
    for optimizer in (Halved(0.02), Adam(0.01), Adam(0.02)):
        network = make()
        rule = kinds[rule_name](optimizer=optimizer, **settings, **extra.get(rule_name, {}))
        rule.begin(network, 2, 5)
        for g in some_gradients(network, 6):
            rule.step(network, g)
        results.append(network.parameters)
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-12)
    assert not np.allclose(results[0], results[2])


class Threshold(Rule):
    """A rule of one's own: weights below a threshold are 0."""

    arrays = {"theta": Kind()}

    def prepare(self, network):
        self.theta = network.parameters.copy()

    def strength(self, x):
        return np.abs(x) - x.dtype.type(0.05)

    def kernel(self, network, rates):
        def move(k, lo, hi, change):
            theta, w = self.theta[lo:hi], network.parameters[lo:hi]
            theta -= change
            w[...] = np.where(np.abs(theta) > 0.05, theta, 0)
            return np.count_nonzero(w)

        return move


@pytest.mark.filterwarnings("ignore:.*died out")
@pytest.mark.parametrize("name", ["Adam", "SGD with all", "own"])
def test_a_rule_of_ones_own(name):
    """Ten lines around any optimiser: the hidden weights are those that it trains alone."""
    network, alone = make(), make()
    rule, optimizer = Threshold(optimizer=OPTIMIZERS[name]()), OPTIMIZERS[name]()
    for g in some_gradients(network, 8):
        rule.step(network, g)
        optimizer.step(alone, g)
        for w, strength in zip(network.weights, rule.strengths(network), strict=True):
            assert np.array_equal(w != 0, strength > 0)
    if name != "SGD with all":  # which decays by the weight, and that of pruned ones is 0
        hidden = rule.strengths(network)[0] + 0.05
        np.testing.assert_allclose(hidden, np.abs(alone.weights[0]), rtol=0, atol=1e-12)
    assert 0 < rule.active.sum() < rule.log.sizes.sum()


class Stubborn:
    """Trains by itself, and does not say what it would subtract."""

    lr = 0.1

    def step(self, network, gradients, factor=1.0):
        for w, g in zip(network.weights, gradients, strict=True):
            w -= self.lr * factor * g


class Half(Optimizer):
    """An Optimizer by name."""

    def step(self, network, gradients, factor=1.0):
        pass


@pytest.mark.parametrize(
    "given, words",
    [
        (Stubborn(), "defines change.*Stubborn cannot tell"),
        (Half(), "defines change.*Half cannot tell"),
        (Adam, "Adam cannot tell"),
        (3, "int cannot tell"),
        (None, "NoneType cannot tell"),
        (GradR(), "is a rule"),
    ],
    ids=["step only", "no change", "class", "number", "none", "rule"],
)
def test_what_cannot_be_wrapped_is_named(rule_name, given, words):
    with pytest.raises(TypeError, match=f"optimizer must be .*{words}"):
        RULES[rule_name](optimizer=given)


def test_two_learning_rates_are_one_too_many(rule_name):
    with pytest.raises(ValueError, match="lr must be left out"):
        RULES[rule_name](lr=0.1, optimizer=Adam())
    with pytest.raises(ValueError, match="optimizer must be one of"):
        RULES[rule_name](optimizer="adamw")


def test_one_that_only_steps_trains_all_the_same():
    x, labels = toy(60, 0)
    inputs = as_input(x)
    network = Network((20, 24, 4), CHIP, n_steps=12, rng=0).scale_to_activity(inputs, 10)
    history = train(network, inputs, labels, epochs=4, rng=0, batch_size=20, optimizer=Stubborn())
    assert history.loss[-1] < history.loss[0]


# --- blocks that are not weights ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*died out")
def test_blocks_that_cannot_be_pruned_are_the_optimisers_alone(rule_name):
    """Biases go as without the rule; what is not trainable stays; weights are pruned."""
    for name in OPTIMIZERS:
        network, alone = make_rich(), make_rich()
        rule, optimizer = RULES[rule_name](optimizer=OPTIMIZERS[name]()), OPTIMIZERS[name]()
        rule.begin(network, 2, 4)
        start = {b: np.array(block_of(alone, b)) for b in ("bias", "gain", "constant")}
        for b, x in start.items():
            assert np.array_equal(block_of(network, b), x), "begin must leave it alone"
        for g in some_gradients(network, 6, scale=0.3):
            rule.step(network, g)
            optimizer.step(alone, g)
        for b in ("bias", "gain"):
            assert np.array_equal(block_of(network, b), block_of(alone, b)), (name, b)
            assert (block_of(network, b) != start[b]).mean() > 0.5
        for net in (network, alone):
            assert np.array_equal(block_of(net, "constant"), start["constant"])
        assert any((w == 0).any() for w in network.weights)
        assert rule.active.tolist() == [np.count_nonzero(w) for w in network.weights]
        assert len(rule.strengths(network)) == 2 and rule.log.sizes.tolist() == [114, 76]


@pytest.mark.parametrize("kind", [Adam, SGD])
def test_rates_by_name(kind):
    """A rate of half is half the step; one of zero is none."""
    plain, scaled = make_rich(), make_rich()
    one, two = kind(0.01), kind(0.01, rates={"bias": 0.5, "gain": 0.0})
    (g,) = some_gradients(plain, 1)
    before = {b: np.array(block_of(plain, b)) for b in ("weights", "bias", "gain")}
    one.step(plain, g, 2.0)
    two.step(scaled, g, 2.0)
    moved = {b: block_of(plain, b) - x for b, x in before.items()}
    np.testing.assert_allclose(block_of(scaled, "bias") - before["bias"], moved["bias"] / 2)
    assert np.array_equal(block_of(scaled, "gain"), before["gain"])
    assert np.array_equal(block_of(scaled, "weights"), block_of(plain, "weights"))
    assert np.array_equal(plain.weights[1], scaled.weights[1])


def test_rates_hold_under_rules_too():
    """That of weights scales the pull as well: the rule's step size is the optimiser's."""
    network, twin = make_rich(), make_rich()
    rule = GradR(sparsity=0.7, alpha=0.1, optimizer=SGD(0.1, rates={"weights": 0.5, "bias": 3.0}))
    same = GradR(sparsity=0.7, alpha=0.1, optimizer=SGD(0.05, rates={"bias": 6.0, "gain": 2.0}))
    for g in some_gradients(network, 5):
        rule.step(network, g)
        same.step(twin, g)
    np.testing.assert_allclose(network.parameters, twin.parameters, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", [Adam, SGD])
def test_weights_decay_and_nothing_else_does(kind):
    network = make_rich()
    before = {b: np.array(block_of(network, b)) for b in ("weights", "bias", "gain", "constant")}
    kind(0.1, weight_decay=1.0).step(network, Gradients(network))
    np.testing.assert_allclose(block_of(network, "weights"), 0.9 * before.pop("weights"))
    for b, x in before.items():
        assert np.array_equal(block_of(network, b), x)


def test_rates_are_checked():
    for rates, error, words in (
        ({"bias": -1.0}, ValueError, r"rates\['bias'\]"),
        ({"bias": "slow"}, TypeError, r"rates\['bias'\]"),
        ([0.1], TypeError, "rates"),
    ):
        with pytest.raises(error, match=words):
            Adam(rates=rates)
    network = make_rich()
    for one in (SGD(rates={"tau": 0.1}), GradR(optimizer=SGD(rates={"tau": 0.1}))):
        before = network.parameters.copy()
        with pytest.raises(ValueError, match="rates name 'tau'.*bias, constant, gain, weights"):
            one.step(network, Gradients(network))
        assert np.array_equal(network.parameters, before)


def test_a_network_of_rich_layers_is_trained_and_pruned():
    x, labels = toy(80, 0)
    inputs = as_input(x)
    network = Network((20, Rich(24), Dense(4)), CHIP, n_steps=12, rng=0)
    network.scale_to_activity(inputs, 12)
    rule = GradR(alpha=0.03, sparsity=0.9, optimizer=Adam(2e-2, rates={"gain": 0.1}))
    history = train(network, inputs, labels, epochs=8, rng=0, batch_size=20, optimizer=rule)
    assert history.loss[-1] < 0.8 * history.loss[0]
    assert rule.active.sum() < 0.9 * rule.log.sizes.sum()
    assert block_of(network, "bias").any() and not block_of(network, "constant").any()


@dataclass(frozen=True, repr=False)
class Frozen(Linear):
    """Dense, of weights that nobody trains."""

    n: int
    prunable: bool

    def shape_out(self, shape):
        return (self.n,)

    def blocks(self, shape):
        return {"weights": BlockShape(int(np.prod(shape)), self.n, self.prunable, False)}

    def drive(self, x, w):
        return x @ w["weights"]

    def adjoint(self, g, x, w):
        return {"weights": np.einsum("sti,stj->ij", x, g)}, g @ w["weights"].T


def test_frozen_weights(rule_name):
    """Optimisers leave them alone, and rules those that may not be pruned."""
    network = make(layers=(6, Frozen(19, False), Dense(4)))
    block = network.blocks[0]
    block.of(network.parameters)[...] = 0.3
    for one in (Adam(0.1), RULES[rule_name]()):
        one.begin(network, 2, 4)
        for g in some_gradients(network, 3):
            one.step(network, g)
        assert (block.of(network.parameters) == 0.3).all()
    both = make(layers=(6, Frozen(19, True), Dense(4)))
    before = both.parameters.copy()
    with pytest.raises(ValueError, match="may be pruned but not trained"):
        RULES[rule_name]().begin(both, 2, 4)
    assert np.array_equal(both.parameters, before)
