"""Panels, figures, exercises, stored results; small experiments, some of which studies run, too."""
