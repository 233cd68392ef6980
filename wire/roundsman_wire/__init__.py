"""The contract between agent and collector, version 1: what may be said, how it is written, where it is published.

    report.py     every message and record, as typed dictionaries with their limits
    codec.py      bytes <-> message: JSON, deflate, the dictionary of a birth, rows <-> columns
    topics.py     ids and the topic tree
    ranges.py     sets of record numbers, as both ends keep them
    catalogue.py  the names of readings, their units, words and labels

Standard library only: an agent that imports this stays small. The collector validates these types with pydantic at its
door and generates the JSON Schemas from them.
"""

VERSION = 1
