"""``snnlab demo``: train a network in the terminal, print the result, write a picture."""

import sys
import time
from pathlib import Path

import numpy as np

import snnlab
from snnlab import encode

N_STEPS = 20
N_HIDDEN = 246


def run(epochs=None, out="snnlab-demo.png"):
    """Train 256-246-10 on the default data set, and say what came of it.

    Parameters
    ----------
    epochs : int, optional
        By default as many as take some seconds: 4 of MNIST, more of a smaller set.
    out : path or None
        Where the picture goes; None: no picture.

    Returns
    -------
    dict
        ``accuracy`` (share of test images), ``hidden_spikes`` (per test image),
        ``trained_per_s``, ``read_per_s`` (images), ``compile_s``, ``picture`` (Path or None).
    """
    print(f"snnlab {snnlab.__version__}")
    compile_s = snnlab.warm_up()
    data = snnlab.datasets.load_default()
    neuron = snnlab.LIF.brainscales2()
    spikes, spikes_test = (encode.latency(x, n_steps=N_STEPS) for x in (data.x_train, data.x_test))
    if epochs is None:
        epochs = max(4, 60_000 // len(spikes))
    network = snnlab.Network((256, N_HIDDEN, data.n_classes), neuron, n_steps=N_STEPS, rng=0)
    print(
        f"Training {'-'.join(map(str, network.sizes))} leaky neurons on {len(spikes):,} images, "
        f"{epochs} epoch{'' if epochs == 1 else 's'} ..."
    )
    history = snnlab.train(
        network, spikes, data.y_train, epochs=epochs, rng=1, progress=sys.stderr.isatty()
    )
    if not len(history):
        raise KeyboardInterrupt  # before the first epoch was complete, as a warning has said

    snnlab.evaluate(network, spikes_test[:500], data.y_test[:500])  # not timed: the first call
    began = time.perf_counter()
    result = snnlab.evaluate(network, spikes_test, data.y_test)
    read_per_s = len(spikes_test) / (time.perf_counter() - began)
    seconds = sum(history.seconds)
    trained_per_s = len(history) * len(spikes) / seconds
    print(f"test accuracy   {100 * result.accuracy:.1f} % of {len(spikes_test):,} images")
    print(f"hidden spikes   {result.hidden_spikes:.1f} per image")
    print(f"training        {trained_per_s:,.0f} images/s, {seconds:.1f} s in all")
    print(f"inference       {read_per_s:,.0f} images/s")
    print(f"preparing       {compile_s:.1f} s to compile or load the kernels")
    picture = None if out is None else _draw(Path(out), data, network, spikes_test, history, result)
    return {
        "accuracy": result.accuracy,
        "hidden_spikes": result.hidden_spikes,
        "trained_per_s": trained_per_s,
        "read_per_s": read_per_s,
        "compile_s": compile_s,
        "picture": picture,
    }


def _draw(path, data, network, spikes, history, result):
    """One picture: a decision, the history, a few digits; None without matplotlib."""
    try:
        from snnlab import plot
    except ImportError as error:
        package = error.name.partition(".")[0]
        print(f"picture         none: {package} is not installed")
        return None
    wrong = np.flatnonzero(result.predictions != data.y_test)
    right = np.flatnonzero(result.predictions == data.y_test)
    chosen = np.concatenate([right[:12], wrong[:4]])
    first = int(right[0]) if len(right) else 0
    fig = plot.new_figure(8.8, 10.8)
    top, middle, bottom = fig.subfigures(3, 1, height_ratios=[5.2, 2.7, 2.7])
    shape = data.image_shape
    trace, image = network.forward(spikes[first]), data.x_test[first].reshape(shape)
    said = {"label": data.y_test[first], "image": image, "names": data.class_names}
    plot.draw_raster(trace, 0, dt=network.dt, **said, fig=top)
    plot.draw_history(history, fig=middle)
    counts = f"{len(right[:12])} that are read rightly, {len(wrong[:4])} that are not"
    bottom.suptitle(f"Test images: {counts}", size=10)
    said = {"labels": data.y_test[chosen], "predictions": result.predictions[chosen]}
    plot.draw_images(data.x_test[chosen], shape, **said, names=data.class_names, fig=bottom)
    plot.show(fig, f"A network of snnlab reads {100 * result.accuracy:.1f} % right.").save(path)
    print(f"picture         {path}")
    return path


if __name__ == "__main__":
    sys.exit("it is a command: python -m snnlab demo")
