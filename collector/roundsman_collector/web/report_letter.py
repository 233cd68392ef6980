"""The letter that a report goes by: what it is, its files, and the link by which the customer confirms it.

    letter(row, title, files, link, saying, to=..., sender=..., now_ms=...) -> EmailMessage

One recipient each. The Message-ID is the same however often it is sent.
"""

from collections.abc import Mapping
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from roundsman_collector.notify.mail import DISPLAY_NAME
from roundsman_collector.store.issued import MEDIA, Form, ReportRow
from roundsman_collector.web.saying import EPOCH, Saying
from roundsman_wire.catalogue import Label

LARGEST = 10_000_000
"""Bytes of a file that still goes along."""
SENT: tuple[Form, ...] = ("pdf", "xlsx", "page")
ENDINGS: Mapping[Form, str] = {"page": "html", "pdf": "pdf", "xlsx": "xlsx"}


def letter(
    row: ReportRow,
    title: Label,
    files: Mapping[Form, bytes],
    link: str,
    saying: Saying,
    *,
    to: str,
    sender: str,
    now_ms: int,
    serial: int,
) -> EmailMessage:
    """The letter, whole and ready to be sent. `link` empty: there is none, the paper is signed and sent back."""
    zh = saying.language == "zh"
    message = EmailMessage(policy=SMTP)
    message["Subject"] = saying(
        "%(title)s %(number)s, revision %(revision)s",
        title=title.of(saying.language),
        number=row.number,
        revision=row.revision,
    )
    message["From"] = Address(DISPLAY_NAME, addr_spec=sender)
    message["To"] = Address(addr_spec=to)
    message["Date"] = format_datetime(EPOCH + timedelta(milliseconds=now_ms))
    message["Message-ID"] = f"<report-{row.id}-{serial}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(row, link, saying), cte="base64")
    for form in SENT:
        content = files.get(form)
        if content is not None and len(content) <= LARGEST and (form != "page" or "pdf" not in files):
            kind, _, subtype = MEDIA[form].partition("/")
            name = f"{row.number}-{row.revision}.{ENDINGS[form]}"
            message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    message["Content-Language"] = "zh-CN" if zh else "en"
    return message


def _text(row: ReportRow, link: str, saying: Saying) -> str:
    paragraphs = [saying("The report %(number)s has been issued.", number=row.number)]
    if row.revision > 1:
        paragraphs.append(
            saying(
                "This is revision %(revision)s: what became known since changed some of its numbers. Its last pages "
                "say which, what they were and what they are.",
                revision=row.revision,
            )
        )
    if link:
        paragraphs.append(saying("Look at it and confirm it here; the link works once and is for you alone:"))
        paragraphs.append(link)
    else:
        paragraphs.append(saying("Please sign the enclosed report and send it back."))
    return "\n\n".join(paragraphs) + "\n"
