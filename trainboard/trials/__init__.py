"""Sweeps whose settings are asked for one after the other, as there is room: `sweep.method` tpe and asha."""
