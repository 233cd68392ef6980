"""The statistics report: its five sections, every number the API's for the same window, each customer its own."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.reports import previewed
from roundsman_collector.core.periods import Period
from roundsman_collector.core.plans import Due
from roundsman_collector.core.recurrence import Level, Recurrence
from roundsman_collector.issuing import statistics as gathered
from roundsman_collector.reports.document import Heading
from roundsman_collector.roles import EVERYTHING, Who
from roundsman_collector.store import Batch, Deed, Store, recurrence
from roundsman_collector.store.plan_files import terms_of
from roundsman_collector.store.tasks import TaskLine, TaskMade, TaskMoved
from tests.collector.api.month import BEGIN, END, NOW, at, month, program, step
from tests.collector.api.report_desk import PREVIEW, got, known, name, preview, share, values, window
from tests.collector.store.cast import DAY

KIND = "statistics"
ABOUT = ("contract:metro-c", "customer:metro", "customer:bank")
SECTIONS = [
    "一、整体运行情况",
    "二、故障分类统计",
    "三、处理办法及降低故障率的改进措施",
    "四、客户整体评价",
    "五、下季度工作计划和建议",
]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Desk]]:
    """The month of month.py; a roller was used on ticket 1, and its customer was satisfied."""
    with month(tmp_path_factory.mktemp("month")) as (store, desk):
        lines = [
            step(1, 2.26, "part", component="printer", name="roller", quantity=2),
            step(1, 2.3, "verify"),
            step(1, 2.4, "follow_up", satisfied=True, rating=4),
        ]
        store.commit(Batch(now_ms=NOW - 1, tickets=lines))
        promised(store)
        with store._write.begin() as connection:
            recurrence.keep(connection, [again(1), again(1, 3)], NOW - 1)
            li = Deed(who="li", at_ms=NOW - 1)
            recurrence.analyse(connection, 1, cause="technique", text="x", scope=EVERYTHING, deed=li)
        yield store, desk


def again(*tickets: int) -> Recurrence:
    """The kiosk's printer, month by month: tickets 1 and 3 are different customers'."""
    month, what = (BEGIN, END), "printer.paper_end"
    level: Level = "month" if len(tickets) == 1 else "quarter"
    return Recurrence(level, "device", "fault", "kiosk-7", what, "2024-10", *month, len(tickets), 1, 1, tickets)


@pytest.fixture(scope="module")
def api(lived: tuple[Store, Desk]) -> TestClient:
    return program(lived[1])


def promised(store: Store) -> None:
    """Phone inspections of November, made in October: the metro's, whose day was moved after the month was over; the
    bank's; and one that was cancelled before."""
    where = (("calls", "metro-a", "metro-c"), ("bank-calls", "bank-a", None), ("gone", "metro-a", "metro-c"))
    made = [november(plan, site, contract) for plan, site, contract in where]
    store.commit(Batch(now_ms=at(20), tasks=made))
    (calls,), (gone,) = (store.tasks_of_plan(plan) for plan in ("calls", "gone"))
    cancelled = TaskLine(task=gone.row.id, at_ms=at(21), verb="cancel", who="wang", text="x")
    moved = november("calls", "metro-a", "metro-c", day=29)
    late = TaskMoved(task=calls.row.id, due=moved.due, terms=moved.terms, at_ms=END + DAY)
    store.commit(Batch(now_ms=END + DAY, tasks=[cancelled, late]))


def november(plan: str, site: str, contract: str | None, day: int = 30) -> TaskMade:
    first, last = date(2024, 11, 1), date(2024, 11, 30)
    due = Due(
        plan=plan,
        kind="kiosk-phone",
        site=site,
        time_zone="Asia/Shanghai",
        period=Period("2024-11", first, last),
        first_day=first,
        last_day=last,
        opens_on=first,
        due_on=date(2024, 11, day),
    )
    return TaskMade(due=due, terms=terms_of("kiosk-phone", {}), contract=contract, at_ms=at(20))


def only(about: str) -> str:
    return "&".join(["", about.replace(":", "=")])


def counted(value: Any) -> int:
    return int(value["count"][0])


# Shows S4-35.
@pytest.mark.parametrize("period", ["2024-10", "2024-Q4"])
@pytest.mark.parametrize("about", ABOUT)
def test_how_everything_ran_is_what_availability_says(api: TestClient, about: str, period: str) -> None:
    found = preview(api, KIND, about, period)
    told = got(api, f"/api/v1/availability?{known(found)}&by=site&bucket=month&of={about}")

    said = {column: value for (_, column), value in values(found, "Altogether").items()}
    total = told["total"]
    assert share(said["Availability"]) == total["availability"]
    assert share(said["Coverage"]) == total["coverage"]
    assert share(said["Power-on rate"]) == total["power_on"]["rate"]
    assert share(said["As the contract counts"]) == total["contract"]["availability"]
    assert counted(said["Devices"]) == total["devices"] > 0
    assert counted(said["Outages"]) == total["outages"]
    assert said["Down"] == {"span": [total["down_ms"]]}
    sites = values(found, "By site")
    for row in told["rows"]:
        assert share(sites[row["name_en"], "Availability"]) == row["availability"]
        assert sites[row["name_en"], "Down"] == {"span": [row["down_ms"]]}
    if period == "2024-Q4":
        months = values(found, "Month by month")
        for bucket in total["buckets"]:
            assert share(months[bucket["bucket"], "Availability"]) == bucket["availability"]


# Shows S4-35.
def test_the_worst_devices_and_the_period_before_are_those_of_the_api(api: TestClient) -> None:
    found = preview(api, KIND, "customer:metro")
    told = got(api, f"/api/v1/availability?{known(found)}&by=device&limit=10&of=customer:metro")
    september = preview(api, KIND, "customer:metro", "2024-09")

    worst = values(found, "The worst devices")
    for row in told["rows"]:
        assert share(worst[row["name_en"], "Availability"]) == row["availability"]
    assert worst and next(iter(worst))[0] == told["rows"][0]["name_en"]
    before = values(found, "Altogether")[None, "In the period before"]
    assert share(before) == share(values(september, "Altogether")[None, "Availability"])


# Shows S4-36.
@pytest.mark.parametrize("about", ABOUT)
def test_faults_are_those_of_the_statistics(api: TestClient, about: str) -> None:
    found = preview(api, KIND, about)
    asked = f"/api/v1/statistics/faults?{known(found)}{only(about)}&by="

    for by, part in (
        ("class", "By class"),
        ("component", "By component"),
        ("fault", "By fault"),
        ("model", "By model"),
    ):
        told = got(api, asked + by)
        said = values(found, part)
        assert sum(counted(value) for (_, column), value in said.items() if column == "Faults") == told["faults"]
        for row in told["rows"]:
            key = row["key"] if by in ("component", "model") and row["key"] else row["name_en"]
            assert counted(said[key, "Faults"]) == row["faults"]
            assert share(said[key, "Share"]) is not None
    assert counted(values(found, "Faults")[None, "This period"]) == got(api, asked + "class")["faults"]
    bars = values(found, "Classes of faults (Pareto)")
    assert sum(value["number"][0] for value in bars.values()) == got(api, asked + "class")["faults"]


# Shows S4-37.
@pytest.mark.parametrize("about", ABOUT)
def test_what_was_done_is_what_the_statistics_and_kept_say(api: TestClient, about: str) -> None:
    found = preview(api, KIND, about)
    told = got(api, f"/api/v1/statistics/faults?{known(found)}{only(about)}&by=class")
    kept = got(api, f"/api/v1/kept?{window(found)}{only(about)}")["total"]

    done, figures = values(found, "What was done"), values(found, "Figures of service")
    assert {row: counted(value) for (row, column), value in done.items() if column == "Faults"} == {
        row["name_en"]: row["faults"] for row in told["done"]
    }
    for one in kept["figures"]:
        assert counted(figures[one["name_en"], "Count"]) == one["count"]
        assert counted(figures[one["name_en"], "Of"]) == one["of"]
    if about != "customer:bank":
        assert counted(values(found, "Parts used")["roller", "Pieces"]) == told["parts"][0]["faults"] == 2
    assert values(found, "What would lower the rate")


# Shows S4-37.
def test_what_came_again_and_again_is_told_to_whom_all_of_it_happened(api: TestClient) -> None:
    metro, bank = (preview(api, KIND, f"customer:{one}") for one in ("metro", "bank"))

    said = values(metro, "What came again and again")
    assert said["printer out of paper", "Where"]["en"] == "Kiosk 7"
    assert said["printer out of paper", "Level"]["en"] == "warning of the month"
    assert said["printer out of paper", "At its root"]["en"] == "technique of the installation"
    assert counted(said["printer out of paper", "Faults"]) == 1
    assert not any(one["part_en"] == "What came again and again" for one in bank["lines"])


# Shows S4-38.
def test_what_the_customer_thinks_is_what_was_written_down(api: TestClient) -> None:
    found = preview(api, KIND, "contract:metro-c")
    judged = got(api, f"/api/v1/kept/judgements?{window(found)}&contract=metro-c")
    figures = {
        one["figure"]: one for one in got(api, f"/api/v1/kept?{window(found)}&contract=metro-c")["total"]["figures"]
    }

    said = {column: value for (_, column), value in values(found, "Satisfaction and follow-ups").items()}
    assert counted(said["Satisfied"]) == figures["satisfaction"]["count"] == 1
    assert counted(said["Said whether"]) == figures["satisfaction"]["of"]
    assert counted(said["To be followed up"]) == figures["follow_ups"]["of"]
    assert share(said["Customers satisfied"]) == "1"
    assert said["Mean mark (1-5)"]["number"][0] == float(judged["mean_rating"]) == 4.0
    marks = values(found, "Marks")
    assert [value["number"][0] for value in marks.values()] == [one["tickets"] for one in judged["ratings"]]
    words = values(found, "In their words")
    assert words[judged["judgements"][0]["number"], "Words"] == judged["judgements"][0]["words"]


# Shows S4-39.
def test_what_ends_in_the_next_quarter_is_told(lived: tuple[Store, Desk], api: TestClient) -> None:
    year = preview(api, KIND, "contract:metro-c", "2024")

    ends = values(year, "What ends")
    assert [name(row) for row, _ in ends] == ["contract M-2024: the warranty ends"]
    assert ends["contract M-2024: the warranty ends", "Day"] == {"day": ["2025-12-31"]}
    assert values(year, "Advice")


# Shows S4-39.
def test_what_is_planned_and_what_is_to_wear_out_is_told_as_it_stood_when_the_period_ended(api: TestClient) -> None:
    metro, bank = (preview(api, KIND, f"customer:{one}") for one in ("metro", "bank"))
    contract = preview(api, KIND, "contract:metro-c")
    titles = ("Planned for November 2024", "What is to wear out")

    planned, worn = (values(metro, title) for title in titles)
    assert {row for row, _ in planned} == {"Monthly inspection by phone"}
    day = [planned["Monthly inspection by phone", column] for column in ("Opens", "Due")]
    assert day == [{"day": ["2024-11-01"]}, {"day": ["2024-11-30"]}]
    assert planned["Monthly inspection by phone", "Site"]["en"] == "People's Square"
    told = got(api, f"/api/v1/forecasts?of=customer:metro&at={metro['to_ms']}&within=1000")["forecasts"]
    assert [one["device"] for one in told] == ["nvr-2"] == sorted({row for row, _ in worn})
    assert worn["nvr-2", "About"] == {"day": [told[0]["likely"]]}
    assert [values(contract, title) for title in titles] == [planned, worn]

    site = values(bank, titles[0])["Monthly inspection by phone", "Site"]
    assert site["en"] == "Branch"
    assert not any(one["part_en"] == titles[1] for one in bank["lines"])


# Shows S4-39.
def test_the_advice_counts_every_device_that_was_less_than_promised(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "WORST", 1)
    found = preview(api, KIND, "contract:metro-c")
    told = got(api, f"/api/v1/availability?{known(found)}&by=device&of=contract:metro-c")

    below = [one for one in told["rows"] if Fraction(one["contract"]["availability"]) < Fraction("0.995")]
    advice = next(one["value"] for one in found["lines"] if one["part_en"] == "Advice")
    assert counted(advice["phrase"][1][0]) == len(below) == 2
    assert len({row for row, _ in values(found, "The worst devices")}) == 1


def test_the_five_sections_stand_in_their_order_and_nothing_else(lived: tuple[Store, Desk]) -> None:
    who = Who(id="root", name="root", role="administrator", scope=EVERYTHING)
    _, _, document = previewed(lived[1], who, KIND, "customer:metro", "2024-10")

    assert [part.label.zh for part in document.parts if isinstance(part, Heading)] == SECTIONS


def test_each_customer_has_its_own_part_of_a_device_that_moved(api: TestClient) -> None:
    metro, bank = (preview(api, KIND, f"customer:{one}") for one in ("metro", "bank"))

    worst = [values(one, "The worst devices") for one in (metro, bank)]
    assert [Fraction(one["Kiosk 7", "Down"]["span"][0], 3_600_000) for one in worst] == [12, 6]
    assert "UPS 2" not in {row for row, _ in worst[0]}
    assert "Recorder 2" not in {row for row, _ in worst[1]}
    assert not any(one["part_en"] == "In their words" for one in bank["lines"])


def test_a_customer_reads_its_own_and_never_hears_of_another(lived: tuple[Store, Desk]) -> None:
    metro = program(lived[1], "token-of-metro")

    def status(about: str) -> int:
        return metro.get(f"{PREVIEW}?kind={KIND}&scope={about}&period=2024-10").status_code

    assert [status(about) for about in ABOUT] == [200, 200, 404]


# Shows S4-37, S4-39.
def test_its_author_writes_measures_and_advice_that_stand_before_what_follows_from_figures(api: TestClient) -> None:
    query = f"kind={KIND}&scope=contract:metro-c&period=2024-09"
    for section, words in (("measures", "更换全部滚轴\n每周清洁一次"), ("advice", "下季度加装 UPS")):
        answer = api.put(f"/api/v1/reports/words?{query}", json={"section": section, "words": words})
        assert answer.status_code == 200, answer.text

    found = preview(api, KIND, "contract:metro-c", "2024-09")
    said = [one["value"] for one in found["lines"] if one["part_en"] == "What would lower the rate"]
    assert said[:2] == ["更换全部滚轴", "每周清洁一次"]
    assert next(one["value"] for one in found["lines"] if one["part_en"] == "Advice") == "下季度加装 UPS"
    written = got(api, f"/api/v1/reports/words?{query}")["sections"]
    assert [(one["section"], one["words"]) for one in written] == [
        ("measures", "更换全部滚轴\n每周清洁一次"),
        ("advice", "下季度加装 UPS"),
    ]


def test_words_go_to_sections_that_take_them_and_to_reports_that_one_reaches(lived: tuple[Store, Desk]) -> None:
    api, metro = program(lived[1]), program(lived[1], "token-of-metro")
    address = f"/api/v1/reports/words?kind={KIND}&scope=contract:metro-c&period=2024-10"

    assert api.put(address, json={"section": "title", "words": "x"}).status_code == 422
    assert api.put(address, json={"section": "advice", "words": "x" * 5000}).status_code == 422
    sla = api.put(address.replace(KIND, "sla"), json={"section": "advice", "words": "x"})
    assert (sla.status_code, "takes no words" in sla.json()["expected"]) == (422, True)
    assert api.get(address.replace("2024-10", "2030-10")).status_code == 409
    assert metro.put(address, json={"section": "advice", "words": "x"}).status_code == 403
