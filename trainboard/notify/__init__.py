"""Notices: what reaches a researcher who does not look at the board."""
