"""Memory does not grow (the long form: tools/grow.py)."""

import grow
import pytest


@pytest.mark.rotates
@pytest.mark.slow
@pytest.mark.parametrize("name", grow.WORK)
def test_memory_does_not_grow(name):
    work = grow.WORK[name]()
    for _ in range(20):  # caches fill
        work()
    traced, _ = grow.growth(work, 60)
    assert traced < 2000, f"{traced:.0f} bytes more each time"


def test_growth_is_seen():
    kept = []
    traced, _ = grow.growth(lambda: kept.append(bytes(5000)), 60)
    assert traced > 4000
