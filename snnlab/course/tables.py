"""`Table`: rows and columns that a notebook shows, as HTML there and as aligned text elsewhere."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Table"]

NOTHING = "–"  # where a cell is None
SHORT = 20  # characters
STYLE = "text-align: {}; padding: 0.2em 0.8em; vertical-align: top"


class Table:
    """Rows under a head.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequences
        As long as ``head``; texts and numbers as they are to be shown, None where there is nothing.
    best : collection of (int, int)
        Row and column of cells that stand out.
    note : str
        A line below.

    Raises
    ------
    ValueError
        If a row is longer or shorter than the head.

    Examples
    --------
    >>> Table(("rate", "right"), [("0.01", "95 %"), ("0.1", None)])
    rate  right
    0.01   95 %
    0.1       –
    """

    def __init__(
        self,
        head: Iterable[object],
        rows: Iterable[Iterable[object]],
        *,
        best: Collection[tuple[int, int]] = (),
        note: str = "",
    ) -> None:
        self.head = tuple(map(str, head))
        self.rows = [tuple(NOTHING if x is None else str(x) for x in row) for row in rows]
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"rows must have {len(self.head)} cells like head, got {row}")
        self.best, self.note = frozenset(best), note

    def _is_number(self, k):
        """Whether a column is better flush right: all of it is short, and begins like a number."""
        cells = [row[k] for row in self.rows if row[k] != NOTHING]
        digits = [c.lstrip("+-−±").strip()[:1].isdigit() and len(c) <= SHORT for c in cells]
        return bool(digits) and all(digits)

    def __repr__(self):
        rows = [
            [cell + "*" * ((i, k) in self.best) for k, cell in enumerate(row)]
            for i, row in enumerate(self.rows)
        ]
        right = [k > 0 and self._is_number(k) for k in range(len(self.head))]
        widths = [max(map(len, column)) for column in zip(self.head, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if flush else cell.ljust(width)
                for cell, width, flush in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in (self.head, *rows)
        ]
        return "\n".join(lines + [self.note] * bool(self.note))

    def _repr_html_(self):
        sides = ["right" if k and self._is_number(k) else "left" for k in range(len(self.head))]

        def cells(tag, row, i=None):
            for k, (cell, side) in enumerate(zip(row, sides, strict=True)):
                text = html.escape(cell)
                text = f"<strong>{text}</strong>" if (i, k) in self.best else text
                kind = f'{tag} scope="col"' if tag == "th" else tag
                yield f'<{kind} style="{STYLE.format(side)}">{text}</{tag}>'

        head = f"<thead><tr>{''.join(cells('th', self.head))}</tr></thead>"
        body = "".join(f"<tr>{''.join(cells('td', r, i))}</tr>" for i, r in enumerate(self.rows))
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<table>{head}<tbody>{body}</tbody></table>{note}"
