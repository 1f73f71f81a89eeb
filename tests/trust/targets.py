"""What is fuzzed: made from the package, so that nothing public can be forgotten."""

import inspect
import types
from dataclasses import dataclass

import snnlab

# What the package calls, with objects of its own, of those that readers may define: layers,
# optimisers, rules, panels. Their arguments come from elsewhere, where they are checked.
PROTOCOL = {
    "Layer": "prepare prepare_back forward backward finish fill_drive chunk_adjoint "
    "error_below drive adjoint init "
    "error_is_read_below follows_events values shape_out blocks room "
    "uses_up_currents ends geometry by_batch gather settle gather_back settle_back tuned",
    "BatchNorm": "adjoint factors folded init inverse is_new learn running statistics values",
    "Optimizer": "adopt bound largest_change recipe "
    "change changes check_arrays check_fit checked rate regions take update",
    "Cosine": "__call__",
    "Exponential": "__call__",
    "Rule": "adopt bound largest_pull after_step check_arrays check_fit check_network "
    "check_room checked hidden kernel "
    "limit_fan_in low now prepare pruned signs strength take",
    "Control": "check read",
    "Board": "to_bytes from_bytes",
    "Log": "add adopt checked observe",
    "LivingNetwork": "callback lift",
    "LeakyBucket": "lift",
    "Panel": "describe draw update render put changed publish ask show work",
    "Medium": "conditions passes",
    "Weighted": "agreement check_targets scores_for",
    "WeightedTargets": "__getitem__",
    "Masked": "agreement check_targets",
    "MaskedTargets": "__getitem__",
    "PerStep": "agreement check_targets",
    "SquaredError": "agreement check_targets",
    "SquaredErrorPerStep": "agreement check_targets",
    "History": "joined",
    "SpikingEstimator": "kind_of_y read_y checked_targets outputs columns strata readout_loss "
    "scaled usual_dropout fit_more is_straight to_file from_file scores",
}
# Where what a class inherits is listed with the first that has it.
INHERITING = "snnlab.course.panels", "snnlab.live", "snnlab.layers"
ABSTRACT = ("Layer", "Linear", "Transform", "Composite", "Optimizer", "Rule", "Panel")


@dataclass(frozen=True)
class Target:
    """A public callable: a function, a class (its constructor) or a method."""

    name: str
    call: object
    owner: type | None = None  # class of which it is a method that takes an object
    maker: bool = False  # a constructor

    @property
    def is_protocol(self):
        """Whether only the package calls it, or it is of a class that is to be completed."""
        if self.owner is None:
            return False
        kinds = [cls.__name__ for cls in self.owner.__mro__]
        named = any(self.call.__name__ in PROTOCOL.get(kind, "").split() for kind in kinds)
        return named or self.owner.__name__ in ABSTRACT

    @property
    def arguments(self):
        """Parameters, without ``self``."""
        found = list(inspect.signature(self.call).parameters.values())
        return found[1:] if self.owner is not None else found


def modules():
    """The modules that ``snnlab`` names."""
    values = [getattr(snnlab, name) for name in snnlab.__all__]
    return {x.__name__: x for x in values if isinstance(x, types.ModuleType)}


def _public():
    """Public functions and classes: what a module lists, or else defines."""
    for module in modules().values():
        listed = getattr(module, "__all__", None)
        for name in vars(module) if listed is None else listed:
            x = getattr(module, name)
            if name.startswith("_") or not callable(x) or isinstance(x, types.ModuleType):
                continue
            if getattr(x, "__module__", "").startswith("snnlab"):
                if listed is not None or x.__module__ == module.__name__:
                    yield x
    yield from (x for x in (getattr(snnlab, name) for name in snnlab.__all__) if callable(x))


def _methods(cls):
    for name in dir(cls):
        if name.startswith("_") and name not in ("__call__", "__getitem__"):
            continue
        x = inspect.getattr_static(cls, name)
        bound = isinstance(x, classmethod | staticmethod)
        function = x.__func__ if bound else x
        if inspect.isfunction(function) and function.__module__.startswith("snnlab"):
            yield name, (getattr(cls, name) if bound else function), bound


def all_targets():
    """All targets by name. A method is listed with the first class that has it in this form."""
    found, seen = {}, set()
    for x in _public():
        name = f"{x.__module__}.{x.__qualname__}".removeprefix("snnlab.")
        if name in found or (inspect.isclass(x) and issubclass(x, BaseException)):
            continue
        if not inspect.isclass(x):
            found[name] = Target(name, x)
            continue
        try:
            inspect.signature(x)
        except ValueError:  # tuples and dicts with a name
            continue
        if not (issubclass(x, tuple | list | dict) and "__init__" not in vars(x)):  # Python's own
            found[name] = Target(name, x, maker=True)
        for method, function, bound in _methods(x):
            key = getattr(function, "__func__", function)
            if key in seen and x.__module__.startswith(INHERITING):
                continue  # inherited from Panel, or from Layer
            seen.add(key)
            full = f"{name}.{method}"
            found[full] = Target(full, function, None if bound else x)
    return dict(sorted(found.items()))
