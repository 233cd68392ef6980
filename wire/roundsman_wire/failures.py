"""Why a value is missing, in words for people: the closed vocabulary of ``failed`` codes, and what a label is.

It stands apart from the catalogue of readings because the agent needs no more than this: the whole catalogue is 2 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["FAILURES", "Label", "Language"]

Language = Literal["zh", "en"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """One thing in both languages; ``{instance}`` stands where the instance is to be read."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


FAILURES: Mapping[str, Label] = MappingProxyType(
    {
        "timeout": Label(zh="设备无应答", en="the device did not answer in time"),
        "refused": Label(zh="连接被拒绝", en="the device refused the connection"),
        "no_host": Label(zh="地址无法解析", en="the address could not be resolved"),
        "no_route": Label(zh="网络不可达", en="there is no road to the device"),
        "no_port": Label(zh="串口不存在或已拔出", en="the port does not exist or was unplugged"),
        "busy_port": Label(zh="串口被其他程序占用", en="another program holds the port"),
        "busy": Label(zh="设备繁忙", en="the device has no room for us just now"),
        "permission": Label(zh="没有权限", en="the agent may not do this"),
        "bad_answer": Label(zh="应答内容无法识别", en="the device answered something that makes no sense"),
        "not_supported": Label(zh="设备不支持", en="the device does not support this"),
        "absent": Label(zh="设备没有此项测量值", en="the device says that it has no such measurement"),
        "implausible": Label(zh="数值不合理", en="the number cannot be true"),
        "bad_credentials": Label(zh="用户名或口令错误", en="the device does not accept the credentials"),
        "bad_setting": Label(zh="配置有误", en="a setting of the probe cannot be used"),
        "hung": Label(zh="探测超时未返回", en="the probe did not come back within its deadline"),
        "crashed": Label(zh="探测程序出错", en="the probe itself broke"),
    }
)
"""Why a value is missing: the closed vocabulary of ``failed`` codes."""
