"""What a reader has answered so far, in a file of the reader's own.

It is kept in the user's folder for data, or where ``$SNNLAB_PROGRESS`` says; if that is empty, not
at all. Nothing here ever stops a notebook: where the file cannot be read or written, the course
goes on without, and `snnlab.progress` says so.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snnlab import _check
from snnlab._files import write_atomically

LONGEST = 200  # characters kept of an answer
_FAULTS = []  # why the file could not be used last


def place() -> Path | None:
    """Path of the file, or None if nothing is to be kept."""
    given = os.environ.get("SNNLAB_PROGRESS")
    if given is not None:
        return _check.path("SNNLAB_PROGRESS", given) if given else None
    home = Path.home()
    if os.name == "nt":
        folder = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return folder / "snnlab" / "progress.json"


def load() -> dict[str, dict[str, Any]]:
    """All that is known: a dict from a question's name to what was answered.

    Each has ``right`` (ever), ``tries``, ``answer`` (the last, as text), ``when`` (UTC) and, for a
    challenge, ``score`` (the best). It is empty where there is no file, or none that can be read.
    """
    try:
        path = place()
        found = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds something else")
        return {name: entry for name, entry in found.items() if isinstance(entry, dict)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RuntimeError) as fault:  # no home is a RuntimeError
        _remember(fault)
        return {}


def note(question: str, answer: Any, right: bool, score: float | None = None) -> float | None:
    """Add an answer. Returns the best score before, or None."""
    known = load()
    old = known.get(question, {})
    entry = {
        "right": bool(right or old.get("right")),
        "tries": int(old.get("tries", 0)) + 1,
        "answer": shown(answer),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    best = old.get("score")
    scores = [x for x in (best, score) if x is not None]
    if scores:
        entry["score"] = min(scores)
    try:
        path = place()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(known | {question: entry}, indent=1, ensure_ascii=False)
            write_atomically(path, lambda file: file.write(text.encode("utf-8")))
            _FAULTS.clear()
    except (OSError, ValueError, RuntimeError) as fault:
        _remember(fault)
    return best


def shown(answer: Any) -> str:
    """An answer as a short text; functions by their names."""
    try:
        text = getattr(answer, "__name__", None) if callable(answer) else repr(answer)
        text = " ".join(str(text or type(answer).__name__).split())
    except Exception:  # of a reader's own class
        text = type(answer).__name__
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def fault() -> str | None:
    """Why the file could not be used when it was last tried; None if it could."""
    return _FAULTS[-1] if _FAULTS else None


def _remember(fault):
    _FAULTS[:] = [str(fault) or type(fault).__name__]
