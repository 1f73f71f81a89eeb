"""What only the notebooks of the course use: panels, figures, exercises, stored results."""
