"""Devices that are not there: they answer on pseudo-terminals as the real ones do on their lines."""
