"""Probes that misbehave, for cells: they are imported by name in another process."""
