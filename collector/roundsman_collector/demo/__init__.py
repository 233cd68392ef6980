"""The demo: a small site of made-up devices, watched by the real agent and the real collector."""
