"""How a database of any age becomes a present one. Steps only ever expand first and contract in a later version."""
