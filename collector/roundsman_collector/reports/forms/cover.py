"""设备巡检报告 cover: whose site was inspected, when, with which result; it lies before the report and is signed."""

from collections.abc import Mapping
from typing import Any

from roundsman_collector.reports.document import At, Document, Facts, Field, Signature, Signatures, Table
from roundsman_wire.catalogue import Label

TITLE = Label(zh="设备巡检报告", en="Equipment inspection report")
VERDICTS: Mapping[str, Label] = {
    "pass": Label(zh="合格", en="pass"),
    "attention": Label(zh="关注", en="attention"),
    "fail": Label(zh="不合格", en="fail"),
    "unseen": Label(zh="未检", en="not seen"),
}


def build(document: Mapping[str, Any], time_zone: str) -> Document:
    """The cover of a round's document (core/inspection.py), as it was frozen."""
    about, verdicts = document["round"], document["verdicts"]
    return Document(
        form="cover",
        number=about["number"],
        title=TITLE,
        time_zone=about["time_zone"] or time_zone,
        known_ms=about["known_ms"],
        parts=(
            Facts(
                fields=(
                    Field(label=Label(zh="客户名称", en="Customer"), value=_both(about["customer"]), is_wide=True),
                    Field(label=Label(zh="巡检对象", en="Inspected"), value=_both(about["name"]), is_wide=True),
                    Field(label=Label(zh="地址", en="Address"), value=about["address"], is_wide=True),
                    Field(label=Label(zh="合同", en="Contract"), value=about["contract"]),
                    Field(label=Label(zh="负责工程师", en="Engineer"), value=about["engineer"]),
                    Field(label=Label(zh="巡检时间", en="Inspected at"), value=At(about["asked_ms"])),
                    Field(label=Label(zh="发起人", en="Started by"), value=about["asked_by"]),
                    Field(
                        label=Label(zh="报告期间", en="Period reported on"),
                        value=(At(about["from_ms"]), Label(zh="至", en="to"), At(about["to_ms"])),
                        is_wide=True,
                    ),
                )
            ),
            Table(
                title=Label(zh="结论", en="Result"),
                columns=(Label(zh="结论", en="Verdict"), Label(zh="设备数", en="Devices")),
                rows=(
                    *((VERDICTS[name], str(verdicts.get(name, 0))) for name in VERDICTS),
                    (Label(zh="合计", en="in all"), str(sum(verdicts.values()))),
                ),
                widths=(60, 40),
            ),
            Facts(fields=(Field(label=Label(zh="巡检意见", en="Remarks"), lines=8),)),
            Signatures(
                signers=(
                    Signature(label=Label(zh="巡检工程师（签字）", en="Inspection engineer")),
                    Signature(label=Label(zh="客户负责人（签字）", en="For the customer")),
                )
            ),
        ),
        note=Label(
            zh="本页为封面，逐台设备的读数、判定与故障见所附报告；报告内容固定，SHA-256 存于系统。",
            en="This is the cover; readings, verdicts and faults of each device are in the report behind it, which is "
            "kept as it is with its SHA-256.",
        ),
    )


def _both(names: Mapping[str, str] | None) -> Label | None:
    return None if names is None else Label(zh=names["zh"], en=names["en"])
