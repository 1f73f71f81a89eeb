"""Hostile input to everything public, in short (the long form: tools/fuzz.py)."""

import argparse
import os

import fuzz
import fuzzing
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import Target, all_targets

pytest.importorskip("pandas")
KNOWN = all_targets()
FREE = [t for t in KNOWN.values() if not t.is_protocol]


def test_targets_are_what_is_public():
    assert len(FREE) > 400
    for name in (
        "encode.latency",
        "network.Network",
        "network.Network.forward",
        "signals.SpikeTrains",
    ):
        assert name in KNOWN
    assert "learning.training.train" in KNOWN and "course.panels.neuron.OneNeuron.simulate" in KNOWN


@pytest.mark.parametrize("target", FREE, ids=lambda t: t.name)
def test_every_argument_has_a_strategy(target):
    if fuzzing.panel_name(target) is None:  # of panels: their controls' values
        fuzzing.base(target)


def test_an_argument_without_a_strategy_is_noticed():
    def public(strange_argument):
        return strange_argument

    with pytest.raises(KeyError):
        fuzzing.base(Target("public", public))


def outcome(function, name="x"):
    found = fuzzing.run_target(Target(name, function), 12, 0)
    return {x.kind for x in found}


def test_faults_are_seen():
    def silent(x):
        return np.nan

    def nameless(x):
        raise ValueError("no")

    def careless(x):
        return x.there_is_none

    def careful(x):
        raise TypeError("x must be something else")

    assert outcome(silent) == {"silent"} and outcome(nameless) == {"nameless"}
    assert outcome(careless) == {"other error"} and outcome(careful) == {"refused"}


@given(st.data())
@settings(max_examples=5, deadline=None, database=None)
def test_hostile_values_differ_from_the_valid_one(data):
    from hostile import hostile

    data.draw(hostile(np.ones((2, 3))))


QUICK = "encode. signals. neurons. learning.losses. learning.penalties. surrogate. sparse.".split()


@pytest.mark.slow
def test_hostile_arguments_are_refused_by_name():
    """Not the panels and lessons, which take longer."""
    names = [t.name for t in FREE if t.name.startswith(tuple(QUICK))]
    arguments = argparse.Namespace(cases=4, seed=0)
    outcomes, events = fuzz.campaign(names, arguments, fuzz.environment())
    assert events == []
    faults = [x for x in outcomes if x["kind"] not in ("result", "refused")]
    assert faults == [], os.linesep.join(str(x) for x in faults)
    assert len(outcomes) > 3 * len(names)
