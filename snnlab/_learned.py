"""Which constants a neuron learns: names that it has, where a gradient by them can be found."""

import numpy as np

from snnlab import _check


def learned(neuron):
    """The names in a neuron's ``learn``, one or several, in its own order."""
    given = [neuron.learn] if isinstance(neuron.learn, str) else neuron.learn
    given = {
        _check.one_of("learn", x, neuron.learnable)
        for x in _check.sequence("learn", given, of="names")
    }
    _check.one_of("learn_per", neuron.learn_per, ("unit", "layer"))
    if "tau_syn" in given and neuron.tau_syn is None:
        raise ValueError("learn names 'tau_syn', but tau_syn is None: there is no such filter")
    if "tau_syn" in given and np.any(getattr(neuron, "refractory", 0.0)):
        raise ValueError("learn must not name 'tau_syn' where refractory is above 0")
    if given & {"tau_mem", "tau_syn"} and np.any(neuron.v_init):
        raise ValueError("learn must not name time constants where v_init is not 0")
    if given and not np.all(neuron.gain):
        raise ValueError("learn must be empty where gain is 0: such a neuron hears nothing")
    if neuron.learn_per == "layer" and given & neuron.per_unit.keys():
        raise ValueError("learn_per must be 'unit' where there is a value per neuron")
    return tuple(name for name in neuron.learnable if name in given)
