"""Who may do what, and of which devices: two tables and the two questions that everybody asks. Pure.

    who.may("act")                     the role says it
    who.scope.holds(group, customer)   the scope says it

A role is a set of rights; a scope is what they reach. A person without a scope reaches nothing: everything has to be
said, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Right = Literal["see", "act", "round", "command", "stock", "overrule", "configure", "place", "tell", "system", "people"]
Role = Literal["viewer", "engineer", "storekeeper", "dispatcher", "manager", "administrator"]

RIGHTS: Mapping[Right, tuple[str, str]] = {
    "see": ("查看设备、工单与巡检记录", "see devices, tickets and rounds"),
    "act": (
        "接单、备注、修复，提出检修、剔除与更正",
        "acknowledge, note and resolve tickets; propose maintenance, exclusions and corrections",
    ),
    "round": ("发起巡检", "start rounds"),
    "command": (
        "向采集端下达命令：自检、查看日志，经客户同意后重启",
        "command agents: diagnose, show logs, and restart with the customer's consent",
    ),
    "stock": ("管理备件库与备机", "keep the spare stock and loan units"),
    "overrule": (
        "特批：越过更换规则，审核、作废工单",
        "overrule the replacement rules, with a reason; review and void tickets",
    ),
    "configure": ("向采集端下发配置", "push configurations to agents"),
    "place": (
        "维护客户、站点与设备台账，处理待认领设备，审批检修、剔除与更正",
        "keep the register of customers, sites and devices; settle the inbox; approve maintenance and corrections",
    ),
    "tell": ("设置通知方式", "say who is told, and how"),
    "system": (
        "查看系统健康、隔离区与操作日志，调整故障规则",
        "see the system's health, the quarantine and the audit log; override the fault rules",
    ),
    "people": ("管理用户、令牌与采集端凭证", "keep users, tokens and the credentials of agents"),
}
ROLES: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({"see"}),
    "engineer": frozenset({"see", "act", "round"}),
    "storekeeper": frozenset({"see", "stock"}),
    "dispatcher": frozenset({"see", "act", "round", "command", "place", "tell"}),
    "manager": frozenset({"see", "act", "round", "command", "stock", "overrule", "place", "tell"}),
    "administrator": frozenset(get_args(Right)),
}
ROLE_NAMES: Mapping[Role, tuple[str, str]] = {
    "viewer": ("查看者", "viewer"),
    "engineer": ("工程师", "engineer"),
    "storekeeper": ("库管员", "storekeeper"),
    "dispatcher": ("调度员", "dispatcher"),
    "manager": ("售后经理", "service manager"),
    "administrator": ("管理员", "administrator"),
}
OVER_ALL: frozenset[Right] = frozenset({"tell", "system", "people"})
"""Rights that reach beyond any scope: only somebody whose scope is everything can use them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Which devices somebody reaches: all, or those of these groups and those that stand at these customers' sites."""

    everything: bool = False
    groups: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()

    def holds(self, group: str | None, customer: str | None) -> bool:
        """Whether something of this group, or of this customer, is reached."""
        return self.everything or group in self.groups or customer in self.customers


EVERYTHING = Scope(everything=True)
NOTHING = Scope()


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """Somebody who came in: a person with a session, or a program with a token.

    `id` is what stands in logs and on tickets: the login name, or `token:` and the token's name.
    """

    id: str
    name: str
    role: Role
    scope: Scope
    is_program: bool = False
    session: str = ""
    """The hash of the session it came with; empty for a program."""

    def may(self, right: Right) -> bool:
        """Whether the role gives the right, and the scope is wide enough for it."""
        return right in ROLES[self.role] and (right not in OVER_ALL or self.scope.everything)
