"""The clinic: why a network learns nothing, in numbers, and what helps.

`examine` runs a network on a batch, forward and backward, and returns a `Report` of what was
measured. Each function in `CHECKS` looks at it for one kind of trouble and yields `Finding`
objects, each with one remedy; most remedies can be carried out by code (`Report.treat`).
"""

from snnlab.reports.clinic.checks import CHECKS, SEVERITIES, Finding
from snnlab.reports.clinic.remedies import Remedy, gentle_rate
from snnlab.reports.clinic.report import Layer, Report, examine

__all__ = ["CHECKS", "Finding", "Layer", "Remedy", "Report", "SEVERITIES", "examine", "gentle_rate"]
