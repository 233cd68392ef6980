"""The Grafana dashboards, made from code: `python -m dashboards.generate` writes them, `--check` tells if they lie.

    dashboards/fleet-uptime.json         English
    dashboards/fleet-uptime.zh-CN.json   Chinese: the same panels and queries

The same code gives the same bytes. Every panel says what it shows, every query has a name, every legend is seen, and a
row is as wide as Grafana's grid: what the SDK leaves out by default is written here, and tests/dashboards looks at it.
A percentage never rounds up to 100: queries cut it off behind the digits that are shown.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.builders import gauge as gauge_panel
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.words import LANGUAGES, Language, say

FOLDER = Path(__file__).parent
FILES: dict[Language, str] = {"en": "fleet-uptime.json", "zh": "fleet-uptime.zh-CN.json"}
UIDS: dict[Language, str] = {"en": "roundsman-fleet-uptime", "zh": "roundsman-fleet-uptime-zh"}
TAGS: dict[Language, str] = {"en": "roundsman-en", "zh": "roundsman-zh"}
GRID = 24
WINDOWS = ("1h", "24h", "30d")
# The colours of the console; colour never stands alone, the word is always beside it.
COLOURS = {
    "normal": "#2f9e44",
    "warning": "#f08c00",
    "fault": "#e03131",
    "offline": "#862e9c",
    "maintenance": "#1971c2",
    "unknown": "#868e96",
    "urgent": "#e03131",
    "major": "#f08c00",
    "minor": "#1971c2",
    "new": "#1971c2",
    "dead": "#e03131",
}
STATES = ("normal", "warning", "fault", "offline", "maintenance", "unknown")
SEVERITIES = ("urgent", "major", "minor")
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
FLEET = 'group=~"$group",kind=~"$kind"'
WORST = 20

Panel = stat.Panel | timeseries.Panel | table.Panel | bargauge.Panel | gauge_panel.Panel


# --- queries ---------------------------------------------------------------------------------------------------------


def availability(window: str, by: str = "") -> str:
    """Pooled over the chosen devices: sums of time, never a mean of percentages; nothing where nothing is known."""
    chosen = f'{{{FLEET},window="{window}"}}'
    known = f"sum{by}(roundsman_up_seconds{chosen} + roundsman_down_seconds{chosen})"
    return cut(f"sum{by}(roundsman_up_seconds{chosen}) / ({known} > 0)")


def coverage(window: str, by: str = "") -> str:
    """The share of the measured time of which anything is known."""
    chosen = f'{{{FLEET},window="{window}"}}'
    known = f"roundsman_up_seconds{chosen} + roundsman_down_seconds{chosen}"
    return cut(f"sum{by}({known}) / (sum{by}({known} + roundsman_unknown_seconds{chosen}) > 0)")


def cut(ratio: str) -> str:
    """Four digits of a percentage, none of them rounded up."""
    return f"floor(1e6 * {ratio}) / 1e6"


def query(ref: str, expression: str, name: str = "", *, instant: bool = False, as_table: bool = False) -> Dataquery:
    """A query with its name; instant: only now."""
    made = Dataquery().datasource(SOURCE).ref_id(ref).expr(expression).legend_format(name or "__auto")
    made = made.instant() if instant else made.range()
    return made.format(PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES)


# --- panels ----------------------------------------------------------------------------------------------------------


def last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def legend(*calcs: str) -> common.VizLegendOptions:
    shown = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM).calcs(list(calcs))
    return shown.display_mode(LegendDisplayMode.TABLE if calcs else LegendDisplayMode.LIST)


def steps(*at: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """From which value on which colour."""
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(*one) for one in at])


PLAIN = ((None, "#1971c2"),)
RATIO = ((None, "#e03131"), (0.95, "#f08c00"), (0.99, "#2f9e44"))
NONE_IS_GOOD = ((None, "#2f9e44"), (1, "#f08c00"))
AGE = ((None, "#2f9e44"), (300, "#f08c00"), (900, "#e03131"))


def as_said(key: str, language: Language) -> list[DynamicConfigValue]:
    """Word and colour of a label's value."""
    return [
        DynamicConfigValue("displayName", say(key, language)),
        DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS[key]}),
    ]


def figure(title: str, about: str, at: Sequence[tuple[float | None, str]], unit: str = "short") -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .reduce_options(last())
        .thresholds(steps(*at))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .orientation(VizOrientation.AUTO)
        .no_value("–")
    )


def course(title: str, about: str, unit: str = "short") -> timeseries.Panel:
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    return (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .legend(legend("lastNotNull"))
        .tooltip(tooltip)
        .span_nulls(False)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .no_value("–")
    )


def rows(title: str, about: str, columns: Sequence[tuple[str, str]], sort: str) -> table.Panel:
    """A table of several instant queries, one line per set of labels; `columns`: a field and what it is called."""
    named = dict(columns)
    return (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .filterable(True)
        .show_header(True)
        .no_value("–")
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {field: place for place, field in enumerate(named)},
                    "renameByName": named,
                },
            )
        )
        .with_transformation(DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": sort, "desc": False}]}))
    )


class Page:
    """One dashboard in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, key: str) -> str:
        return say(key, self.language)

    def both(self, key: str) -> tuple[str, str]:
        """A panel's title and what a reader should know."""
        return self.say(key), self.say(f"{key}.about")

    # --- availability ---

    def window(self, window: str) -> Panel:
        title = self.say("window").format(span=self.say(window))
        return (
            figure(title, self.say("window.about"), RATIO, "percentunit")
            .decimals(4)
            .override_by_query("B", [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "#1971c2"})])
            .with_target(query("A", availability(window), self.say("availability"), instant=True))
            .with_target(query("B", coverage(window), self.say("coverage"), instant=True))
        )

    def dial(self) -> Panel:
        return (
            gauge_panel.Panel()
            .title(self.say("coverage"))
            .description(self.say("window.about"))
            .datasource(SOURCE)
            .unit("percentunit")
            .min(0)
            .max(1)
            .decimals(2)
            .reduce_options(last())
            .thresholds(steps((None, "#868e96"), (0.9, "#1971c2")))
            .no_value("–")
            .with_target(query("A", coverage("24h"), self.say("24h"), instant=True))
        )

    def now(self) -> Panel:
        made = figure(*self.both("now"), PLAIN).with_target(
            query("A", f"sum by (state) (roundsman_devices{{{FLEET}}})", "{{state}}", instant=True)
        )
        for state in STATES:
            made = made.override_by_name(state, as_said(state, self.language))
        return made

    def course(self) -> Panel:
        return (
            course(*self.both("course"), "percentunit")
            .decimals(4)
            .max(1)
            .with_target(query("A", availability("24h"), self.say("availability")))
            .with_target(query("B", coverage("24h"), self.say("coverage")))
        )

    def states(self) -> Panel:
        made = (
            course(*self.both("states"))
            .fill_opacity(60)
            .line_width(0)
            .min(0)
            .stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
            .with_target(query("A", f"sum by (state) (roundsman_devices{{{FLEET}}})", "{{state}}"))
        )
        for state in STATES:
            made = made.override_by_name(state, as_said(state, self.language))
        return made

    def by_group(self) -> Panel:
        by = " by (group, kind) "
        sums = f'{{{FLEET},window="24h"}}'
        columns = [
            ("group", self.say("group")),
            ("kind", self.say("kind")),
            ("Value #A", self.say("availability")),
            ("Value #B", self.say("coverage")),
            ("Value #C", self.say("down")),
            ("Value #D", self.say("outages")),
        ]
        made = rows(*self.both("by_group"), columns, self.say("availability"))
        made = self._ratios(made).override_by_name(self.say("down"), [DynamicConfigValue("unit", "s")])
        return (
            made.with_target(query("A", availability("24h", by), instant=True, as_table=True))
            .with_target(query("B", coverage("24h", by), instant=True, as_table=True))
            .with_target(query("C", f"sum{by}(roundsman_down_seconds{sums})", instant=True, as_table=True))
            .with_target(query("D", f"sum{by}(roundsman_outages{sums})", instant=True, as_table=True))
        )

    def worst(self) -> Panel:
        chosen = f'{{{FLEET},window="24h"}}'
        by = "max by (device, group, kind) "
        lowest = f"bottomk({WORST}, {by}(roundsman_device_availability_ratio{chosen}))"
        covered = f"{by}(roundsman_device_coverage_ratio{chosen})"
        columns = [
            ("device", self.say("device")),
            ("group", self.say("group")),
            ("kind", self.say("kind")),
            ("Value #A", self.say("availability")),
            ("Value #B", self.say("coverage")),
        ]
        return (
            self._ratios(rows(*self.both("worst"), columns, self.say("availability")))
            .with_target(query("A", cut(lowest), instant=True, as_table=True))
            .with_target(query("B", cut(f"({covered} and {lowest})"), instant=True, as_table=True))
        )

    def _ratios(self, made: table.Panel) -> table.Panel:
        shown = [DynamicConfigValue("unit", "percentunit"), DynamicConfigValue("decimals", 4)]
        return made.override_by_name(self.say("availability"), shown).override_by_name(self.say("coverage"), shown)

    # --- tickets and notices ---

    def tickets(self) -> Panel:
        made = (
            bargauge.Panel()
            .title(self.say("tickets"))
            .description(self.say("tickets.about"))
            .datasource(SOURCE)
            .reduce_options(last())
            .orientation(VizOrientation.HORIZONTAL)
            .thresholds(steps(*PLAIN))
            .min(0)
            .no_value("–")
            .with_target(query("A", "sum by (severity) (roundsman_tickets_open)", "{{severity}}", instant=True))
        )
        for severity in SEVERITIES:
            made = made.override_by_name(severity, as_said(severity, self.language))
        return made

    def tickets_course(self) -> Panel:
        made = course(self.say("tickets_course"), self.say("tickets.about")).min(0)
        made = made.with_target(query("A", "sum by (severity) (roundsman_tickets_open)", "{{severity}}"))
        for severity in SEVERITIES:
            made = made.override_by_name(severity, as_said(severity, self.language))
        return made

    def unclaimed(self) -> Panel:
        waiting = 'sum(roundsman_tickets_open{state="open"})'
        return figure(*self.both("unclaimed"), NONE_IS_GOOD).with_target(
            query("A", waiting, self.say("unclaimed"), instant=True)
        )

    def notices(self) -> Panel:
        waiting = 'sum by (state) (roundsman_notices{state=~"new|dead"})'
        made = figure(*self.both("notices"), PLAIN).with_target(query("A", waiting, "{{state}}", instant=True))
        for state in ("new", "dead"):
            made = made.override_by_name(state, as_said(state, self.language))
        return made

    # --- what comes in ---

    def reports(self) -> Panel:
        rate = "sum(rate(roundsman_reports_total[$__rate_interval]))"
        return course(*self.both("reports"), "ops").min(0).with_target(query("A", rate, self.say("reports")))

    def last(self) -> Panel:
        age = "time() - max(roundsman_last_report_timestamp_seconds)"
        return figure(*self.both("last"), AGE, "s").with_target(query("A", age, self.say("last"), instant=True))

    def refused(self) -> Panel:
        refused = "sum by (cause) (rate(roundsman_refused_total[$__rate_interval]))"
        none = "0 * sum(rate(roundsman_reports_total[$__rate_interval]))"
        word = self.say("nothing_refused")
        named = f'{refused} or on() label_replace({none}, "cause", "{word}", "", "")'
        return course(*self.both("refused"), "ops").min(0).with_target(query("A", named, "{{cause}}"))

    def waiting(self) -> Panel:
        made = figure(*self.both("waiting"), NONE_IS_GOOD)
        for ref, metric, key in (
            ("A", "roundsman_settling_agents", "settling"),
            ("B", "roundsman_commands_waiting", "commands"),
            ("C", "roundsman_inbox_entries", "inbox"),
            ("D", "roundsman_quarantine_entries", "quarantine"),
        ):
            made = made.with_target(query(ref, f"sum({metric})", self.say(key), instant=True))
        return made

    def disk(self) -> Panel:
        return (
            course(*self.both("disk"), "bytes")
            .min(0)
            .with_target(query("A", "max(roundsman_database_bytes)", self.say("database")))
            .with_target(query("B", "min(roundsman_disk_free_bytes)", self.say("free")))
        )

    # --- the whole ---

    def layout(self) -> list[tuple[str, list[tuple[int, int, Panel]]]]:
        """Rows of the page: a heading, and panels as (width, height, panel); widths fill the grid."""
        return [
            (
                "row.uptime",
                [
                    *((5, 6, self.window(window)) for window in WINDOWS),
                    (4, 6, self.dial()),
                    (5, 6, self.now()),
                    (12, 9, self.course()),
                    (12, 9, self.states()),
                    (12, 9, self.by_group()),
                    (12, 9, self.worst()),
                ],
            ),
            (
                "row.tickets",
                [
                    (6, 7, self.tickets()),
                    (10, 7, self.tickets_course()),
                    (3, 7, self.unclaimed()),
                    (5, 7, self.notices()),
                ],
            ),
            (
                "row.intake",
                [
                    (9, 8, self.reports()),
                    (9, 8, self.refused()),
                    (6, 8, self.last()),
                    (12, 6, self.waiting()),
                    (12, 6, self.disk()),
                ],
            ),
        ]

    def made(self) -> dashboard.Dashboard:
        page = (
            dashboard.Dashboard(self.say("title"))
            .uid(UIDS[self.language])
            .description(self.say("about"))
            .tags(["roundsman", TAGS[self.language]])
            .readonly()
            .timezone("browser")
            .time("now-24h", "now")
            .refresh("30s")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .link(self._other_language())
            .variables([self._source(), *self._choices()])
        )
        identity = 1
        for heading, panels in self.layout():
            page = page.with_row(dashboard.Row(self.say(heading)).id(identity))
            identity += 1
            for width, height, panel in panels:
                page = page.with_panel(panel.id(identity).span(width).height(height))
                identity += 1
        return page

    def _other_language(self) -> dashboard.DashboardLink:
        other = next(tag for language, tag in TAGS.items() if language != self.language)
        link = dashboard.DashboardLink(self.say("other")).type(DashboardLinkType.DASHBOARDS).tags([other])
        return link.include_vars(True).keep_time(True)

    def _source(self) -> dashboard.DatasourceVariable:
        return dashboard.DatasourceVariable("source").label(self.say("source")).type("prometheus")

    def _choices(self) -> list[dashboard.QueryVariable]:
        """What is shown of: groups, and the kinds that these have."""
        asked = {
            "group": "label_values(roundsman_devices, group)",
            "kind": 'label_values(roundsman_devices{group=~"$group"}, kind)',
        }
        every = VariableOption(selected=True, text=self.say("all"), value="$__all")
        return [
            dashboard.QueryVariable(name)
            .label(self.say(name))
            .datasource(SOURCE)
            .query({"query": asks, "refId": f"choose-{name}"})
            .definition(asks)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(every)
            for name, asks in asked.items()
        ]


def pages() -> dict[str, str]:
    """Every dashboard: its file's name and its text."""
    return {
        FILES[language]: JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(Page(language).made().build())
        + "\n"
        for language in LANGUAGES
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the dashboards, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=pages.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something differs")
    arguments = parser.parse_args(argv)
    stale = [
        name
        for name, text in pages().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != text
    ]
    if arguments.check:
        for name in stale:
            print(f"dashboards/{name} is not what dashboards/generate.py makes: run `make dashboards`")
        return 1 if stale else 0
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
