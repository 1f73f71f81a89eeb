"""Settings: what a dataclass was made with, by name; files hold them, and it is shown by them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


def fields_of(x: Any, kind: type | None = None) -> dict[str, Any]:
    """A dataclass's fields by name; ``kind``: only those of a class it is derived from."""
    return {f.name: getattr(x, f.name) for f in fields(kind or x)}


class Described:
    """A dataclass that says what it was made with."""

    def to_dict(self) -> dict[str, Any]:
        """Kind and settings as plain numbers, strings and sequences, for files."""
        return {"kind": type(self).__name__} | fields_of(self)

    def __repr__(self):
        """The settings that were given, and no others."""
        given = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(f'{k}={getattr(self, k)!r}' for k in given)})"
