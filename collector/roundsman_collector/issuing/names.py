"""What people call things of the register, for reports.

labels(view, "site", {"metro-a", ...}) -> {"metro-a": Label(...)}      of what is not there, its id
"""

from collections.abc import Iterable
from typing import Literal

from roundsman_collector.store import View
from roundsman_wire.catalogue import Label

Named = Literal["group", "customer", "site", "point"]


def labels(view: View, kind: Named, ids: Iterable[str | None]) -> dict[str | None, Label]:
    """By id; None is nobody's."""
    named = {one for one in ids if one}
    found = view.entries_named(kind, named)
    return {
        one: Label(zh=found[one].fields["name_zh"], en=found[one].fields["name_en"])
        if one in found
        else Label(zh=one, en=one)
        for one in named
    }
