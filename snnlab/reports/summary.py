"""What a network is, layer by layer, as a table: for terminals and for notebooks."""

from html import escape

import numpy as np

COLUMNS = "layer", "kind", "units", "parameters", "weights that are there"


def rows_of(network, inputs=None):
    """Rows of the table, a list of str per layer; with inputs, activity too.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains, ConstantCurrent or Values, optional
        A few hundred samples, to tell how active each layer is.

    Returns
    -------
    header : list of str
    rows : list of list of str
    """
    header, rows = list(COLUMNS), [["inputs", "", _shape(network.shape_in), "", ""]]
    for stage in network.stages:
        blocks = stage.blocks.values()
        weights = [block.of(network.parameters) for block in blocks if block.prunable]
        n = sum(w.size for w in weights)
        there = f"{100 * sum(map(np.count_nonzero, weights)) / n:.1f} %" if n else ""
        kind = "transform" if stage.neuron is None else type(stage.neuron).__name__
        size = f"{sum(block.size for block in blocks):,}"
        size += "".join(f" + {b.size:,} {name}" for name, b in stage.learned.items())
        rows.append([f"{stage.layer!r}{_added(stage)}", kind, _shape(stage.shape_out), size, there])
    if inputs is not None:
        header.append("spikes per sample")
        trace = network.forward(inputs, potentials=False)
        spike = [r.bits is not None or r.spikes is not None for r in trace.records]
        said = [
            f"{record.mean_count():.1f}" if spikes else ""
            for record, spikes in zip(trace.records, spike, strict=True)
        ]
        given = getattr(inputs, "counts", None)
        said.insert(0, f"{given().mean():.1f}" if given else "")
        rows = [[*row, text or ""] for row, text in zip(rows, said, strict=True)]
    return header, rows


def _added(stage):
    """What is added to a layer's currents past its weights."""
    if stage.shortcut is None:
        return ""
    return " + inputs" if stage.shortcut < 0 else f" + layer {stage.shortcut}"


def _shape(shape):
    return " x ".join(map(str, shape))


class Summary(str):
    """A table in lines of text, below a line about the whole; in a notebook, as HTML."""

    html = ""

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return self.html


def as_text(network, inputs=None):
    """The table as a `Summary`."""
    header, rows = rows_of(network, inputs)
    table = [header, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(header))]
    lines = ["  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)) for row in table]
    text = Summary("\n".join([repr(network), "", *(line.rstrip() for line in lines)]))
    text.html = as_html(network, header, rows)
    return text


def as_html(network, header, rows):
    """The table as HTML; it takes on the page's colours."""
    head = "".join(f'<th scope="col">{escape(x)}</th>' for x in header)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left"><code>{escape(first)}</code></th>'
        + "".join(f"<td>{escape(x)}</td>" for x in rest)
        + "</tr>"
        for first, *rest in rows
    )
    about = escape(repr(network))
    return (
        f'<table><caption style="text-align:left">{about}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
