"""One file per step, v0001_first.py and on; a step is never changed once it has left the house."""
