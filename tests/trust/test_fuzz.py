"""Hostile input to everything public, in short (the long form: tools/fuzz.py).

Each day another tenth of the targets is tried; ``SNNLAB_FUZZ=7`` tries the values of that number.
(New values every day are the long form's: what they find must not stop an unrelated change.)
"""

import argparse
import datetime
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
PARTS, CASES = 10, 3
SEED = int(os.environ.get("SNNLAB_FUZZ", datetime.date.today().toordinal() % PARTS))


def test_targets_are_what_is_public():
    assert len(FREE) > 500
    for name in (
        "encode.latency",
        "network.Network",
        "network.Network.forward",
        "signals.SpikeTrains",
        "learning.training.train",
        "estimator.classifier.SpikingClassifier.fit",
        "course.panels.traces.OneNumber.simulate",
        "chip.recording.load_trace",
    ):
        assert name in KNOWN and not KNOWN[name].is_protocol


def test_every_argument_has_a_strategy():
    for target in FREE:
        if fuzzing.panel_name(target) is None:  # of panels: their controls' values
            fuzzing.base(target)


def test_what_is_new_is_noticed():
    def public(strange_argument):
        return strange_argument

    with pytest.raises(KeyError):
        fuzzing.base(Target("public", public))


def test_only_the_package_calls_what_is_left_out():
    """A rule for each: classes that readers complete, and what it calls with objects of its own."""
    for target in KNOWN.values():
        if target.is_protocol:
            assert target.owner is not None and not target.maker, target.name
    assert len(KNOWN) - len(FREE) < 0.4 * len(KNOWN)


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
def test_hostile_values_are_made_of_a_valid_one(data):
    from hostile import hostile

    data.draw(hostile(np.ones((2, 3))))


@pytest.mark.slow
def test_hostile_arguments_are_refused_by_name():
    names = [t.name for t in FREE][SEED % PARTS :: PARTS]
    arguments = argparse.Namespace(cases=CASES, seed=SEED)
    outcomes, events = fuzz.campaign(names, arguments, fuzz.environment())
    assert events == [], f"SNNLAB_FUZZ={SEED}"
    faults = [x for x in outcomes if x["kind"] not in ("result", "refused")]
    assert faults == [], os.linesep.join([f"SNNLAB_FUZZ={SEED}", *map(str, faults)])
    assert len(outcomes) > CASES * len(names)
