"""Text from a device's log without what must not leave the device: people's numbers, plates, secrets. Pure.

    masked("tel=13812345678 pwd=x1", known=("x1",))  -> "tel=*********** pwd=***"

Eleven digits or more in a row are somebody's number (telephone, ICCID, IMSI, identity card, bank card, terminal number)
unless they are a time: milliseconds since 1970 or a date written in digits. What is masked wrongly costs a look at the
machine; what is let through cannot be taken back.
"""

import re
from collections.abc import Iterable
from typing import Final

_LONG: Final = re.compile(r"(?<!\d)\d{11,}[Xx]?(?![0-9])")
_SPLIT_PHONE: Final = re.compile(r"(?<!\d)1[3-9]\d[- ]\d{4}[- ]\d{4}(?!\d)")
_PLATE: Final = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Z][·.\- ]?"
    r"[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳]"
)
_SECRET: Final = re.compile(
    r"""(?ix) ( (?: passw(?:or)?d | passwd | pwd | passphrase | secret | token | api[_-]?key | access[_-]?key
        | community | cookie | credential | 密码 | 口令 | 密钥 ) [\w.-]{0,40} ["']?
        \s{0,4} (?: [:=：]{1,2} | \sis\s ) \s{0,4} )
        ( "[^"\n]* (?:"|$) | '[^'\n]* (?:'|$) | [^\s,;&"']+ )"""
)
_AUTHORIZATION: Final = re.compile(r"(?i)(\bauthorization[\"']?\s{0,4}[:=]\s{0,4})[^\n]+")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s{1,4}[A-Za-z0-9._~+/=-]{8,}")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^\s/@:]{0,200}:[^\s/@]{1,200}@")
_JWT: Final = re.compile(r"\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*")
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.S
)
_DATE: Final = re.compile(r"20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d([0-5]\d(\d{3}|\d{6})?)?\Z")
_MILLISECONDS: Final = re.compile(r"1[5-9]\d{11}\Z")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
STARS: Final = "***"


def masked(text: str, known: Iterable[str] = ()) -> str:
    """The text without secrets and personal numbers; `known` are secrets of the agent's own."""
    text = _UNPRINTABLE.sub("?", text)
    for secret in sorted((one for one in known if len(one) >= 4), key=len, reverse=True):
        text = text.replace(secret, STARS)
    text = _PEM.sub("(private key)", text)
    text = _AUTHORIZATION.sub(r"\1" + STARS, text)
    text = _BEARER.sub(r"\1 " + STARS, text)
    text = _URL.sub(r"\1" + STARS + "@", text)
    text = _JWT.sub(STARS, text)
    text = _SECRET.sub(r"\1" + STARS, text)
    text = _SPLIT_PHONE.sub(_stars, text)
    text = _LONG.sub(lambda found: found[0] if _is_time(found[0]) else _stars(found), text)
    return _PLATE.sub(_stars, text)


def _stars(found: re.Match[str]) -> str:
    return "*" * min(len(found[0]), 20)


def _is_time(digits: str) -> bool:
    return bool(_MILLISECONDS.match(digits) or _DATE.match(digits))
