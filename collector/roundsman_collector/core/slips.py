"""Slips (服务单据): forms of a service that no ticket tells of, from an installation to a training. Pure.

    KINDS                          the table: what each kind asks for, and who signs it
    standing_of(log) -> Standing   what a slip says and who has signed, from its log
    missing(kind, standing)        what it lacks before anybody may sign (不得遗漏)
    refusal(kind, standing, wish)  why a line may not be written now, or None

    open  --every side has signed-->  signed        (void, with a reason: its number stays)

Every deed is a line of a log that only grows: `write` (what changed), `photo`, `sign`, `void`. A signature stands under
what was written before it: who writes afterwards needs it again. What all sides signed is not written to any more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from roundsman_collector.core.lifecycle import Refusal
from roundsman_wire.catalogue import Label

State = Literal["open", "signed", "void"]
Verb = Literal["write", "photo", "sign", "void"]

STATES: Mapping[State, tuple[str, str]] = {
    "open": ("待签字", "to be signed"),
    "signed": ("已签字", "signed"),
    "void": ("已作废", "void"),
}
SIDES: Mapping[str, Label] = {
    "service": Label(zh="服务人员（签字）", en="For the service"),
    "customer": Label(zh="客户（签字）", en="For the customer"),
    "manager": Label(zh="实施管理部经理（签字）", en="Manager of the installation"),
}
BOTH = ("service", "customer")
WORDS_LIMIT = 2000
NAME_LIMIT = 120
VEHICLE = "vehicle"


class Entry(NamedTuple):
    """A line of a form. `lines` above 1: a paragraph. `is_secret`: only those who act on tickets read all of it.

    `only`: needed of devices of this kind alone, if named.
    """

    name: str
    label: Label
    is_needed: bool = True
    lines: int = 1
    is_secret: bool = False
    choices: tuple[tuple[str, Label], ...] = ()
    only: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlipKind:
    """A kind of slip. `about`: what it has to be about. `sides`: who signs; nobody: it is over when it is written."""

    id: str
    title: Label
    entries: tuple[Entry, ...]
    sides: tuple[str, ...] = BOTH
    about: Literal["device", "site", "anything"] = "site"
    needs_photo: bool = False


DONE = (("yes", Label(zh="合格", en="passed")), ("no", Label(zh="不合格", en="not passed")))
CONTENT = Entry("content", Label(zh="服务内容", en="What was done"), lines=4)
RESULT = Entry("result", Label(zh="结果", en="Result"), lines=2)
SAID = Entry("customer_says", Label(zh="客户意见", en="The customer says"), False, 3)
PLATE = Entry("plate", Label(zh="车牌号及颜色", en="Number plate and colour"), only=VEHICLE)
SERIAL = Entry("serial", Label(zh="终端编号 / IMEI", en="Serial number or IMEI"))

KINDS: Mapping[str, SlipKind] = {
    one.id: one
    for one in (
        SlipKind(
            id="installation",
            title=Label(zh="安装登记表", en="Record of an installation"),
            about="device",
            needs_photo=True,
            entries=(
                PLATE,
                Entry("vin", Label(zh="车架号（VIN）", en="VIN"), only=VEHICLE),
                Entry("model", Label(zh="设备型号", en="Model")),
                SERIAL,
                Entry("sim", Label(zh="SIM 卡号", en="SIM card"), is_secret=True, only=VEHICLE),
                Entry("position", Label(zh="安装位置", en="Where it is fitted")),
                Entry("antenna", Label(zh="天线位置", en="Where the antenna is"), only=VEHICLE),
                Entry("contact", Label(zh="客户联系人", en="Who was there")),
                Entry("phone", Label(zh="联系电话", en="Telephone"), is_secret=True),
                Entry("satellites", Label(zh="参与定位卫星（北斗 / GPS）", en="Satellites in use"), only=VEHICLE),
                Entry("tests", Label(zh="安装检测", en="Tests"), choices=DONE),
                Entry("remarks", Label(zh="备注", en="Remarks"), False, 2),
            ),
        ),
        SlipKind(
            id="acceptance",
            title=Label(zh="车辆安装验收单", en="Acceptance of an installation"),
            about="device",
            sides=("customer", "manager"),
            entries=(
                PLATE,
                SERIAL,
                Entry("wiring", Label(zh="走线与固定", en="Wiring and fixing"), choices=DONE),
                Entry("position_fix", Label(zh="定位", en="Position"), choices=DONE),
                Entry("online", Label(zh="上线", en="On line"), choices=DONE),
                Entry("remarks", Label(zh="备注", en="Remarks"), False, 2),
            ),
        ),
        SlipKind(
            id="maintenance",
            title=Label(zh="维护保养单", en="Maintenance"),
            entries=(CONTENT, Entry("parts", Label(zh="更换配件", en="Parts replaced"), False, 2), RESULT, SAID),
        ),
        SlipKind(
            id="upgrade",
            title=Label(zh="软件升级单", en="Software upgrade"),
            entries=(
                Entry("before", Label(zh="升级前版本", en="Version before")),
                Entry("after", Label(zh="升级后版本", en="Version after")),
                CONTENT,
                RESULT,
                SAID,
            ),
        ),
        SlipKind(
            id="training",
            title=Label(zh="培训记录", en="Training"),
            entries=(
                Entry("topic", Label(zh="培训内容", en="About what"), lines=3),
                Entry("trainees", Label(zh="参加人员", en="Who took part"), lines=2),
                Entry("hours", Label(zh="课时", en="Hours")),
                RESULT,
                SAID,
            ),
        ),
        SlipKind(
            id="trip",
            title=Label(zh="售后信息反馈意见表", en="Feedback after a business trip"),
            entries=(
                Entry("days", Label(zh="出差天数", en="Days away")),
                CONTENT,
                Entry("found", Label(zh="发现的问题", en="What was found"), lines=3),
                Entry("advice", Label(zh="改进建议", en="Advice"), False, 3),
                SAID._replace(is_needed=True),
            ),
        ),
        SlipKind(
            id="opinion",
            title=Label(zh="客户产品质量处理意见表", en="The customer's opinion of a matter of quality"),
            entries=(
                Entry("product", Label(zh="产品", en="Product")),
                Entry("matter", Label(zh="质量问题", en="What is the matter"), lines=3),
                Entry("handling", Label(zh="处理办法", en="How it was settled"), lines=3),
                SAID._replace(is_needed=True),
            ),
        ),
        SlipKind(
            id="inquiry",
            title=Label(zh="咨询记录", en="Inquiry"),
            about="anything",
            sides=(),
            entries=(
                Entry("name", Label(zh="咨询人", en="Who asked")),
                Entry("phone", Label(zh="联系电话", en="Telephone"), False, is_secret=True),
                Entry("question", Label(zh="咨询内容", en="About what"), lines=3),
                Entry("answer", Label(zh="答复", en="Answer"), lines=3),
            ),
        ),
    )
}


class Line(NamedTuple):
    """A line of a slip's log. `side`, `words`: whose signature, by which name; why it is void. `file`: the picture."""

    id: int
    at_ms: int
    who: str
    verb: str
    side: str = ""
    words: str = ""
    file: int | None = None
    data: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a slip says. `signed`: the signatures that stand. `version`: the id of its last line."""

    values: Mapping[str, str] = field(default_factory=dict)
    signed: Mapping[str, Line] = field(default_factory=dict)
    photos: tuple[int, ...] = ()
    void: str = ""
    version: int = 0

    def state(self, kind: SlipKind) -> State:
        """How far it has come."""
        if self.void:
            return "void"
        return "signed" if self.version and all(side in self.signed for side in kind.sides) else "open"


class Wish(NamedTuple):
    """A line that somebody wants to write. `version`: what they saw; `may_overrule`: whether they are a manager."""

    verb: Verb
    side: str = ""
    words: str = ""
    data: Mapping[str, str] = {}
    file: int | None = None
    version: int | None = None
    may_overrule: bool = False


def standing_of(log: Iterable[Line]) -> Standing:
    """What a slip says after its log, which is in the order of its ids."""
    standing = Standing()
    for line in log:
        standing = replace(standing, version=line.id)
        match line.verb:
            case "write":
                values = {**standing.values, **line.data}
                standing = replace(standing, values={name: said for name, said in values.items() if said}, signed={})
            case "photo" if line.file is not None:
                standing = replace(standing, photos=(*standing.photos, line.file), signed={})
            case "sign":
                standing = replace(standing, signed={**standing.signed, line.side: line})
            case "void":
                standing = replace(standing, void=line.words)
    return standing


def missing(kind: SlipKind, standing: Standing, device_kind: str = "") -> tuple[Label, ...]:
    """What the form asks for and nobody has said, in its order; a photo last."""
    found = [
        one.label
        for one in kind.entries
        if one.is_needed and (not one.only or one.only == device_kind) and not standing.values.get(one.name, "").strip()
    ]
    return (*found, PHOTO) if kind.needs_photo and not standing.photos else tuple(found)


PHOTO = Label(zh="照片", en="a photo")


def refusal(kind: SlipKind, standing: Standing, wish: Wish, device_kind: str = "") -> Refusal | None:
    """Why a line may not be written now, or None."""
    state = standing.state(kind)
    if state == "void":
        return Refusal("void", "单据已作废", "it is void: write another one")
    if wish.verb == "void":
        return _may_void(state == "signed" and bool(kind.sides), wish)
    if state == "signed" and kind.sides:
        return Refusal("signed", "双方已签字，不能再改", "it was signed by all: void it, and write another one")
    if wish.version is not None and wish.version != standing.version:
        return Refusal("changed", "单据已有变动，请刷新后再试", "it was written to since: look at it again")
    if wish.verb == "write":
        return _is_said(kind, wish) or _is_whole(kind, standing, wish, device_kind)
    if wish.verb == "sign":
        return _may_sign(kind, standing, wish, device_kind)
    return None


def _may_void(is_signed: bool, wish: Wish) -> Refusal | None:
    if not wish.words.strip():
        return Refusal("no_words", "请写明原因", "say why")
    if is_signed and not wish.may_overrule:
        return Refusal("not_yours", "已签字的单据须由售后经理作废", "a signed one is for a manager to void")
    return None


def _is_said(kind: SlipKind, wish: Wish) -> Refusal | None:
    entries = {one.name: one for one in kind.entries}
    for name, said in wish.data.items():
        entry = entries.get(name)
        if entry is None:
            return Refusal("no_entry", f"单据没有此项：{name[:40]}", f"it has no entry {name[:40]!r}")
        if len(said) > WORDS_LIMIT:
            return Refusal("too_long", f"{entry.label.zh}过长", f"{entry.label.en}: at most {WORDS_LIMIT} characters")
        if said and entry.choices and said not in dict(entry.choices):
            known = ", ".join(word for word, _ in entry.choices)
            return Refusal("choice", f"{entry.label.zh}：请选择", f"{entry.label.en}: one of {known}")
    return None


def _is_whole(kind: SlipKind, standing: Standing, wish: Wish, device_kind: str) -> Refusal | None:
    """What nobody signs has to be whole when it is written."""
    if kind.sides:
        return None
    return _lacks(kind, replace(standing, values={**standing.values, **wish.data}), device_kind)


def _lacks(kind: SlipKind, standing: Standing, device_kind: str) -> Refusal | None:
    lacking = missing(kind, standing, device_kind)
    if not lacking:
        return None
    zh, en = "、".join(one.zh for one in lacking), ", ".join(one.en for one in lacking)
    return Refusal("incomplete", f"未填写：{zh}", f"it lacks {en}")


def _may_sign(kind: SlipKind, standing: Standing, wish: Wish, device_kind: str) -> Refusal | None:
    if wish.side not in kind.sides:
        return Refusal("no_side", "此单据无需该方签字", f"signed by {' and '.join(kind.sides) or 'nobody'}")
    lacking = _lacks(kind, standing, device_kind)
    if lacking is not None:
        return lacking
    if not wish.words.strip() or wish.file is None:
        return Refusal("no_name", "请签字并写明签字人", "a name and a signature")
    return None
