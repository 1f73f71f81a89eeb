"""Set-up of all tests: shared fixtures, and which tests are run and may be skipped."""

import pytest


@pytest.fixture
def make():
    """Makes a panel of the course by name, small, and lets it come to rest; closes it."""
    import small_panels

    made = []

    def make_(name):
        made.append(small_panels.MAKERS[name]())
        assert made[-1].wait(small_panels.PATIENCE)
        return made[-1]

    yield make_
    for panel in made:
        panel.close()
