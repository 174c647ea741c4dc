"""How well trouble is named: small real trainings, right and wrong ones, and what the rules say of their logs."""
