"""Follow-ups that plans ask for, in the share of the statistics report."""

from pathlib import Path

from roundsman_collector.issuing.about import asked
from roundsman_collector.issuing.called import called
from roundsman_collector.store.plan_files import kind_of, kinds
from tests.collector.engine.diary import Diary


def of_month(diary: Diary) -> tuple[int, int]:
    with diary.view() as view:
        return called(view, asked(view, "contract", "c-1", "2026-10", now_ms=diary.now_ms))


# Shows S0-53.
def test_of_the_calls_that_were_due_those_in_time_are_counted(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("tianyi-call").until("2026-10-10 09:00")
    first, second = (diary.task("tianyi-call", site, "2026-10").row.id for site in ("mall-1", "mall-2"))
    assert of_month(diary) == (0, 0), "nothing is due yet"

    diary.does(first, "begin").does(first, "finish")
    assert of_month(diary) == (1, 1)
    diary.until("2026-10-13 09:00")
    assert of_month(diary) == (2, 1), "nobody called the other one"
    diary.does(second, "begin").does(second, "finish")

    assert of_month(diary) == (2, 1), "too late is not in time"


def test_what_was_cancelled_and_other_duties_are_not_asked_for(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("tianyi-call").plans("kiosk-phone").until("2026-10-10 09:00")
    for site in ("mall-1", "mall-2"):
        task = diary.task("tianyi-call", site, "2026-10").row.id
        diary.does(task, "cancel", by="zhao", text="closed for works")

    diary.until("2026-11-02 09:00")

    assert of_month(diary) == (0, 0)


def test_a_visit_of_which_a_follow_up_is_a_part_is_one() -> None:
    assert {name for name in kinds() if kind_of(name, {}).follows_up} == {"tianyi-call", "security-visit"}
