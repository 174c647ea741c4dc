"""Preflight: whether the runs of a spec can run, looked at before any of them is submitted."""

from trainboard.preflight.examination import examine
from trainboard.preflight.report import Check, Level, Report

__all__ = ["Check", "Level", "Report", "examine"]
