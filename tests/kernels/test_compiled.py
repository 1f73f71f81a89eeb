"""Compiled kernels do what their code says, and count no references where they are busy."""

import re

import numpy as np
import pytest
from numba import config
from numba.core.controlflow import CFGraph

import snnlab
from snnlab.kernels import conv
from snnlab.kernels.compiled import compiled, part
from snnlab.layers import BatchNorm, Conv
from snnlab.surrogate import NAMES


@part
def add(total, array, factor):
    """A piece with a loop and two ends."""
    if array.shape[0] == 0:
        return total
    for x in array:
        total += factor * x
    return total


def sum_often(array, times):
    """The piece in a loop."""
    total = 0.0
    for i in range(times):
        total = add(total, array, i)
    return total


def sum_of_pieces(array, times):
    """The piece in the piece of a piece."""
    total = 0.0
    for i in range(times):
        total = add_both(total, array, i)
    return total


@part
def add_both(total, array, factor):
    """Two pieces in one."""
    same = array
    for _ in range(2):
        total = add(total, same, factor)
    return total


def one_behind(n):
    """Names that stand for what another was, and not for what it is."""
    total, last = 0, -1
    for i in range(n):
        now = i * i
        if i > 0:
            total += last
        last = now
    kept = total
    total = 100 * total
    return total + kept


def inner_counts(code):
    """How often references are counted within two loops or more of LLVM's code of a function."""
    graph, body, label = CFGraph(), {}, "entry"
    for line in code.splitlines()[1:]:
        if named := re.match(r'"?([^"\s:]+)"?:', line):
            label = named.group(1)
        body.setdefault(label, []).append(line)
    for label in body:
        graph.add_node(label)
    for label, lines in body.items():
        for found in re.findall(r'label %(?:"([^"]+)"|([\w.$-]+))', " ".join(lines)):
            graph.add_edge(label, found[0] or found[1])
    graph.set_entry_point(next(iter(body)))
    graph.process()
    assert any(len(graph.in_loops(label)) > 1 for label in body)
    inside = [x for label in body if len(graph.in_loops(label)) > 1 for x in body[label]]
    return sum("@NRT_incref(" in x or "@NRT_decref(" in x for x in inside)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled here")
def test_neurons_of_convolutions_count_no_references():
    layers = (6, 6, 1), Conv(2, 3, norm=BatchNorm()), 2
    network = snnlab.Network(layers, snnlab.LIF.grad_r(), n_steps=3, rng=0)
    x = np.random.default_rng(0).random((4, 36), np.float32)
    inputs = snnlab.encode.constant_current(x, n_steps=3)
    snnlab.train(network, inputs, np.arange(4) % 2, epochs=1, rng=0, progress=False)
    lanes, steps = conv.lanes_of(2, np.float32), conv.steps_of(3)
    made = conv.make_fire(lanes, steps), conv.make_adjoint(lanes, NAMES.index("arctan"))
    for kernel in made:
        again = compiled(cache=False, no_cfunc_wrapper=True)(kernel.py_func)
        again.compile(kernel.signatures[0])
        code = next(iter(again.overloads.values())).library.get_llvm_str()
        assert inner_counts(code[code.index("\ndefine") + 1 :].split("\n}")[0]) == 0


@pytest.mark.parametrize("array", [np.arange(5.0), np.empty(0)])
def test_pieces_compute_what_they_say(array):
    once = compiled(cache=False)(sum_often)(array, 4)
    assert once == 6 * array.sum()
    assert compiled(cache=False)(sum_of_pieces)(array, 4) == 2 * once


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_what_changes_in_a_loop_keeps_its_names(n):
    squares = sum(i * i for i in range(n - 1))
    assert compiled(cache=False)(one_behind)(n) == one_behind(n) == 101 * squares
