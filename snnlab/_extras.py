"""Optional parts: which packages each extra brings, and what is said where one is missing."""

from importlib import import_module

EXTRAS = {
    "plot": ("matplotlib",),
    "data": ("pooch", "tqdm"),
    "notebooks": ("anywidget", "ipywidgets", "IPython", "jupyterlab"),
    "cluster": ("dask", "distributed"),
    "nir": ("nir", "h5py"),
}


def imported(name):
    """A module; where it needs a package that is not there, the error names the extra.

    Raises
    ------
    ModuleNotFoundError
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as fault:
        missing = (fault.name or "").partition(".")[0]
        for extra, parts in EXTRAS.items():
            if missing in parts:
                how = f"{name} needs {missing}: pip install 'snnlab[{extra}]'"
                raise ModuleNotFoundError(how, name=fault.name) from None
        raise
