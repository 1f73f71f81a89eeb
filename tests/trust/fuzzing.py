"""One case: a public callable, valid arguments, one of them hostile; and what came of it.

Allowed are a finite result, and a TypeError or ValueError that contains the argument's name.
"""

import dataclasses
import inspect
import re
import traceback
import types
import warnings

import hostile
import numpy as np
import small_panels
import values
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from snnlab import Network, SpikeTrains, Trace, live

# Arguments whose work, not memory, grows with them: large numbers are no mistake, only slow.
LONG = frozenset(
    "epochs steps trials rounds permutations n_jobs n_train n_test n_samples limit begin n_steps n "
    "hidden timeout n_centres n_spikes size columns channels batch_size wires sizes layers height "
    "width workers seed layer scale duration kernel padding seeds rows options images Dense shape "
    "steps_per_epoch fan_out step sparsity maps pad n_frames substeps draws n_pixels".split()
)
MOST = 300  # of those

# Results that may be infinite or undefined, and say so in their docstrings.
UNBOUNDED = {
    "Substrate.badness": "infinite for dead neurons",
    "Substrate.largest_weights": "infinite without a limit",
    "load_trace": "limits are infinite where there are none",
    "Frontier.means": "no deviation of one run",
    "Frontier.pareto": "no deviation of one run",
    "prior_centre": "minus infinity without a pull",
    "cloud": "a centre at minus infinity without a pull",
    "calibrate": "dead neurons have no time constant",
    "latency_times": "infinite where there is no spike",
    "latency_edges": "the last edge",
    "FirstSpike.times": "infinite where there is no spike",
    "examine": "of units that never fire",
    "smallest_alpha": "infinite if no pull is enough",
    "Slider.read": "what a slider shows",
    "LeakyIntegrator.constants": "no threshold, so an infinite one",
    "ReLU.constants": "no ceiling, so an infinite one",
    "Network.backward": "of gradients that are too large; an optimiser's step refuses them",
    "MembraneSignal.backward": "likewise",
    "ThroughTheChip.simulate": "steps that are not done yet",
    "RewireOnChip.simulate": "steps that are not done yet",
    "Rewire.simulate": "a centre at minus infinity without a pull",
    "WireThatReturns.simulate": "a centre at minus infinity without a pull",
    "rewire_on_chip": "infinite for dead neurons",
    "time_to_decision": "infinite where nothing is decided",
    "Pace.frame": "whatever it was given",
    "Finding.treat": "weights that are not finite are its remedy's affair, or stay",
    "Report.treat": "likewise",
    "read_only": "a view of what it was given",
    "avoidance": "no correlation where all counts are equal",
    "Report.signs": "undefined for a readout that does not spike",
    "Log.state": "no quantiles where there are no strengths",
}

# Containers of results: the package fills them, their constructors check nothing.
RECORDS = frozenset(
    "Cloud Task Verdict Calibration Cost LayerOperations Operations Report Layer Explanation "
    "Contributions DecisionTime EarlyExit Exit History Step Patient Published "
    "Finding Remedy Constants Connectivity "
    "BlockShape Log Dataset Picture Still Action Choice Slider Stops Switches Drawing Grid Pad "
    "Spoken Curtain Claims Trace Raster Stays EnergyCard Worker Values AutoencoderHistory Events "
    "EventEnergy Kind".split()
)


@dataclasses.dataclass
class Outcome:
    """What came of a case."""

    target: str
    argument: str
    given: str
    kind: str  # "result", "refused", or a fault: "nameless", "other error", "silent", "memory"
    text: str = ""

    @property
    def is_fault(self):
        """Whether it is none of the allowed ones."""
        return self.kind not in ("result", "refused")


def find_value(target, argument):
    """The registry's entry for an argument; raises KeyError if there is none."""
    known, parts = values.all_values(), target.name.split(".")
    for k in range(len(parts)):
        name = ".".join([*parts[k:], argument])
        if name in known and known[name] is not None:
            return known[name]
    return known[argument]


def panel_name(target):
    """The panel whose method or constructor it is, if it is one of the course's."""
    for part in target.name.split("."):
        if part in small_panels.MAKERS:
            return part
    return None


def base(target):
    """Valid arguments by name (makers), and those that are not to be hostile."""
    made, inner, panel = {}, set(), panel_name(target)
    for p in target.arguments:
        if panel and not target.maker:
            entry = _panel_argument(target, panel, p)
        elif panel and p.name in PANEL_ARGUMENTS.get(panel, {}):
            entry = PANEL_ARGUMENTS[panel][p.name]
        else:
            entry = find_value(target, p.name)
        if isinstance(entry, values.Inner):
            inner.add(p.name)
            entry = entry.make
        if entry is None:
            raise KeyError(f"no strategy for {target.name}({p.name})")
        made[p.name] = entry
    return made, inner


def _panel_argument(target, panel, p):
    """Of a panel's methods: data are what `simulate` gave, the rest are the controls' values."""
    if p.name == "data":
        return values.Inner(lambda: values.frame(panel))
    if p.name == "picture":
        return values.Inner(lambda: values.panel(panel).draw(values.frame(panel)))
    controls = values.panel(panel).values
    if p.kind is p.VAR_KEYWORD:
        named = {q.name for q in target.arguments}
        return lambda: {k: x for k, x in controls.items() if k not in named}
    return (lambda: controls[p.name]) if p.name in controls else find_value(target, p.name)


_D = small_panels
PANEL_ARGUMENTS = {
    "BackwardInTime": {
        "network": _D.network,
        "inputs": lambda: _D.test_set(20)[0],
        "labels": lambda: _D.test_set(20)[1],
    },
    "BorrowedWeights": {"data": values.small_digits, "networks": _D.ordinary_networks},
    "BrokenNeurons": {
        "networks": _D.pair,
        "inputs": lambda: _D.test_set()[0],
        "labels": lambda: _D.test_set()[1],
    },
    "Depth": {"data": values.small_digits, "n_samples": lambda: 4},
    "DrawDigit": {
        "network": _D.network,
        "start": lambda: None,
        "names": lambda: list("0123456789"),
    },
    "FeatureMaps": {
        "network": _D.network_of_images,
        "images": lambda: _D.digits().x_test[:20].reshape(-1, 16, 16),
    },
    "Imperfections": {
        "network": _D.network_for_chips,
        "inputs": lambda: _D.test_set()[0],
        "labels": lambda: _D.test_set()[1],
        "images": lambda: _D.digits().x_test[:100],
    },
    "LearnToListen": {"recordings": _D.voices},
    "Listen": {"recordings": _D.voices, "n_samples": lambda: 4},
    "PixelsToSpikes": {"images": lambda: _D.digits().x_test[:20].reshape(-1, 16, 16)},
    "ReadOut": {"data": values.small_digits, "names": lambda: ("usual", "early")},
    "Rewire": {"data": values.small_digits},
    "RewireDeep": {"data": values.small_digits},
    "RewireOnChip": {"data": values.small_digits},
    "SayDigit": {"recordings": _D.voices, "network": _D.listener, "n_samples": lambda: 4},
    "Silence": {
        "network": lambda: _D.late_and_early()[0],
        "data": values.small_digits,
        "epochs": lambda: 2,
    },
    "TellDigit": {"model": _D.teller, "images": _D.few_digits},
    "Walk": {
        "model": _D.teller,
        "images": _D.few_digits,
        "labels": lambda: _D.digits().y_test[:20],
    },
    "ThroughTheChip": {
        "network": _D.network_for_chips,
        "steps": lambda: 11,
        "inputs": lambda: _D.test_set()[0],
        "labels": lambda: _D.test_set()[1],
        "test": _D.test_set,
    },
    "TrainDeep": {"data": values.small_digits},
    "TrainLive": {"data": values.small_digits},
    "TrainPatches": {"data": values.small_digits},
    "WithoutTeacher": {"data": values.small_digits},
    "WithoutTime": {"data": values.small_digits},
}


def object_of(target):
    """An object whose method it is."""
    panel = panel_name(target)
    if panel:
        return values.panel(panel)
    cls = target.owner
    if values.OBJECTS.get(cls.__name__):
        made = values.OBJECTS[cls.__name__]()
        return made if isinstance(made, cls) else cls()
    if issubclass(cls, live.Panel):
        return _Idle()
    made = {}
    for p in inspect.signature(cls).parameters.values():
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            entry = find_value(_As(cls, p.name), p.name)
            made[p.name] = entry.make() if isinstance(entry, values.Inner) else entry()
    return cls(**made)


class _As:
    def __init__(self, cls, argument):
        self.name = f"{cls.__module__.removeprefix('snnlab.')}.{cls.__name__}"


class _Idle(live.Panel):
    """A panel without controls."""

    def simulate(self):
        return {}

    def draw(self, data):
        from snnlab import plot

        return plot.Picture(plot.new_figure(2, 1), "text")

    def update(self, picture, data):
        picture.alt = "text"

    def describe(self, data):
        return "text"


# running one --------------------------------------------------------------------------------------


def free(target):
    """Names of the arguments that somebody may give."""
    inner = base(target)[1]
    return [p.name for p in target.arguments if p.name not in inner and not target.is_protocol]


def prepare(target, chosen, data):
    """Draw a case: positional and keyword arguments, the hostile one's name, its value."""
    made, _ = base(target)
    keywords, positional, name, bad = {}, [], "", None
    for p in target.arguments:
        x = made[p.name]()
        if p.name == chosen:
            name, x = _mutated(target, p, x, data)
            bad = x.get(name) if p.kind is p.VAR_KEYWORD else x
        elif p.default is not p.empty and not data.draw(st.booleans()):
            continue
        if p.kind is p.VAR_KEYWORD:
            keywords |= x
        elif p.kind is p.VAR_POSITIONAL:
            positional += list(x) if isinstance(x, list | tuple) else [x]
        elif p.kind is p.POSITIONAL_ONLY:
            positional.append(x)
        else:
            keywords[p.name] = x
    return positional, keywords, name, bad


def _mutated(target, p, x, data):
    if p.kind is p.VAR_KEYWORD:
        if not x:
            return p.name, x
        key = sorted(x)[data.draw(st.integers(0, len(x) - 1))]
        return key, x | {key: _bounded(key, x[key], data)}
    if p.kind is p.VAR_POSITIONAL:
        return p.name, x
    return p.name, _bounded(p.name, x, data)


def _bounded(name, x, data):
    """A hostile value; None of those that would be right, and take hours."""
    bad = data.draw(hostile.hostile(x))
    if name in LONG and _largest(bad) > MOST:
        return data.draw(st.sampled_from((-1, 0, 1.5, None, "x", float("nan"), 2, [])))
    if name in FILES and not isinstance(bad, (type(x), str, bytes)) and isinstance(bad, int):
        return 10**9  # no descriptor of this process
    return bad


FILES = ("path", "folder", "checkpoint")


def _largest(x):
    if isinstance(x, list | tuple | range):
        return max(map(_largest, x), default=0)
    if isinstance(x, dict):
        return max(map(_largest, x.values()), default=0)
    try:
        x = np.asarray(x)
        x = np.abs(x.astype(float)) if x.dtype.kind in "iuf" else np.zeros(0)
        found = np.max(x, initial=0, where=~np.isnan(x))
        return float(found) if found < np.inf else 0.0
    except (TypeError, ValueError, OverflowError):
        return 0


def run(target, chosen, data, note=lambda *_: None):
    """Draw a case and run it; returns an `Outcome`."""
    positional, keywords, name, bad = prepare(target, chosen, data)
    shown = _short(bad)
    note(name, shown)
    out = Outcome(target.name, name, shown, "result")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if target.owner is not None:
                positional = [object_of(target), *positional]
            result = _settle(target.call(*positional, **keywords))
        _look_at(target, result, keywords, bad, out)
    except (TypeError, ValueError) as fault:
        out.kind, out.text = "refused", f"{type(fault).__name__}: {fault}"[:300]
        if name and not _names(str(fault), name, target):
            out.kind, out.text = "nameless", out.text + _where(fault)
    except MemoryError as fault:
        out.kind = "refused" if hostile.is_huge(bad) else "memory"
        out.text = repr(fault)[:300]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:
        out.kind = "other error"
        out.text = f"{type(fault).__name__}: {fault}"[:300] + _where(fault)
        if isinstance(fault, ALLOWED.get(_tail(target), ())):
            out.kind = "refused"
    return out


# What else is documented, and is right.
ALLOWED = {
    "__getitem__": (IndexError,),
    "load": (OSError,),
    "save": (OSError,),
    "to_csv": (OSError,),
    "load_trace": (OSError,),
    "read_events": (OSError,),
    "save_trace": (OSError,),
    "simulate": (NotImplementedError,),
    "draw": (NotImplementedError,),
    "describe": (NotImplementedError,),
    "update": (NotImplementedError,),
    "shape_out": (NotImplementedError,),
}


def _where(fault):
    """Innermost frame of the package."""
    frames = [f for f in traceback.extract_tb(fault.__traceback__) if "/snnlab/" in f.filename]
    return f"  [{frames[-1].filename.split('/snnlab/')[-1]}:{frames[-1].lineno}]" if frames else ""


def _tail(target):
    return target.name.rpartition(".")[2]


def _names(text, name, target):
    """Whether an error names the argument, or another one that it does not fit."""
    arguments = {name, *(p.name for p in target.arguments)} - {"_before"}
    return any(re.search(rf"(?<![A-Za-z]){re.escape(a)}(?![A-Za-z])", text) for a in arguments)


def _settle(x):
    """A generator's last value, a few steps on."""
    if isinstance(x, types.GeneratorType):
        out = None
        for k, frame in enumerate(x):
            out = frame if frame is not None else out
            if k >= 5:
                break
        x.close()
        return out
    if isinstance(x, live.Panel):
        x.close()
    return x


def _look_at(target, result, keywords, bad, out):
    """A result that is not finite is a fault, unless it is said that it may be."""
    ends = tuple(target.name.split(".")[-2:])
    if target.maker and target.name.rpartition(".")[2] in RECORDS:
        return
    if any(name in (".".join(ends), ends[-1]) for name in UNBOUNDED):
        return
    if not all_finite(result):
        out.kind, out.text = "silent", f"not finite: {_short(result)}"
    net = keywords.get("network")
    if isinstance(net, Network) and net is not bad and not np.isfinite(net.parameters).all():
        out.kind, out.text = "silent", "the network's parameters are not finite"


def all_finite(x, depth=0):
    """Whether a result holds no NaN and no infinity."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind not in "fc" or bool(np.isfinite(x).all())
    if isinstance(x, float | np.floating):
        return bool(np.isfinite(x))
    if isinstance(x, Network):
        return bool(np.isfinite(x.parameters).all())
    if isinstance(x, Trace):
        return all_finite(x.readout)
    if isinstance(x, SpikeTrains | str | bytes) or depth > 3:
        return True
    if isinstance(x, dict):
        return all(all_finite(part, depth + 1) for part in x.values())
    if isinstance(x, list | tuple):
        return all(all_finite(part, depth + 1) for part in x)
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return all_finite(vars(x), depth + 1) if hasattr(x, "__dict__") else True
    return True


def _short(x):
    try:
        text = f"{type(x).__name__} {x!r}"
    except Exception as fault:
        text = f"{type(x).__name__} without repr ({fault})"
    if isinstance(x, np.ndarray):
        text = f"{x.dtype} {x.shape} {text}"
    return text.replace("\n", " ")[:140]


def run_target(target, cases, number, note=lambda *_: None):
    """So many cases for each argument of a target (one if there is none): a list of outcomes."""
    found = []

    def cases_of(chosen, n):

        @seed(number)
        @settings(
            max_examples=n,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def work(data):
            found.append(run(target, chosen, data, note))

        work()

    for chosen in free(target):
        cases_of(chosen, cases)
    if not found:
        cases_of("", 1)
    return found
