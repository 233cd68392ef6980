"""What the demo says, in both languages: `text("paper_out", lang)` · `miss(found, lang)` · `language(environ)`.

LINES tells what happens, MISSES what did not. {…} are filled in; times are told in local time with its zone.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from roundsman_collector.demo.checks import Miss
from roundsman_wire.catalogue import Label, Language

LINES: Final[Mapping[str, Label]] = {
    # --- first lines
    "title": Label(zh="Roundsman 巡检员：演示", en="Roundsman: the demo"),
    "pace": Label(
        zh="演示节奏：每 1–5 秒采集一次，异常持续 {for_s:g} 秒即确认为故障，{arrive_by_s:g} 秒收不到数据即判失联"
        "（演示专用策略 rules/demo.yaml）。正式环境每分钟采集一次，确认以分钟计。",
        en="The demo's pace: polls every 1 to 5 s, a fault counts after {for_s:g} s, silence after {arrive_by_s:g} s "
        "(its own short policy, rules/demo.yaml). A real site polls once a minute and waits for minutes.",
    ),
    "real": Label(
        zh="真实：本机读数（this-machine，其余采集端的主机读数也来自本机）；"
        "采集端、MQTT 服务、数据库、接口均为正式程序。",
        en="Real: the readings of this machine (this-machine, and the host readings of the other agents); "
        "agent, MQTT broker, database and API are the real programs.",
    ),
    "recorded": Label(
        zh="录制：nvr-2（海康录像机）与 ups-2（山特 UPS）由第三方模拟器 snmpsim 回放真实设备的 SNMP 应答。",
        en="Recorded: nvr-2 (a Hikvision recorder) and ups-2 (a Santak UPS) are SNMP answers of real devices, "
        "replayed by the third-party simulator snmpsim.",
    ),
    "made_up": Label(
        zh="仿真：kiosk-7 的小票打印机按 ESC/POS 手册应答；bus-31 的行驶轨迹由程序生成，并非实测。",
        en="Made up: the receipt printer of kiosk-7 answers as ESC/POS manuals say; the track of bus-31 is generated, "
        "no bus drives it.",
    ),
    "folder": Label(zh="数据目录：{folder}", en="Data folder: {folder}"),
    "again": Label(
        zh="沿用上次的数据；中间无人值守的时间记为未知。--fresh 可从头开始。",
        en="Going on with the data of the last time; the time between is unknown. --fresh starts anew.",
    ),
    "first_login": Label(
        zh="网页：打开这个一次性链接，设置密码后进入：{url}",
        en="The pages; this link lets you in once, to choose a password: {url}",
    ),
    "page": Label(zh="网页：{url}", en="The pages: {url}"),
    # --- setting up
    "starting": Label(zh="启动平台、设备与采集端……", en="Starting collector, devices and agents ..."),
    "waiting_lock": Label(zh="等待上次演示的进程结束……", en="Waiting for the processes of the last demo to end ..."),
    "all_report": Label(
        zh="全部 {count} 台设备都已上报（启动用时 {seconds:.0f} 秒）。",
        en="All {count} devices report, {seconds:.0f} s after the start.",
    ),
    "machine": Label(zh="本机读数：{told}", en="This machine: {told}"),
    "between": Label(
        zh="两次演示之间（{from_} 至 {to}）没有人在看：台账记为未知，不算正常也不算故障。",
        en="Between the two demos ({from_} to {to}) nobody watched: the ledger says unknown, neither up nor down.",
    ),
    # --- kiosk-7
    "paper_out": Label(
        zh="缺纸：取走 kiosk-7 打印机的纸卷。", en="Paper end: the roll is taken out of kiosk-7's printer."
    ),
    "paper_ticket": Label(
        zh="工单 {number}：kiosk-7 {name}，自 {from_} 起；证据为第 {n} 号记录。",
        en="Ticket {number}: kiosk-7, {name}, since {from_}; its evidence is record {n}.",
    ),
    "paper_in": Label(zh="装纸：给 kiosk-7 换上新纸卷。", en="Paper: kiosk-7 gets a new roll."),
    "paper_over": Label(
        zh="工单 {number} 自动关闭：{from_} 至 {to} 缺纸 {seconds:.3f} 秒，起止时刻与采样记录一致。",
        en="Ticket {number} resolved by itself: out of paper from {from_} to {to}, {seconds:.3f} s, "
        "to the millisecond of the samples.",
    ),
    # --- nvr-2
    "recorder_stop": Label(
        zh="断线：nvr-2 不再应答（SIGSTOP 其模拟器）；同一网关下的 ups-2 仍正常。",
        en="No answer: nvr-2's simulator is stopped (SIGSTOP); ups-2 behind the same gateway answers on.",
    ),
    "recorder_ticket": Label(
        zh="工单 {number}：nvr-2 {name}，自 {from_} 起；同路设备有应答，故判离线而非未知。",
        en="Ticket {number}: nvr-2, {name}, since {from_}; its neighbour answers, so it is down and not unknown.",
    ),
    "recorder_go": Label(zh="恢复：nvr-2 重新应答（SIGCONT）。", en="Back: nvr-2's simulator goes on (SIGCONT)."),
    "recorder_over": Label(
        zh="工单 {number} 自动关闭：{from_} 至 {to} 离线 {seconds:.3f} 秒，起止时刻与采样记录一致。",
        en="Ticket {number} resolved by itself: offline from {from_} to {to}, {seconds:.3f} s, "
        "to the millisecond of the samples.",
    ),
    # --- bus-31
    "bus_cut": Label(
        zh="断网：切断 bus-31 的通信线路；车上的采集端照常采样并存盘。",
        en="Line cut: bus-31's line breaks; its agent goes on sampling and keeps what it reads.",
    ),
    "bus_ticket": Label(
        zh="工单 {number}：bus-31 {name}。收不到数据不等于故障，状态记为未知。",
        en="Ticket {number}: bus-31, {name}. Hearing nothing is no fault: its state is unknown.",
    ),
    "bus_unknown": Label(zh="台账：bus-31 自 {from_} 起未知。", en="Ledger: bus-31 is unknown from {from_} on."),
    "bus_mend": Label(
        zh="通网：接通 bus-31 的线路，积压的记录开始补传。", en="Line mended: bus-31's backlog comes in."
    ),
    "bus_over": Label(
        zh="工单 {number} 关闭，结论为通信故障：补传的 {count} 条记录证明车载终端一直正常，未知改记为正常。",
        en="Ticket {number} resolved as a communication fault: {count} samples that came late show that the terminal "
        "worked; unknown became up.",
    ),
    # --- the end
    "figures": Label(
        zh="{device}：正常 {up:.1f} 秒，停机 {down:.1f} 秒，未知 {unknown:.1f} 秒，合计 {base:.1f} 秒",
        en="{device}: up {up:.1f} s, down {down:.1f} s, unknown {unknown:.1f} s, together {base:.1f} s",
    ),
    "happened": Label(
        zh="演示完成（启动后 {seconds:.0f} 秒）：该发生的都发生了，并已通过接口逐项核对。",
        en="The story is over, {seconds:.0f} s after the start: everything happened, and was checked through the API.",
    ),
    "did_not": Label(zh="以下 {count} 项没有发生：", en="These {count} things did not happen:"),
    "goes_on": Label(
        zh="设备继续运行，网页可看；按 Ctrl-C 结束。", en="The site goes on; look at the page. Ctrl-C ends it."
    ),
    "ending": Label(zh="正在结束所有进程……", en="Ending all processes ..."),
    "ended": Label(
        zh="全部进程已结束。再次运行会接着用同一份数据。",
        en="All processes have ended. The next run goes on with the same data.",
    ),
    # --- the screen
    "strip_of": Label(zh="最近 {minutes:g} 分钟", en="the last {minutes:g} minutes"),
    "device": Label(zh="设备", en="device"),
    "state": Label(zh="状态", en="state"),
    "open_tickets": Label(zh="未关闭工单", en="open tickets"),
    "no_tickets": Label(zh="没有未关闭的工单", en="no ticket is open"),
    "since": Label(zh="自 {from_}", en="since {from_}"),
    "legend": Label(zh="█ 正常  ▒ 未知  ▄ 停机", en="█ up  ▒ unknown  ▄ down"),
}

MISSES: Final[Mapping[str, Label]] = {
    "late": Label(
        zh="{what}：等了 {within_s:g} 秒没有等到{last}", en="{what}: it did not come within {within_s:g} s{last}"
    ),
    "time_is_up": Label(zh="{what}：时间到（--for），没有做完", en="{what}: not over when the time (--for) was up"),
    "fallen": Label(
        zh="进程 {name} 意外退出（代码 {code}）：{said}", en="the process {name} ended by itself (code {code}): {said}"
    ),
    "edges": Label(
        zh="{device}：台账的停机时段 {found} 与采样记录 {expected} 不一致",
        en="{device}: the ledger's downtime {found} is not that of the samples, {expected}",
    ),
    "no_outage": Label(zh="{device}：采样记录中没有完整的故障过程", en="{device}: the samples show no whole outage"),
    "not_resolved": Label(
        zh="工单 {ticket}：状态为 {state}，应已关闭", en="ticket {ticket}: is {state}, should be resolved"
    ),
    "no_evidence": Label(zh="工单 {ticket}：没有证据", en="ticket {ticket}: has no evidence"),
    "evidence_missing": Label(
        zh="工单 {ticket}：作为证据的第 {n} 号记录不存在：{why}",
        en="ticket {ticket}: its evidence, record {n}, is not there: {why}",
    ),
    "ticket_log": Label(zh="工单 {ticket}：日志为 {verbs}", en="ticket {ticket}: its log is {verbs}"),
    "ticket_dates": Label(
        zh="工单 {ticket}：故障起止 {found}，应为 {expected}",
        en="ticket {ticket}: the fault is dated {found}, should be {expected}",
    ),
    "ticket_first": Label(
        zh="工单 {ticket}：首条证据应为第 {expected} 号记录，实为 {found}",
        en="ticket {ticket}: its first evidence should be record {expected}, is {found}",
    ),
    "outcome": Label(
        zh="工单 {ticket}：结论为 {found}，应为 {expected}",
        en="ticket {ticket}: its outcome is {found}, should be {expected}",
    ),
    "silence": Label(
        zh="{device}：未知应自 {expected} 起，台账当时为 {found}",
        en="{device}: unknown should begin at {expected}, the ledger then said {found}",
    ),
    "few_late": Label(
        zh="{device}：断网期间只有 {count} 条采样补传成功", en="{device}: only {count} samples of the cut came later"
    ),
    "not_up": Label(
        zh="{device}：{from_ms} 至 {to_ms} 应为正常，台账为 {found}",
        en="{device}: should be up from {from_ms} to {to_ms}, the ledger says {found}",
    ),
    "not_unknown": Label(
        zh="{device}：{from_ms} 至 {to_ms} 应为未知，台账为 {found}",
        en="{device}: should be unknown from {from_ms} to {to_ms}, the ledger says {found}",
    ),
    "figure": Label(
        zh="{device}：各部分 {parts} 之和不等于 {base}（时段 {window}）",
        en="{device}: {parts} do not add up to {base} (the window is {window})",
    ),
    "downtime": Label(
        zh="{device}：可用率中的停机 {figure} ms 与台账 {ledger} ms 不一致",
        en="{device}: downtime of the figure, {figure} ms, is not the ledger's, {ledger} ms",
    ),
    "machine": Label(zh="本机读数缺少：{lacking}", en="readings of this machine that are not there: {lacking}"),
    "slow": Label(
        zh="故事用时 {seconds:.0f} 秒，应在 {within_s:g} 秒之内",
        en="the story took {seconds:.0f} s, more than {within_s:g} s",
    ),
}

STATES: Final[Mapping[str, tuple[str, Label, str]]] = {
    # word           icon  name                                     colour
    "normal": ("●", Label(zh="正常", en="normal"), "green"),
    "warning": ("▲", Label(zh="告警", en="warning"), "yellow"),
    "fault": ("✖", Label(zh="故障", en="fault"), "red"),
    "offline": ("■", Label(zh="离线", en="offline"), "red"),
    "maintenance": ("◆", Label(zh="维护", en="maintenance"), "blue"),
    "unknown": ("◌", Label(zh="未知", en="unknown"), "bright_black"),
}
"""The six state words: icon, word, colour; never a colour alone."""


def language(environ: Mapping[str, str]) -> Language:
    """The language of the environment: Chinese if it says so, English else."""
    said = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "zh" if said.lower().startswith("zh") else "en"


def text(key: str, lang: Language, **values: object) -> str:
    """A line of LINES."""
    return LINES[key].of(lang).format(**values)


def miss(found: Miss, lang: Language) -> str:
    """A line of MISSES."""
    return MISSES[found.key].of(lang).format(**found.values)


def clock_time(ms: int) -> str:
    """A time of today for eyes: local, with milliseconds."""
    at = datetime.fromtimestamp(ms // 1000, UTC).astimezone()
    return f"{at:%H:%M:%S}.{ms % 1000:03}"


def day_time(ms: int) -> str:
    """A time of any day for eyes: local, with its zone."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def duration(seconds: float, lang: Language) -> str:
    """How long, in the two largest units."""
    minutes = int(seconds) // 60
    hours, days = minutes // 60, minutes // 1440
    parts = {"zh": ("{} 天 {} 小时", "{} 小时 {} 分", "{} 分"), "en": ("{} d {} h", "{} h {} min", "{} min")}[lang]
    if days:
        return parts[0].format(days, hours % 24)
    return parts[1].format(hours, minutes % 60) if hours else parts[2].format(minutes)


SHOWN: Final = (
    ("host.cpu_percent", Label(zh="CPU {:.0f}%", en="CPU {:.0f} %")),
    ("host.memory_percent", Label(zh="内存 {:.0f}%", en="memory {:.0f} %")),
    ("disk[/].used_percent", Label(zh="磁盘 / {:.0f}%", en="disk / {:.0f} %")),
    ("temperature[cpu].celsius", Label(zh="CPU {:.0f} °C", en="CPU {:.0f} °C")),
)
SYNCHRONISED: Final = {
    "yes": Label(zh="时钟已同步", en="clock synchronised"),
    "no": Label(zh="时钟未同步", en="clock not synchronised"),
}


def machine(readings: Mapping[str, object], lang: Language) -> str:
    """This machine in one line: what everybody knows of their own, so that they can compare."""
    said = [
        label.of(lang).format(value) for name, label in SHOWN if isinstance(value := readings.get(name), int | float)
    ]
    uptime = readings.get("host.uptime_s")
    if isinstance(uptime, int | float):
        said.append(Label(zh="已运行 {}", en="up for {}").of(lang).format(duration(uptime, lang)))
    clock = SYNCHRONISED.get(str(readings.get("clock.synchronised")))
    links = sorted(name[4:-6] for name, value in readings.items() if name.startswith("net[") and value == "up")
    said += [clock.of(lang)] if clock is not None else []
    said += [Label(zh="网卡 {}", en="network {}").of(lang).format(", ".join(links))] if links else []
    return ("，" if lang == "zh" else ", ").join(said)
