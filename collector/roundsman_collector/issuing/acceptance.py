"""What the report on a trial run is made of: the site with the figures of the time before acceptance, and its devices'
first signs of life."""

from datetime import date

from roundsman_collector.issuing import site as gathered
from roundsman_collector.issuing.about import Asked
from roundsman_collector.reports.acceptance import Acceptance, Started
from roundsman_collector.reports.head import Head
from roundsman_collector.store import View


def gather(view: View, asked: Asked, head: Head) -> Acceptance:
    """Everything that the report says."""
    site = gathered.gather(view, asked, head, on_trial=True)
    ids = [one.id for one in site.devices]
    first_up, cards = view.first_up(ids, asked.known_ms), view.cards_named(ids)
    end_ms = min(asked.to_ms, asked.known_ms)
    held = view.conditions_of(ids, end_ms - 1, end_ms, asked.known_ms)
    told = view.ratios(gathered.frame(asked), gathered.of(asked))
    on_net = next(one.ratio for one in told if one.named.code == "vehicles_on_net")
    return Acceptance(
        site=site,
        accepted_on=_accepted_on(view, asked),
        started=tuple(
            Started(one.id, one.name, cards[one.id].installed_ms, first_up.get(one.id), len(held.get(one.id, ())))
            for one in site.devices
        ),
        on_net=on_net,
    )


def _accepted_on(view: View, asked: Asked) -> date | None:
    said = gathered.entry(view, asked, "contract", asked.about.contract).get("accepted_on")
    return date.fromisoformat(said) if said else None
