"""Rules as data: the fault catalogue in YAML, read into what the core judges with. Pure: texts come in, values go out.

catalogue.py   policy_from, overridden, advice_from, text_of: texts <-> Policy
faults.yaml    the built-in fault catalogue
demo.yaml      the demo's own short durations, as overrides
"""
