"""统计报告 of a contract or a customer: exactly the five sections of the regulation (S4-34 to S4-39). Pure.

    一 整体运行情况   二 故障分类统计   三 处理办法及降低故障率的改进措施   四 客户整体评价   五 下季度工作计划和建议

    build(StatisticsInputs(head=..., running=Running(...), faults=Faults(...), opinion=Opinion(...), ahead=Ahead(...)))

Figures are those of the API for the same window; what follows from them is said in sentences with the same figures in
them. Whoever writes the report may add their own words to sections three and five.
"""

from collections.abc import Sequence
from fractions import Fraction

from roundsman_collector.core.kept import figure
from roundsman_collector.core.reckoning import Reckoned
from roundsman_collector.reports.by_clock import by_clock
from roundsman_collector.reports.by_figure import by_figure
from roundsman_collector.reports.document import (
    At,
    Bar,
    Bars,
    Count,
    Day,
    Document,
    Facts,
    Field,
    Heading,
    Notes,
    Number,
    Part,
    Phrase,
    Share,
    Span,
    Table,
    Text,
    Value,
)
from roundsman_collector.reports.head import SIGNED, paper
from roundsman_collector.reports.statistics_inputs import Faults, Opinion, Ranked, Running, StatisticsInputs
from roundsman_collector.reports.words import OWED, yes_no
from roundsman_wire.catalogue import Label

TITLE = Label(zh="统计报告", en="Statistics report")
SECTIONS = (
    Label(zh="一、整体运行情况", en="1. How everything ran"),
    Label(zh="二、故障分类统计", en="2. Faults by class"),
    Label(zh="三、处理办法及降低故障率的改进措施", en="3. What was done, and what would lower the rate"),
    Label(zh="四、客户整体评价", en="4. What the customer thinks"),
    Label(zh="五、下季度工作计划和建议", en="5. Plan and advice for the next quarter"),
)
DEVICES = Label(zh="台", en="devices")
TIMES = Label(zh="起", en="faults")
FREQUENT = Fraction(1, 5)
"""A class with so large a share of all faults is worth a measure of its own."""
NOTES = (
    Label(
        zh="可用率 = 正常 ÷（正常 + 故障），开机率 = 正常 ÷ 服务时间；未知时间既不算正常也不算故障，另列覆盖率。",
        en="Availability = up ÷ (up + down); power-on rate = up ÷ service time. Unknown time is neither; coverage "
        "tells how much was known.",
    ),
    OWED,
    Label(
        zh="故障按开始时间计入周期；作废、合并、转出、误报及检修、剔除期间的故障不计，另行单列。"
        "工单按受理时间计入周期。",
        en="A fault counts in the period in which it began. What was voided, merged, transferred, a false alarm or "
        "began while excluded is in no count and listed. A ticket counts in the period in which it was opened.",
    ),
)


def build(inputs: StatisticsInputs) -> Document:
    """The report on paper."""
    one, two, three, four, five = (Heading(label=label) for label in SECTIONS)
    return paper(
        inputs.head,
        form="statistics",
        title=TITLE,
        parts=(
            one,
            *_running(inputs.running),
            two,
            *_faults(inputs.faults),
            three,
            *_done(inputs),
            four,
            *_opinion(inputs.opinion),
            five,
            *_ahead(inputs),
            Notes(entries=NOTES),
            SIGNED,
        ),
    )


# --- one: how everything ran -----------------------------------------------------------------------------------------


def _running(told: Running) -> tuple[Part, ...]:
    whole = told.whole
    said: tuple[tuple[Label, Value], ...] = (
        (Label(zh="设备数", en="Devices"), Count(whole.devices)),
        (Label(zh="可用率", en="Availability"), Share(whole.figure.availability)),
        (Label(zh="数据覆盖率", en="Coverage"), Share(whole.figure.coverage)),
        (Label(zh="开机率", en="Power-on rate"), Share(whole.power_on.rate)),
        (Label(zh="合同口径可用率", en="As the contract counts"), Share(whole.owed.availability)),
        (Label(zh="承诺可用率", en="Promised"), None if told.target_percent is None else f"{told.target_percent}%"),
        (Label(zh="停机次数", en="Outages"), Count(whole.figure.outages)),
        (Label(zh="停机时长", en="Down"), Span(whole.figure.down_ms)),
        (Label(zh="未知时长", en="Unknown"), Span(whole.figure.unknown_ms)),
        (Label(zh="上期可用率", en="In the period before"), _availability(told.before)),
    )
    fields = tuple(Field(label=label, value=value) for label, value in said if value is not None)
    parts: list[Part] = [Facts(title=Label(zh="总体指标", en="Altogether"), fields=fields)]
    if len(told.months) > 1:
        parts.append(_table(Label(zh="逐月趋势", en="Month by month"), Label(zh="月份", en="Month"), told.months))
    sites = tuple((one.name, one.reckoned) for one in told.sites)
    parts.append(_table(Label(zh="各站点", en="By site"), Label(zh="站点", en="Site"), sites))
    worst = tuple(((one.name, one.id) if one.id != one.name.zh else one.name, one.reckoned) for one in told.worst)
    title = Label(zh="可用率最低的设备", en="The worst devices")
    parts.append(_table(title, Label(zh="设备", en="Device"), worst, counted=False))
    return tuple(parts)


def _availability(found: Reckoned | None) -> Share | None:
    return None if found is None else Share(found.figure.availability)


COUNTED = Label(zh="设备", en="Devices")
COLUMNS = (
    Label(zh="可用率", en="Availability"),
    Label(zh="数据覆盖率", en="Coverage"),
    Label(zh="开机率", en="Power-on rate"),
    Label(zh="停机次数", en="Outages"),
    Label(zh="停机时长", en="Down"),
)


def _table(title: Label, first: Label, rows: Sequence[tuple[Value, Reckoned]], *, counted: bool = True) -> Table:
    """`counted`: how many devices each row is about."""
    return Table(
        title=title,
        columns=(first, *((COUNTED,) if counted else ()), *COLUMNS),
        rows=tuple(
            (
                name,
                *((Count(found.devices),) if counted else ()),
                Share(found.figure.availability),
                Share(found.figure.coverage),
                Share(found.power_on.rate),
                Count(found.figure.outages),
                Span(found.figure.down_ms),
            )
            for name, found in rows
        ),
        none=Label(zh="本期无设备在役", en="no device was in service"),
        is_detail=True,
    )


# --- two: faults -----------------------------------------------------------------------------------------------------


def _faults(faults: Faults) -> tuple[Part, ...]:
    counted = Facts(
        title=Label(zh="故障总数", en="Faults"),
        fields=(
            Field(label=Label(zh="本期", en="This period"), value=Count(faults.count, TIMES)),
            Field(label=Label(zh="上期", en="The period before"), value=Count(faults.before, TIMES)),
        ),
    )
    bars = Bars(
        title=Label(zh="故障类别（帕累托）", en="Classes of faults (Pareto)"),
        rows=tuple(Bar(one.name, one.amount, Count(one.amount)) for one in faults.by_class),
        is_pareto=True,
    )
    left_out = Table(
        title=Label(zh="不计入的工单", en="In no count"),
        columns=(Label(zh="原因", en="Reason"), Label(zh="工单", en="Tickets")),
        rows=tuple((why, Count(number)) for why, number in faults.left_out),
        none=Label(zh="无", en="none"),
    )
    return (
        counted,
        *((bars,) if faults.by_class else ()),
        _ranked(Label(zh="按类别", en="By class"), Label(zh="类别", en="Class"), faults.by_class),
        _ranked(Label(zh="按部件", en="By component"), Label(zh="部件", en="Component"), faults.by_component),
        _ranked(Label(zh="按原因", en="By cause"), Label(zh="原因", en="Cause"), faults.by_cause),
        _ranked(Label(zh="按故障", en="By fault"), Label(zh="故障", en="Fault"), faults.by_fault),
        _ranked(Label(zh="按型号", en="By model"), Label(zh="型号", en="Model"), faults.by_model),
        left_out,
    )


AMOUNT = Label(zh="起数", en="Faults")


def _ranked(title: Label, first: Label, rows: Sequence[Ranked], amount: Label = AMOUNT) -> Table:
    return Table(
        title=title,
        columns=(first, amount, Label(zh="占比", en="Share"), Label(zh="累计", en="Running share")),
        rows=tuple((one.name, Count(one.amount), Share(one.share), Share(one.running)) for one in rows),
        none=Label(zh="本期无故障", en="no faults in this period"),
    )


# --- three: what was done, and what would help -----------------------------------------------------------------------


def _done(inputs: StatisticsInputs) -> tuple[Part, ...]:
    faults = inputs.faults
    pieces = Label(zh="件数", en="Pieces")
    parts = _ranked(Label(zh="更换的备件", en="Parts used"), Label(zh="备件", en="Part"), faults.parts, pieces)
    return (
        _ranked(Label(zh="处理办法", en="What was done"), Label(zh="办法", en="How"), faults.done),
        parts if faults.parts else Text(title=parts.title, paragraphs=(Label(zh="未更换备件", en="no part was used"),)),
        _warned(faults),
        by_figure(inputs.opinion.counts),
        by_clock(inputs.opinion.clocks),
        Text(title=Label(zh="改进措施", en="What would lower the rate"), paragraphs=_measures(inputs)),
    )


def _warned(faults: Faults) -> Table:
    return Table(
        title=Label(zh="连续问题预警", en="What came again and again"),
        columns=(
            Label(zh="故障", en="Fault"),
            Label(zh="对象", en="Where"),
            Label(zh="级别", en="Level"),
            Label(zh="起数", en="Faults"),
            Label(zh="根本原因", en="At its root"),
        ),
        rows=tuple((one.what, one.where, one.level, Count(one.faults), one.root) for one in faults.warned),
        none=Label(zh="本期无预警", en="no warning in this period"),
        is_detail=True,
    )


def _measures(inputs: StatisticsInputs) -> tuple[Value, ...]:
    """What its author wrote, then what follows from the figures."""
    said: list[Value] = [*inputs.measures]
    said += [
        Phrase(
            Label(
                zh="{0}类故障 {1}，占 {2}：建议列为重点，逐起分析原因，更换老化部件并在下次巡检中专项检查。",
                en="{0}: {1}, {2} of all. Look into each of them, exchange what is worn, check it on the next round.",
            ),
            (*_pieces(one.name), Count(one.amount, TIMES), Share(one.share)),
        )
        for one in inputs.faults.by_class
        if one.share >= FREQUENT
    ]
    said += [
        Phrase(
            Label(
                zh="{0}（{1}）连续出现 {2}：查明根本原因，消除后复查。",
                en="{0} ({1}), {2} one after the other: find what is at the root, and look again once it is gone.",
            ),
            (one.what, one.where, Count(one.faults, TIMES)),
        )
        for one in inputs.faults.warned
    ]
    again = figure("second_repairs", inputs.opinion.counts)
    if again.count:
        said.append(
            Phrase(
                Label(
                    zh="二次返修 {0}，占现场修复的 {1}：修复后须经监控读数验证再离场。",
                    en="{0} mended again, {1} of what was mended on site: wait for the readings before leaving.",
                ),
                (Count(again.count), Share(again.share)),
            )
        )
    if inputs.ahead.foretold:
        said.append(
            Phrase(
                Label(
                    zh="预计 {0} 个部件将在下期前后超限：在故障之前更换（见第五部分）。",
                    en="{0} components are to cross their limits soon: exchange them before they fail (section five).",
                ),
                (Count(len(inputs.ahead.foretold)),),
            )
        )
    return tuple(said) or (Label(zh="本期数据未提示专项改进措施。", en="The figures suggest no measure of their own."),)


def _pieces(name: Value) -> tuple[Label | str, ...]:
    return (name,) if isinstance(name, Label | str) else ("",)


# --- four: what the customer thinks ----------------------------------------------------------------------------------


def _opinion(told: Opinion) -> tuple[Part, ...]:
    satisfaction, followed = figure("satisfaction", told.counts), figure("follow_ups", told.counts)
    mean = told.ratings.mean
    due, in_time = told.called
    called = Share(Fraction(in_time, due)) if due else None
    said = (
        (Label(zh="客户满意率", en="Customers satisfied"), Share(satisfaction.share)),
        (Label(zh="表示满意", en="Satisfied"), Count(satisfaction.count)),
        (Label(zh="已表态", en="Said whether"), Count(satisfaction.of)),
        (Label(zh="回访率", en="Follow-ups done"), Share(followed.share)),
        (Label(zh="已回访", en="Followed up"), Count(followed.count)),
        (Label(zh="应回访", en="To be followed up"), Count(followed.of)),
        (Label(zh="计划回访按期完成率", en="Planned follow-ups done in time"), called),
        (Label(zh="计划回访应完成", en="Planned follow-ups due"), Count(told.called.due) if told.called.due else None),
        (Label(zh="评分人数", en="Marks given"), Count(told.ratings.given)),
        (Label(zh="平均评分（1–5）", en="Mean mark (1-5)"), None if mean is None else Number(float(mean), digits=2)),
    )
    return (
        Facts(
            title=Label(zh="满意度与回访", en="Satisfaction and follow-ups"),
            fields=tuple(Field(label=label, value=value) for label, value in said if value is not None),
        ),
        Bars(
            title=Label(zh="评分分布", en="Marks"),
            rows=tuple(Bar("★" * mark, number, Count(number)) for mark, number in told.ratings.counts.items()),
        ),
        Table(
            title=Label(zh="客户意见", en="In their words"),
            columns=(
                Label(zh="工单号", en="Ticket"),
                Label(zh="时间", en="When"),
                Label(zh="是否满意", en="Satisfied"),
                Label(zh="评分", en="Mark"),
                Label(zh="意见", en="Words"),
            ),
            rows=tuple(
                (
                    one.number,
                    At(one.at_ms),
                    yes_no(one.satisfied),
                    None if one.rating is None else Count(one.rating),
                    one.words,
                )
                for one in told.said
            ),
            none=Label(zh="本期客户未留意见", en="nobody said anything"),
            is_detail=True,
        ),
    )


# --- five: what is ahead ---------------------------------------------------------------------------------------------


def _ahead(inputs: StatisticsInputs) -> tuple[Part, ...]:
    ahead = inputs.ahead
    tasks = Table(
        title=Label(zh=f"巡检与服务计划（{ahead.period.zh}）", en=f"Planned for {ahead.period.en}"),
        columns=(
            Label(zh="任务", en="Task"),
            Label(zh="站点", en="Site"),
            Label(zh="开始", en="Opens"),
            Label(zh="最迟", en="Due"),
        ),
        rows=tuple((one.what, one.site, Day(one.opens), Day(one.due)) for one in ahead.tasks),
        none=Label(zh="尚无计划", en="nothing is planned yet"),
        is_detail=True,
    )
    worn = Table(
        title=Label(zh="预计老化、需提前更换的部件", en="What is to wear out"),
        columns=(
            Label(zh="编号", en="Id"),
            Label(zh="设备", en="Device"),
            Label(zh="趋势", en="What"),
            Label(zh="备件", en="Take along"),
            Label(zh="预计超限", en="About"),
        ),
        rows=tuple((one.device, one.name, one.what, one.part, Day(one.likely)) for one in ahead.foretold),
        none=Label(zh="暂无预警", en="nothing is foretold"),
        is_detail=True,
    )
    ends = Table(
        title=Label(zh="到期事项", en="What ends"),
        columns=(Label(zh="事项", en="What"), Label(zh="日期", en="Day")),
        rows=tuple((what, Day(day)) for what, day in ahead.ends),
        none=Label(zh="下期无到期事项", en="nothing ends in that time"),
    )
    return (
        tasks,
        worn,
        ends,
        Text(title=Label(zh="建议", en="Advice"), paragraphs=_advice(inputs)),
    )


def _advice(inputs: StatisticsInputs) -> tuple[Value, ...]:
    """What its author wrote, then what follows from the figures."""
    said: list[Value] = [*inputs.advice]
    if inputs.running.below:
        said.append(
            Phrase(
                Label(
                    zh="{0}设备的可用率低于承诺：建议优先现场检修，必要时更换设备。",
                    en="{0} with less than was promised: go there first, and exchange them where it does not help.",
                ),
                (Count(inputs.running.below, DEVICES),),
            )
        )
    if inputs.ahead.foretold:
        said.append(Label(zh="按上表准备备件，随下次巡检更换。", en="Take the parts above along on the next visit."))
    return tuple(said) or (Label(zh="按计划巡检，无特别建议。", en="Go on as planned."),)
