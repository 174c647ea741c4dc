"""What jobs use of what they hold: measured, as an efficiency, in sum, and as what to ask for next time."""
