"""The end of a declared log, and every way to be led elsewhere."""

import json
import os
from pathlib import Path

import pytest

from roundsman_agent.log_tail import OUTPUT_BYTES, LogError, tail


def test_the_last_lines_come_oldest_first(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)))

    assert tail(str(log), lines=3) == "line 97\nline 98\nline 99\n"


def test_the_software_of_kiosks_writes_gb_18030(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes("打印机缺纸\r\n已恢复\r\n".encode("gb18030"))

    assert tail(str(log), lines=5) == "打印机缺纸\n已恢复\n"


def test_an_empty_log_is_empty(tmp_path: Path) -> None:
    (tmp_path / "app.log").touch()

    assert tail(str(tmp_path / "app.log"), lines=5) == ""


@pytest.mark.parametrize(
    "text", ['"' * 99 + "\n", "缺纸" * 30 + "\n", "x" * 200_000 + "\n"], ids=["quotes", "zh", "one line"]
)
def test_an_answer_is_bounded_as_it_is_written_on_the_wire(tmp_path: Path, text: str) -> None:
    log = tmp_path / "app.log"
    log.write_text(text * (1_000_000 // len(text.encode())))

    shown = tail(str(log), lines=2000)

    assert 0 < len(shown) <= OUTPUT_BYTES
    assert len(json.dumps(shown, ensure_ascii=False).encode()) <= OUTPUT_BYTES + 2


def test_a_link_is_refused_and_so_is_one_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "app.log").write_text("secret\n")
    (tmp_path / "app.log").symlink_to(tmp_path / "real" / "app.log")
    (tmp_path / "way").symlink_to(tmp_path / "real")

    for path in (tmp_path / "app.log", tmp_path / "way" / "app.log", tmp_path / "real" / ".." / "real" / "app.log"):
        with pytest.raises(LogError, match="declare that path"):
            tail(str(path), lines=1)


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(LogError, match="not a plain file"):
        tail(str(tmp_path / "fifo"), lines=1)
    with pytest.raises(LogError, match="not a plain file"):
        tail(str(tmp_path), lines=1)
    with pytest.raises(LogError, match="No such file"):
        tail(str(tmp_path / "gone.log"), lines=1)
