"""What `docs/reliability.md` promises, with everything real: store, dispatcher, backends, hosts; and their faults."""
