"""Rules as data: the fault catalogue in YAML, read into what the core judges with. Pure: texts come in, values go out.

catalogue.py   rule_set_from, overridden, advice_from, text_of: texts <-> RuleSet
shape.py, flaws.py, written.py    what a file may say; what can be wrong beyond that; rules as rows again
kept.py        rules in force as a row of the database: the files', and what the console said
told.py        a condition as a sentence in both languages
faults.yaml    the built-in fault catalogue
demo.yaml      the demo's own short durations, as overrides
"""
