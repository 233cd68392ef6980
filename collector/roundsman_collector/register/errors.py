"""What can be wrong with a register file, cell by cell, in both languages.

error(7, "序列号", "1.23E+05", "excel_number") -> RowError
"""

from collections.abc import Mapping
from dataclasses import dataclass

# What can be wrong with a cell: (zh, en) of what it is and of what to do. {} takes a fact.
SAYINGS: Mapping[str, tuple[str, str, str, str]] = {
    "empty": ("不能为空", "is empty", "请填写", "fill it in"),
    "bad_value": ("不能使用", "cannot be used", "请改正", "mend it"),
    "excel_number": (
        "被 Excel 写成了数字，原来的字符已丢失",
        "was turned into a number by Excel; what was typed is lost",
        "把该列设为“文本”格式后重新录入",
        "format the column as text and type it again",
    ),
    "twice": ("与第 {} 行是同一设备", "is the device of row {} again", "每台设备只留一行", "keep one row per device"),
    "contradicts": (
        "与第 {} 行对同一编号的填写不一致",
        "contradicts row {}, which speaks of the same id",
        "两行填写一致，或使用不同编号",
        "say the same in both rows, or use another id",
    ),
    "no_such": ("不存在：{}", "is not there: {}", "先建立它，或改正编号", "enter it first, or mend the id"),
    "other_customer": (
        "合同属于另一客户 {}",
        "belongs to another customer, {}",
        "填写该站点自己客户的合同",
        "name a contract of the site's own customer",
    ),
    "closed": (
        "不在您的管理范围内",
        "lies beyond your scope",
        "检查编号，或请管理员调整您的范围",
        "check the id, or ask an administrator to widen your scope",
    ),
    "needs": ("需要同时填写“{}”", "needs {} too", "补填该列", "fill in that column too"),
    "removed_agent": (
        "采集端已停用",
        "is an agent that was removed",
        "先用 roundsman agent add 重新启用",
        "let it in again first, by roundsman agent add",
    ),
    "unknown_column": ("不是已知的列{}", "is no known column{}", "改正表头或删除该列", "mend the header or delete it"),
    "same_column": ("这一列出现了两次", "stands there twice", "只保留一列", "keep one of them"),
    "circle": (
        "会形成环路：{}",
        "would stand behind itself: {}",
        "检查谁供电、谁承载上联",
        "look which of these stands behind which",
    ),
    "dates": ("日期前后矛盾：{}", "dates contradict each other: {}", "改正日期", "mend the dates"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RowError:
    """What is wrong with a cell. `row` as the spreadsheet counts; `column` as the file calls it."""

    row: int
    column: str
    value: str
    code: str
    what_zh: str
    what_en: str
    expected_zh: str
    expected_en: str
    do_zh: str
    do_en: str


def error(
    row: int,
    column: str,
    value: str,
    code: str,
    fact: tuple[str, str] = ("", ""),
    *,
    expected: tuple[str, str] = ("", ""),
) -> RowError:
    """What is wrong with a cell, in words; `fact` fills them in, `expected` says what would have been right."""
    what_zh, what_en, do_zh, do_en = SAYINGS[code]
    return RowError(
        row=row,
        column=column,
        value=value[:80],
        code=code,
        what_zh=what_zh.replace("{}", fact[0]),
        what_en=what_en.replace("{}", fact[1]),
        expected_zh=expected[0],
        expected_en=expected[1],
        do_zh=do_zh,
        do_en=do_en,
    )
