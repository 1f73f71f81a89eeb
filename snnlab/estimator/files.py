"""Files of estimators: one ``.npz`` of plain arrays and JSON, without pickles."""

import json
from dataclasses import asdict

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_format, load_npz, save_npz
from snnlab.datasets.augment import Affine, Crops
from snnlab.estimator import parts, tables
from snnlab.layers import Layer
from snnlab.layers.kinds import layer_from_dict
from snnlab.learning import stored
from snnlab.learning.history import History
from snnlab.learning.losses import LOSSES
from snnlab.learning.schedules import SCHEDULES
from snnlab.learning.state import Stateful
from snnlab.network import Network
from snnlab.neurons import LeakyIntegrator

# 1: before there were currents, and regressors; 2: activity had another name; 3: before images
FORMAT = 4


def save(path, model):
    """Write an estimator that is fitted."""
    arrays = {f"network_{name}": x for name, x in model.network_.to_arrays().items()}
    params = model.get_params(deep=False)
    header = {
        "format": FORMAT,
        "class": type(model).__name__,
        "history": asdict(model.history_),
        "n_features": model.n_features_in_,
        "parameters": {k: plain(k, x, arrays) for k, x in params.items()},
    }
    more, named = model.to_file()
    code = model.code_
    if code is not None:
        names = "kind", "reason", "straight", "image", "noisy"
        header["code"] = {name: getattr(code, name) for name in names}
        arrays |= {"mean": code.mean, "sd": code.sd}
        if code.mix is not None:
            arrays["mix"] = code.mix
    if hasattr(model, "minimum_"):
        arrays |= {"minimum": model.minimum_, "range": model.range_}
    if hasattr(model, "feature_names_in_"):
        arrays["names"] = model.feature_names_in_.astype(str)
    header = {"header": np.array(json.dumps(header | more))}
    save_npz(path, header | arrays | named)


def load(path, cls):
    """Read an estimator of a class."""
    arrays = load_npz(path)
    try:
        header = json.loads(str(arrays["header"]))
        check_format(header, FORMAT)
        if header.get("class", "SpikingClassifier") != cls.__name__:
            raise ValueError(f"it holds a {header['class']}")
        given = header["parameters"]
        if header["format"] < 3:
            given["activity"] = given.pop("hidden_spikes")
        model = cls(**{k: revived(x, arrays) for k, x in given.items()})
        parts_ = {k.removeprefix("network_"): x for k, x in arrays.items() if k[:8] == "network_"}
        network = Network.from_arrays(parts_, model.workers)
        _adopt_features(model, header, arrays, network)
        model.from_file(header, arrays, network.sizes[-1])
        model.network_, model.history_ = network, History(**header["history"])
        return model
    except DAMAGE as fault:
        raise ValueError(f"path {path} does not hold a {cls.__name__}: {fault}") from None


def _adopt_features(model, header, arrays, network):
    """Scaling and code, if they fit the network."""
    model.code_, old = None, header["format"] == 1
    if "minimum" in arrays:
        n = arrays["minimum"].size
        low, size = (
            _check.array(name, arrays[name], np.float64, (n,)) for name in ("minimum", "range")
        )
        if n == 0 or size.min() <= 0:
            raise ValueError("range must be above 0")
        model.minimum_, model.range_ = low, size
    if old or "code" in header:
        model.code_ = code = _code(model, header, arrays, network, old)
        network.check_inputs(code(np.zeros((1, n), np.float32)), "features")
    else:
        n = _check.integer("n_features", header["n_features"], 1, _check.MOST_UNITS)
        if n != network.sizes[0]:
            raise ValueError(f"n_features must be {network.sizes[0]}, the network's")
        model.n_steps_in_ = network.n_steps
    model.n_features_in_ = n
    names = arrays.get("names")
    if names is not None:
        if names.shape != (n,) or names.dtype.kind != "U":
            raise ValueError(f"names must be text, ({n},)")
        model.feature_names_in_ = names.astype(object)


def _code(model, header, arrays, network, old):
    low, size = model.minimum_, model.range_
    if old:
        few = model.code == "population" or (model.code == "auto" and len(low) < tables.FEW)
        kind, reason = "population" if few else "latency", "from an older file"
        mean, sd = low, size
    else:
        kind = _check.one_of("kind", header["code"]["kind"], tables.CODES[1:])
        reason = str(header["code"]["reason"])
        mean, sd = (_check.array(k, arrays[k], np.float64, low.shape) for k in ("mean", "sd"))
        if sd.min() <= 0:
            raise ValueError("sd must be above 0")
    straight = False if old else _check.flag("straight", header["code"]["straight"])
    image = not old and _check.flag("image", header["code"].get("image", False))
    noisy = False if old else _check.flag("noisy", header["code"].get("noisy", False))
    steps, dt = network.n_steps, network.dt
    mix = arrays.get("mix")
    if mix is not None:
        mix = _check.array("mix", mix, np.float64, (len(low), None))
    flags = not old, straight, mix, image, noisy
    return tables.Code(kind, reason, low, size, mean, sd, steps, dt, *flags)


def plain(name, x, arrays):
    """A parameter as JSON has it; what an optimiser is made of may hold arrays."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, parts.PLAIN):
        return x
    if isinstance(x, list | tuple | np.ndarray):
        return [plain(name, part, arrays) for part in x]
    if isinstance(x, dict):
        return {"pairs": [[plain(name, k, arrays), plain(name, v, arrays)] for k, v in x.items()]}
    if isinstance(x, Affine):
        return {"affine": asdict(x)}
    if isinstance(x, Crops):
        return {"crops": asdict(x)}
    if isinstance(x, LeakyIntegrator):
        return {"neuron": x.to_dict()}
    if isinstance(x, Layer):
        return {"layer": x.to_dict()}
    if isinstance(x, Stateful) and parts.settings_of(x) is not None:
        return {"optimizer": stored.described(parts.remade(x), arrays)}
    for loss, kind in LOSSES.items():
        if type(x) is kind:
            return {"loss": loss, "settings": asdict(x)}
    for schedule, kind in SCHEDULES.items():
        if type(x) is kind:
            return {"schedule": schedule, "settings": asdict(x)}
    if name == "random_state":
        return None  # what a generator draws next is another's affair
    raise TypeError(f"{name} cannot be written to a file: {x!r}")


def revived(x, arrays):
    """Inverse of `plain`."""
    if isinstance(x, list):
        return tuple(revived(part, arrays) for part in x)
    if not isinstance(x, dict):
        return x
    if "pairs" in x:
        return {k: revived(v, arrays) for k, v in x["pairs"]}
    if "affine" in x:
        return Affine(**x["affine"])
    if "crops" in x:
        return Crops(**x["crops"])
    if "neuron" in x:
        return LeakyIntegrator.from_dict(x["neuron"])
    if "layer" in x:
        return layer_from_dict(x["layer"])
    if "optimizer" in x:
        return stored.made(x["optimizer"], arrays, Stateful, Stateful)
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in x["settings"].items()}
    if "schedule" in x:
        return SCHEDULES[x["schedule"]](**settings)
    return LOSSES[x["loss"]](**settings)
