"""The panels of the course, small enough for tests, with the networks they show."""

import functools

import numpy as np

import snnlab
from snnlab import LIF, Network, Substrate, datasets, encode, live, losses, panels
from snnlab.course import borrowed, listening, telling

DIGITAL = {"weight_bits": 6, "dynamic_scaling": True}
PATIENCE = 120  # seconds; a guard, not a promise


@functools.cache
def digits():
    return datasets.load("digits16")


@functools.cache
def coloured_digits():
    return datasets.load("digits16-colour")


@functools.cache
def voices():
    """Spoken digits that are made up."""
    return datasets.spoken_digits(which="stand-in")


def learned(seed=0, *, sizes=(256, 30, 10), neuron=None, epochs=3, **settings):
    """A network that has been trained on the digits for a moment."""
    network = Network(sizes, neuron or LIF.brainscales2(), n_steps=20, rng=seed)
    inputs = encode.latency(digits().x_train)
    network.scale_to_activity(inputs, 20)
    snnlab.train(
        network, inputs, digits().y_train, epochs=epochs, rng=0, progress=False, **settings
    )
    return network


@functools.cache
def network():
    return learned()


@functools.cache
def network_of_images():
    """Two convolutions that have learned for a moment."""
    net = panels.patch_network(digits(), maps=4, kernel=3)
    inputs = encode.latency(digits().x_train[:300])
    snnlab.train(net, inputs, digits().y_train[:300], epochs=2, rng=0, progress=False)
    return net


@functools.cache
def network_for_chips():
    """Trained with the weights that a chip can have."""
    return learned(epochs=4, substrate=Substrate.ideal(**DIGITAL))


@functools.cache
def pair():
    """Two networks to break; the second one has learned with neurons missing."""
    first, other = network_for_chips(), network_for_chips().copy()
    inputs = encode.latency(digits().x_train)
    snnlab.train(other, inputs, digits().y_train, epochs=3, rng=0, dropout=0.4, progress=False)
    return {"no dropout": first, "dropout": other}


@functools.cache
def ordinary_networks():
    """Trained without spikes, by their units."""
    return {
        unit: borrowed.ordinary_network(digits(), unit, n_train=400, epochs=1)
        for unit in borrowed.UNITS
    }


@functools.cache
def late_and_early():
    """Two networks, the second trained to decide after a step."""
    neuron = LIF.brainscales2(steepness=10, delay=0)
    rules = losses.MaxOverTime(), losses.MaxOverTime(deadlines=(1,))
    return tuple(learned(neuron=neuron, loss=loss) for loss in rules)


@functools.cache
def listener():
    """A recurrent network that has learned the voices that are made up."""
    return listening.learn(listening.speech_task(voices(), n_train=1000))[0]


def said(digit=7, speaker=0):
    """A test recording with something quiet around it, as a microphone would give it."""
    test = voices().test
    found = np.flatnonzero((test.labels == digit) & (test.speakers == speaker))[0]
    sound = np.random.default_rng(0).integers(-20, 21, 11000).astype(np.int16)
    word = listening.as_int16(test.sounds[found])[:6400]
    sound[2400 : 2400 + len(word)] += word // 2
    return sound


@functools.cache
def teller():
    """An autoencoder that has learned for a moment."""
    model = telling.teller(digits().x_train, units=24, hidden=30)
    telling.learn(model, digits().x_train, steps=60)
    return model


def few_digits(n=20):
    """Images; a stroke amid the 9th moves its ink's centre, so that what was pinned shows."""
    return digits().x_test[:n].reshape(-1, 16, 16)


def test_set(n=100):
    return encode.latency(digits().x_test[:n]), digits().y_test[:n]


def backward_in_time():
    return panels.BackwardInTime(network(), *test_set(20))


def imperfections():
    return panels.Imperfections(network_for_chips(), *test_set(), digits().x_test[:100])


def through_the_chip():
    inputs = encode.latency(digits().x_train[:300])
    labels = digits().y_train[:300]
    return panels.ThroughTheChip(network_for_chips(), inputs, labels, test_set(), steps=11)


REWIRED = {"n_train": 200, "n_test": 50, "hidden": 12, "steps": 24}
MAKERS = {
    "BackwardInTime": backward_in_time,
    "BorrowedWeights": lambda: panels.BorrowedWeights(
        digits(), n_test=50, networks=ordinary_networks()
    ),
    "BrokenNeurons": lambda: panels.BrokenNeurons(pair(), *test_set()),
    "Clinic": lambda: panels.Clinic(n_samples=100),
    "Depth": lambda: panels.Depth(digits(), n_samples=4),
    "DrawDigit": lambda: panels.DrawDigit(network(), digits().x_test[0].reshape(16, 16)),
    "FeatureMaps": lambda: panels.FeatureMaps(
        network_of_images(), digits().x_test[:20].reshape(-1, 16, 16)
    ),
    "FindConstants": lambda: panels.FindConstants(steps=8),
    "Imperfections": imperfections,
    "LearnPauses": lambda: panels.LearnPauses(n_train=100, n_test=30, steps=6, hidden=6),
    "LearnToListen": lambda: panels.LearnToListen(
        voices(), n_train=200, n_test=50, steps=8, hidden=12
    ),
    "Listen": lambda: panels.Listen(voices(), n_samples=8),
    "OneNumber": lambda: panels.OneNumber(),
    "PixelsToSpikes": lambda: panels.PixelsToSpikes(digits().x_test[:20].reshape(-1, 16, 16)),
    "ReadOut": lambda: panels.ReadOut(*late_and_early(), digits(), n_test=200),
    "Rewire": lambda: panels.Rewire(digits(), **REWIRED),
    "RewireDeep": lambda: panels.RewireDeep(
        coloured_digits(), n_train=200, n_test=50, steps=12, channels=4, hidden=12
    ),
    "RewireOnChip": lambda: panels.RewireOnChip(digits(), **REWIRED),
    "SayDigit": lambda: panels.SayDigit(voices(), listener(), n_samples=8),
    "Silence": lambda: panels.Silence(
        late_and_early()[0], digits(), n_train=400, n_test=100, epochs=8
    ),
    "SpikeCost": lambda: panels.SpikeCost(),
    "Surrogates": lambda: panels.Surrogates(),
    "TellDigit": lambda: panels.TellDigit(teller(), few_digits()[8:], budget=6),
    "ThroughTheChip": through_the_chip,
    "TrainDeep": lambda: panels.TrainDeep(digits(), n_train=100, n_test=30, steps=4),
    "TrainLive": lambda: panels.TrainLive(digits(), n_train=300, n_test=50, hidden=20, begin=3),
    "TrainPatches": lambda: panels.TrainPatches(digits(), n_train=100, n_test=30, steps=4),
    "Walk": lambda: panels.Walk(teller(), few_digits(), digits().y_test[:20]),
    "WireThatReturns": lambda: panels.WireThatReturns(),
    "WithoutTeacher": lambda: panels.WithoutTeacher(digits(), n_train=200, n_test=50, steps=200),
    "WithoutTime": lambda: panels.WithoutTime(digits(), n_train=100, n_test=30, steps=4, hidden=12),
    "YinYang": lambda: panels.YinYang(steps=20, n_test=50),
}


def another(control, widget):
    """Another value of a control, by a small move where there is an order."""
    if isinstance(control, live.Choice | live.Stops):
        values = [value for _, value in control.options]
        return values[(values.index(widget.value) + 1) % len(values)]
    if isinstance(control, live.Drawing):
        return np.roll(widget.value[:, ::-1], 3)
    if isinstance(control, live.Switches):
        return ~widget.value
    if isinstance(control, live.Spoken):
        return said() if not len(widget.value) else widget.value[::-1]
    return widget.value + (control.step if widget.value < widget.max else -control.step)


def settled(data):
    """The last frame of long work, or the data of quick work."""
    if not hasattr(data, "send"):
        return data
    return [frame for frame in data if frame is not None][-1]
