"""The simulator as judge: the real analysis over series whose truth is known, and how far its numbers are off.

What is validated is the code that the service runs: registration, classifier, relevance, mask, severity, stations,
fits and alarms. Every trial has its own wall, crack, light and camera, all from one seed.
"""

from simulations.validation.judging import validate
from simulations.validation.plan import FULL, QUICK, Plan
from simulations.validation.report import as_json, as_report, as_rows
from simulations.validation.running import Running

__all__ = ["FULL", "QUICK", "Plan", "Running", "as_json", "as_report", "as_rows", "validate"]
