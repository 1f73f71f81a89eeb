"""A layer under a drive (sample, time or 1, unit): the kernels, called directly, and the textbook.

The textbook's layer with the identity for weights takes the drive as its input; its gradient by
the input is the gradient by the drive.
"""

import re

import numpy as np
import pytest

from snnlab import surrogate, textbook
from snnlab.kernels import lif
from snnlab.kernels.vector import NARROW, WIDE
from snnlab.layers.stage import pack_constants
from snnlab.memory import padded_width
from snnlab.neurons import LIF

NO_EVENTS = np.empty(0, np.int64), np.empty(0, np.int64), *(np.empty(0, np.int32),) * 2
STEPS = [1, 7, 8, 9, 20]


def units(wide):
    """Units of a layer, and the width it is stored with."""
    return (WIDE + 3, 2 * WIDE) if wide else (NARROW - 3, NARROW)


def model(n, delay, reset="subtract", detach=True):
    """Neurons that differ, every second one with a refractory time."""
    rng = np.random.default_rng(delay)
    return LIF(
        tau_mem=rng.uniform(1.5, 6, n),
        tau_syn=rng.uniform(1.2, 4, n),
        dt=1.0,
        delay=delay,
        gain=rng.uniform(0.5, 1.5, n),
        v_th=rng.uniform(0.5, 1.5, n),
        v_init=rng.uniform(-1, 1.5, n),
        reset=reset,
        refractory=np.arange(n) % 2 * 2.0,
        surrogate="superspike",
        steepness=2.0,
        detach_reset=detach,
    )


def padded(x, width):
    """The last axis filled up with zeros."""
    out = np.zeros((*x.shape[:-1], width), x.dtype)
    out[..., : x.shape[-1]] = x
    return out


def free(dtype):
    """Neither noise nor bounds."""
    return np.empty(0, dtype), np.array([-np.inf, np.inf], dtype)


def fire(x, neuron, n_steps, width, keep=True):
    """Run `lif.fire` under a drive: potentials and bits as stored, and the events."""
    n_samples, _, n = x.shape
    constants, hold = pack_constants(neuron, n, x.dtype)
    v = np.zeros((n_samples if keep else 1, n_steps, width), x.dtype)
    z = np.zeros((len(v), -(-n_steps // lif.BLOCK), width), np.uint8)
    room = n_steps * n + 8
    start = np.arange(n_samples) * room
    events = start, start.copy(), *(np.zeros(n_samples * room, np.int32) for _ in range(2))
    numbers = lif.firing(zero_reset=neuron.reset == "zero", delay=neuron.delay, keep=keep)
    lif.fire(
        *NO_EVENTS,
        padded(x, width),
        np.zeros((0, width), x.dtype),
        constants,
        hold,
        *free(x.dtype),
        numbers,
        v,
        z,
        *events,
        0,
        n_samples,
    )
    return v, z, events


def fire_backward(v, z, events, error, neuron, driven):
    """Run `lif.fire_backward` on what `fire` returned: adjoint currents, and those by a drive."""
    n_samples, n_steps, width = v.shape
    n = error.shape[-1]
    constants, hold = pack_constants(neuron, n, v.dtype)
    g_current = np.full_like(v, np.nan)
    g_drive = np.full((n_samples if driven else 0, width), np.nan, v.dtype)
    numbers = lif.firing_back(
        next_delay=0,
        zero_reset=neuron.reset == "zero",
        attached=not neuron.detach_reset,
        surrogate=surrogate.NAMES.index(neuron.surrogate),
        delay=neuron.delay,
    )
    lif.fire_backward(
        *NO_EVENTS,
        *events,
        v,
        z,
        np.empty((0, 1, 1), v.dtype),
        np.empty((0, 1, 1), v.dtype),
        np.empty((0, 1), v.dtype),
        padded(error, width),
        constants,
        hold,
        numbers,
        lif.firing_back_reals(v.dtype, steepness=neuron.steepness),
        np.array([0, n_samples]),
        np.zeros((1, 0, width), v.dtype),
        g_current,
        g_drive,
        np.empty((1, 0, width), v.dtype),
        0,
        1,
    )
    return g_current[..., :n], g_drive[..., :n]


def dense(events, n_steps, n):
    """Events as 0 and 1 (sample, time, unit)."""
    start, stop, step, unit = events
    out = np.zeros((len(start), n_steps, n))
    for s in range(len(start)):
        out[s, step[start[s] : stop[s]], unit[start[s] : stop[s]]] = 1
    return out


def drives(n_samples, n_steps, n, dtype=np.float64):
    """Random ones that make spikes."""
    rng = np.random.default_rng(n_steps)
    return rng.normal(0.8, 1.5, (n_samples, n_steps, n)).astype(dtype)


def check_forward(wide, delay, reset, n_steps, n_samples=2):
    n, width = units(wide)
    x, neuron = drives(n_samples, n_steps, n), model(n, delay, reset)
    v, z, events = fire(x, neuron, n_steps, width)
    book_v, book_z = textbook.layer_forward(x, np.eye(n), neuron)
    assert np.allclose(v[:, ::-1, :n], book_v, rtol=1e-12, atol=1e-12)
    assert np.array_equal(dense(events, n_steps, n), book_z)
    bits = np.unpackbits(z[:, :, None], axis=2, bitorder="little").reshape(n_samples, -1, width)
    assert np.array_equal(bits[:, :n_steps, :n], book_z) and not bits[..., n:].any()
    if delay < n_steps:
        assert book_z.any()
    *_, alone = fire(x, neuron, n_steps, width, keep=False)
    assert np.array_equal(dense(alone, n_steps, n), book_z)


def check_backward(wide, delay, reset, n_steps, n_samples=2):
    n, width = units(wide)
    x, rng = drives(n_samples, n_steps, n), np.random.default_rng(3)
    for detach in (True, False):
        neuron = model(n, delay, reset, detach)
        v, z, events = fire(x, neuron, n_steps, width)
        book_v, book_z = textbook.layer_forward(x, np.eye(n), neuron)
        error = rng.normal(size=x.shape)
        _, g_x, g_i = textbook.layer_backward(x, np.eye(n), neuron, book_v, book_z, error)
        current, by_drive = fire_backward(v, z, events, error, neuron, driven=False)
        assert by_drive.size == 0
        assert np.allclose(current, g_i, rtol=1e-11, atol=1e-12)
        assert np.allclose(current[:, delay:], g_x[:, : max(0, n_steps - delay)], rtol=1e-11)
        _, by_drive = fire_backward(v, z, events, error, neuron, driven=True)
        assert np.allclose(by_drive, g_x.sum(1), rtol=1e-11, atol=1e-12)


def integrate(x, neuron, n_steps, n):
    """Run `lif.integrate` under a drive."""
    width = padded_width(n)
    constants, _ = pack_constants(neuron, n, x.dtype)
    v = np.full((len(x), n_steps, n), np.nan, x.dtype)
    numbers = lif.integrating(delay=neuron.delay)
    lif.integrate(
        *NO_EVENTS,
        padded(x, width),
        np.zeros((0, width), x.dtype),
        constants,
        *free(x.dtype),
        numbers,
        v,
        0,
        len(x),
    )
    return v


def integrate_backward(g_v, neuron, driven):
    """Run `lif.integrate_backward`: adjoint currents, and their sums."""
    n_samples, n_steps, n = g_v.shape
    width = padded_width(n)
    constants, _ = pack_constants(neuron, n, g_v.dtype)
    g_current = np.full((n_samples, n_steps, width), np.nan, g_v.dtype)
    g_drive = np.full((n_samples if driven else 0, width), np.nan, g_v.dtype)
    lif.integrate_backward(
        *NO_EVENTS,
        g_v,
        constants,
        lif.integrating(delay=neuron.delay),
        np.array([0, n_samples]),
        np.zeros((1, 0, width), g_v.dtype),
        g_current,
        g_drive,
        0,
        1,
    )
    whole = -(-n // NARROW) * NARROW  # tiles
    assert not g_current[:, :, n:whole].any() and not g_drive[:, n:whole].any()
    return g_current[:, :, :n], g_drive[:, :n]


def check_integrator(n, delay, n_steps):
    x, neuron = drives(2, n_steps, n), model(n, delay).integrator()
    v = integrate(x, neuron, n_steps, n)
    book, _ = textbook.layer_forward(x, np.eye(n), neuron)
    assert np.allclose(v, book, rtol=1e-12, atol=1e-12)
    g_v = np.random.default_rng(4).normal(size=v.shape)
    _, g_x, g_i = textbook.layer_backward(x, np.eye(n), neuron, book, None, g_v)
    current, by_drive = integrate_backward(g_v, neuron, driven=False)
    assert by_drive.size == 0 and np.allclose(current, g_i, rtol=1e-11, atol=1e-12)
    _, by_drive = integrate_backward(g_v, neuron, driven=True)
    assert np.allclose(by_drive, g_x.sum(1), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("n_steps", STEPS)
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("wide", [False, True])
def test_neurons_equal_the_textbook(wide, delay, reset, n_steps):
    check_forward(wide, delay, reset, n_steps)
    check_backward(wide, delay, reset, n_steps)


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("wide", [False, True])
def test_neurons_equal_the_textbook_tiny(wide, delay):
    for reset in ("subtract", "zero"):
        check_forward(wide, delay, reset, n_steps=9, n_samples=1)
        check_backward(wide, delay, reset, n_steps=9, n_samples=1)


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("n_steps", STEPS)
@pytest.mark.parametrize("delay", [0, 2])
def test_integrators_equal_the_textbook(delay, n_steps):
    for n in (1, 3, 16, 20):
        check_integrator(n, delay, n_steps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("wide", [False, True])
def test_a_constant_drive_is_one_that_does_not_change(wide, delay, dtype):
    n, width = units(wide)
    neuron = model(n, delay)
    x = drives(3, 1, n, dtype)
    for n_steps in STEPS[1:]:
        one, many = (fire(d, neuron, n_steps, width) for d in (x, x.repeat(n_steps, axis=1)))
        assert np.array_equal(one[0], many[0]) and np.array_equal(one[1], many[1])
        assert all(np.array_equal(a, b) for a, b in zip(one[2], many[2], strict=True))
        assert one[1].any()
        readout = neuron.integrator()
        one, many = (integrate(d, readout, n_steps, n) for d in (x, x.repeat(n_steps, axis=1)))
        assert np.array_equal(one, many)


@pytest.mark.parametrize("delay", [0, 2])
def test_integrators_equal_finite_differences(delay):
    n, n_steps = 3, 9
    x, neuron = drives(2, n_steps, n), model(n, delay).integrator()
    g_v = np.random.default_rng(5).normal(size=x.shape)
    current, _ = integrate_backward(g_v, neuron, driven=False)
    expected = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[place] = 1e-3  # it is linear
        high, low = (np.sum(g_v * integrate(y, neuron, n_steps, n)) for y in (x + d, x - d))
        expected[place] = (high - low) / 2e-3
    assert np.allclose(current[:, delay:], expected[:, : n_steps - delay], rtol=1e-8, atol=1e-9)
    assert not expected[:, n_steps - delay :].any()


def test_surrogates_are_counted_alike():
    """The kernel knows them by number, in the order that its docstring gives."""
    named = dict(re.findall(r"(\d) (\w+)", lif.slope.__doc__))
    assert {int(k): name for k, name in named.items()} == dict(enumerate(surrogate.NAMES))
