"""Whose state it is, how it is saved and restored, and what is refused: optimisers and rules."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from helpers import CHIP, N_STEPS, as_input, toy, train

from snnlab import (
    LIF,
    SGD,
    STDS,
    Adam,
    DeepR,
    FixedMask,
    GradR,
    Magnitude,
    Network,
    SoftDeepR,
    SpikingClassifier,
)
from snnlab.learning.optimizer import Optimizer
from snnlab.learning.state import Kind


class Mean(Optimizer):
    """Somebody's own, with a memory."""

    arrays = {"mean": Kind()}

    def change(self, network, gradients, factor, lo, hi, out):
        mean = self.mean[lo:hi]
        mean += 0.5 * (gradients[lo:hi] - mean)
        np.multiply(mean, self.lr * factor, out=out)


OPTIMIZERS = {"Adam": Adam, "SGD": lambda: SGD(0.01, 0.9), "own": lambda: Mean(0.01)}
RULES = {
    "GradR": lambda: GradR(0.01, 0.7, 0.1),
    "GradR around own": lambda: GradR(None, 0.7, 0.1, optimizer=Mean(0.01)),
    "DeepR": lambda: DeepR(0.01, 0.7, rng=1),
    "SoftDeepR": lambda: SoftDeepR(None, 0.7, rng=1, optimizer=SGD(0.01, 0.5)),
    "STDS": lambda: STDS(0.01, 0.1),
    "Magnitude": lambda: Magnitude(0.01, 0.7),
    "FixedMask": lambda: FixedMask(0.01, 0.7, rng=1),
}
ALL = OPTIMIZERS | RULES


@pytest.fixture(params=ALL)
def make_one(request):
    return ALL[request.param]


@pytest.fixture(params=RULES)
def make_rule(request):
    return RULES[request.param]


def make(seed=0, sizes=(6, 19, 4), dtype=np.float32):
    return Network(sizes, CHIP, n_steps=4, rng=seed, spread=1.0, dtype=dtype)


def gradients(network, n=1, seed=1):
    rng = np.random.default_rng(seed)
    found = [[rng.normal(0, 1, w.shape) for w in network.weights] for _ in range(n)]
    return found if n > 1 else found[0]


def used(make_one, steps=4):
    """A network and what updated it some times."""
    network, one = make(), make_one()
    one.begin(network, 3, 4)
    for g in gradients(network, steps + 1)[:steps]:
        one.step(network, g)
    return network, one


def snapshot(network, one):
    return network.parameters.tobytes(), {k: x.tobytes() for k, x in one.state().items()}


# --- whose it is ----------------------------------------------------------------------------------


def test_a_second_network_is_refused_and_not_touched(make_one):
    network, one = used(make_one)
    other = make(seed=5)
    before, others = snapshot(network, one), other.parameters.copy()
    with pytest.raises(ValueError, match=rf"this {type(one).__name__} has been used for another"):
        one.step(other, gradients(other))
    with pytest.raises(ValueError, match="another network"):
        one.begin(other, 3, 4)
    inputs, labels = toy(20, 0, n_units=6)
    with pytest.raises(ValueError, match="another network"):
        train(other, as_input(inputs, n_steps=4), labels, epochs=1, rng=0, optimizer=one)
    assert np.array_equal(other.parameters, others)
    assert snapshot(network, one) == before
    one.step(network, gradients(network))
    assert one.steps == 5


def test_an_unpulled_rule_prunes_no_second_network():
    first, second = make(), make(seed=5)
    rule = GradR(lr=0.0, alpha=0.0)
    rule.begin(first)
    rule.step(first, gradients(first))
    with pytest.raises(ValueError, match="another network"):
        rule.begin(second)
    assert all((w != 0).all() for w in second.weights)


def test_what_was_never_used_belongs_to_nobody(make_one):
    one, first, second = make_one(), make(), make(seed=5)
    one.claim(first)
    one.begin(second, 3, 4)
    one.step(second, gradients(second))
    assert one.owner() is second


def test_a_copy_is_gone_on_with_when_told(make_one):
    """Bound to a copy it does there what it would have done here."""
    network, one = used(make_one)
    twin, other = used(make_one)
    copied = network.copy()
    with pytest.raises(ValueError, match="rebind"):
        one.step(copied, gradients(copied))
    assert one.rebind(copied) is one
    for g in gradients(network, 3, seed=7):
        one.step(copied, g)
        other.step(twin, g)
    assert snapshot(copied, one) == snapshot(twin, other)
    with pytest.raises(ValueError, match="another network"):
        one.step(network, gradients(network))


def test_other_layouts_are_refused_even_when_told(make_one):
    network, one = used(make_one)
    before = snapshot(network, one)
    for other, words in (
        (make(sizes=(6, 90, 4)), "another size"),
        (make(sizes=(6, 20, 4)), "another size"),
        (make(dtype=np.float64), "precision"),
    ):
        others = other.parameters.copy()
        with pytest.raises(ValueError, match=words):
            one.rebind(other).step(other, gradients(other))
        assert np.array_equal(other.parameters, others)
    with pytest.raises(TypeError, match="network"):
        one.rebind("network")
    one.rebind(network)
    assert snapshot(network, one) == before


def test_a_rule_is_not_bound_where_weights_live_that_it_pruned(make_rule):
    network, rule = used(make_rule)
    assert any((w == 0).any() for w in network.weights)
    other = make(seed=5)
    rule.rebind(other)
    with pytest.raises(ValueError, match="not 0 in this network"):
        rule.step(other, gradients(other))
    assert all((w != 0).all() for w in other.weights)


def test_the_optimiser_of_a_rule_is_not_taken_to_another_network():
    network, optimizer = used(Adam)
    rule, other = GradR(alpha=0.1, optimizer=optimizer), make(seed=5)
    with pytest.raises(ValueError, match="this Adam has been used for another network"):
        rule.begin(other)
    rule.begin(network)  # moments are kept: first dense, then rewired
    rule.step(network, gradients(network))
    assert optimizer.steps == 5 and rule.steps == 1


def test_networks_are_not_kept_alive(make_one):
    network, one = used(make_one)
    gone = weakref.ref(network)
    copied = network.copy()
    del network
    gc.collect()
    assert gone() is None and one.owner() is None
    with pytest.raises(ValueError, match="another network"):
        one.step(copied, gradients(copied))
    one.rebind(copied).step(copied, gradients(copied))


@pytest.mark.parametrize("how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copied_and_pickled_ones_go_on(make_one, how):
    """They belong to the next network that they are used with."""
    network, one = used(make_one)
    other, copied = network.copy(), how(one)
    for g in gradients(network, 3, seed=7):
        one.step(network, g)
        copied.step(other, g)
    assert snapshot(network, one) == snapshot(other, copied)
    with pytest.raises(ValueError, match="another network"):
        copied.step(network, gradients(network))


def test_a_network_and_its_optimiser_are_copied_together(make_one):
    pair = used(make_one)
    network, one = copy.deepcopy(pair)
    for net, opt in (pair, (network, one)):
        opt.step(net, gradients(net))
    assert snapshot(network, one) == snapshot(*pair)


# --- saved and restored ---------------------------------------------------------------------------


def test_a_restored_one_goes_on(make_one):
    network, one = used(make_one)
    other, again = network.copy(), make_one()
    again.restore(one.state(), other)
    assert again.owner() is other and again.steps == one.steps
    for g in gradients(network, 3, seed=7):
        one.step(network, g)
        again.step(other, g)
    assert snapshot(network, one) == snapshot(other, again)


def damaged(state, other):
    """States that are none, and a word of what is said."""
    arrays = [k for k, x in state.items() if x.ndim == 1 and not k.startswith("log_")]
    flat = [k for k in arrays if k != "schedule"]
    for name in flat:
        x = state[name]
        yield state | {name: x[:-1]}, "sizes|size|fit"
        yield state | {name: x[:5]}, "sizes|size|fit"
        yield state | {name: x.astype(np.float16)}, "flat and of"
        yield state | {name: x.reshape(2, -1)}, "flat and of"
        yield {k: v for k, v in state.items() if k != name}, "has no"
        if x.dtype.kind == "f":
            for wrong in (np.nan, np.inf):
                yield state | {name: np.where(np.arange(x.size) == 3, wrong, x)}, "finite|flat"
        else:
            yield state | {name: np.full_like(x, 7)}, "from -?[01] to 1"
        if name.endswith("second"):
            yield state | {name: -1 - x}, "from 0"
        padded = x.copy()
        padded[60] = 1  # layer 0 has 19 units in 64 columns
        if name.split("_")[-1] in ("first", "second", "velocity", "mean", "sign", "kept"):
            yield state | {name: padded}, "padding"
    for name in [k for k in state if k.endswith("steps") and not k.startswith("log_")]:
        for wrong in (-1, 2**60, 1.5, [1, 2]):
            yield state | {name: np.array(wrong)}, "steps"
        yield {k: v for k, v in state.items() if k != name}, "steps"
    yield state | {"third": np.zeros(3)}, "third"
    for name in [k for k in state if k.startswith("log_")]:
        yield {k: v for k, v in state.items() if k != name}, "log"
        if name != "log_dead":
            yield state | {name: state[name][:-1]}, "log"
    if "key" in state:
        yield state | {"key": np.array(-1)}, "key"
        for wrong in ([0, 4], [12, 5], [12], [-12, -4], [2**60, 1]):
            yield state | {"schedule": np.array(wrong)}, "schedule"
    yield other, "unknown|has no|log|flat|key"
    yield {}, "steps|key"


def test_what_is_no_state_is_refused_and_changes_nothing(make_one):
    network, one = used(make_one)
    foreign = used(SGD if not isinstance(one, SGD) else Adam)[1].state()
    before, n = snapshot(network, one), 0
    for state, words in damaged(one.state(), foreign):
        with pytest.raises(ValueError, match=words):
            one.restore(state)
        with pytest.raises(ValueError, match=words):
            make_one().restore(state, network)
        assert snapshot(network, one) == before
        n += 1
    assert n > 10
    one.restore(one.state())
    one.step(network, gradients(network))


def test_states_are_looked_at_when_they_meet_a_network(make_one):
    """Restored without one, they are only known to be whole."""
    _, one = used(make_one)
    again, other = make_one(), make(seed=5, sizes=(6, 90, 4))
    again.restore(one.state())
    with pytest.raises(ValueError, match="another size"):
        again.step(other, gradients(other))


def test_deep_r_needs_a_sign_for_every_weight():
    """It would look for a dormant synapse that may become active, for ever."""
    network, rule = used(RULES["DeepR"])
    state = rule.state()
    with pytest.raises(ValueError, match="sign"):
        rule.restore(state | {"sign": np.zeros_like(state["sign"])})


@pytest.mark.filterwarnings("ignore:.*died out")
def test_a_checkpoint_with_a_damaged_state_changes_nothing(tmp_path, make_one):
    x, labels = toy(40, 0)
    inputs, path = as_input(x), tmp_path / "run.npz"
    settings = {"epochs": 2, "rng": 3, "checkpoint": path, "batch_size": 20}
    network = Network((20, 24, 4), CHIP, n_steps=12, rng=0).scale_to_activity(inputs, 20)
    first = network.copy()
    train(network, inputs, labels, **settings, optimizer=make_one())
    with np.load(path) as file:
        arrays = dict(file)
    name = next(k for k in arrays if k.split("_")[-1] in ("second", "velocity", "mean"))
    np.savez(path, **arrays | {name: arrays[name][:100]})
    again, before = make_one(), first.parameters.tobytes()
    with pytest.raises(ValueError, match="checkpoint"):
        train(first, inputs, labels, **settings, optimizer=again)
    assert first.parameters.tobytes() == before and not again.is_used()


# --- what it says of itself -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [Adam, SGD, GradR, DeepR, SoftDeepR, STDS, Magnitude, FixedMask],
    ids=lambda k: k.__name__,
)
def test_what_is_made_with_defaults_is_made_again_from_its_settings(tmp_path, kind):
    """One told a word for a number, which it refused."""
    own = {DeepR: {"rng": 1}, SoftDeepR: {"rng": 1}, FixedMask: {"sparsity": 0.5, "rng": 1}}
    made = kind(**own.get(kind, {}))
    net = Network((20, 12, 4), LIF.brainscales2(), n_steps=N_STEPS, rng=0)
    x, labels = toy(20, 1)
    train(net, as_input(x), labels, epochs=1, rng=0, optimizer=made)
    made.save(tmp_path / "a.npz")
    again = kind.load(tmp_path / "a.npz")
    assert str(again.settings()) == str(made.settings())
    for name, value in made.state().items():
        np.testing.assert_array_equal(again.state()[name], value, err_msg=name)
    model = SpikingClassifier(optimizer=made, hidden=(8,), epochs=1, random_state=0)
    assert hasattr(model.set_params(optimizer__lr=1e-3).fit(x, labels), "network_")


def test_reprs_name_settings_and_steps():
    assert repr(Adam()) == "Adam(lr=0.0015)"
    assert repr(SGD(0.1, momentum=0.9, rates={"bias": 0.5})) == (
        "SGD(lr=0.1, momentum=0.9, rates={'bias': 0.5})"
    )
    assert repr(Mean(0.1)) == "Mean(lr=0.1)"
    rule = GradR(0.01, alpha=0.1, hold="layer")
    assert repr(rule) == "GradR(alpha=0.1, optimizer=Adam(lr=0.01), hold='layer')"
    assert repr(Magnitude(0.01, 0.5, start=2)) == (
        "Magnitude(sparsity=0.5, start=2.0, optimizer=Adam(lr=0.01))"
    )
    assert "SGD(lr=0.01)" in repr(DeepR(0.01, optimizer="sgd", rng=0))
    masks = [np.ones((6, 19), bool), np.ones((19, 4), bool)]
    assert "masks=<2 arrays>" in repr(FixedMask(masks=masks))
    _, one = used(lambda: SGD(0.5))
    assert repr(one) == "<SGD(lr=0.5) after 4 steps>"
    _, rule = used(RULES["GradR"])
    assert repr(rule).startswith("<GradR(") and repr(rule).endswith(" after 4 steps>")


def test_unused_ones_can_be_made_from_their_repr():
    for one in (Adam(0.1, eps=1e-4), SGD(0.3, 0.5), GradR(0.1, (0.6, 0.7), optimizer="sgd")):
        again = eval(repr(one), {"Adam": Adam, "SGD": SGD, "GradR": GradR})
        assert repr(again) == repr(one)
