"""What a reading may be called, what its number or word means, and how a person reads it in Chinese and English.

    find("disk[/].used_percent")           -> Point(name="disk[].used_percent", unit="percent", …) or None
    label("disk[/].used_percent", "zh")    -> "磁盘 / 使用率"
    word_label("printer.paper", "end", "zh") -> "缺纸"
    misfit("printer.paper", 7)             -> "printer.paper is a word (ok, near_end, end, unknown), not 7"

A reading is named ``component[instance].point`` or ``component.point``. The catalogue holds every name once, with an
empty pair of brackets where an instance stands. A point is either a number with a unit or one of a closed set of words;
the word ``unknown`` belongs to every set, because a device of next year may say something that nobody has seen yet.

A name that is not here is not forbidden on the wire: it is stored and shown by its raw name. But every reading that our
own probes give is here, and their tests hold them to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from roundsman_wire.failures import FAILURES, Label, Language

__all__ = [
    "FAILURES",
    "POINTS",
    "UNITS",
    "Label",
    "Language",
    "Point",
    "ReadingName",
    "find",
    "label",
    "misfit",
    "split",
    "word_label",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A kind of reading: its name with empty brackets, its unit (numbers) or its words, and its label."""

    name: str
    unit: str
    label: Label
    words: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingName:
    """``disk[/].used_percent`` taken apart: component ``disk``, instance ``/`` (None without brackets), point."""

    component: str
    instance: str | None
    point: str

    @property
    def pattern(self) -> str:
        """The name under which the catalogue holds it."""
        brackets = "" if self.instance is None else "[]"
        return f"{self.component}{brackets}.{self.point}"


# An instance is what the device calls it: a mount point, a channel, a chip. No closing bracket, no control characters.
_READING = re.compile(
    r"(?P<component>[a-z][a-z0-9_]*)(?:\[(?P<instance>[^\]\x00-\x1f\x7f]{1,128})\])?\.(?P<point>[a-z0-9][a-z0-9_]*)"
)

_UNKNOWN = Label(zh="未知", en="unknown")

UNITS: Mapping[str, Label] = MappingProxyType(
    {
        "word": Label(zh="", en=""),
        "count": Label(zh="个", en=""),
        "ratio": Label(zh="", en=""),
        "percent": Label(zh="%", en="%"),
        "seconds": Label(zh="秒", en="s"),
        "minutes": Label(zh="分钟", en="min"),
        "hours": Label(zh="小时", en="h"),
        "milliseconds": Label(zh="毫秒", en="ms"),
        "bytes": Label(zh="字节", en="B"),
        "megabytes": Label(zh="MB", en="MB"),
        "celsius": Label(zh="℃", en="°C"),
        "volts": Label(zh="V", en="V"),
        "hertz": Label(zh="Hz", en="Hz"),
        "watts": Label(zh="W", en="W"),
        "amperes": Label(zh="A", en="A"),
        "db_hz": Label(zh="dB-Hz", en="dB-Hz"),
        "degrees": Label(zh="°", en="°"),
        "dbm": Label(zh="dBm", en="dBm"),
        "rpm": Label(zh="转/分", en="rpm"),
        "kilometres": Label(zh="公里", en="km"),
        "db": Label(zh="dB", en="dB"),
        "days": Label(zh="天", en="days"),
        "mbit": Label(zh="Mbit/s", en="Mbit/s"),
    }
)
"""Every unit that a number may have, with the sign that is put behind it."""


def _n(name: str, unit: str, zh: str, en: str) -> Point:
    return Point(name=name, unit=unit, label=Label(zh=zh, en=en))


def _w(name: str, zh: str, en: str, **words: tuple[str, str]) -> Point:
    """A point of words; a leading underscore lets a word begin with a digit (``_3d`` is the word ``3d``)."""
    labels = {word.removeprefix("_"): Label(zh=a, en=b) for word, (a, b) in words.items()}
    labels["unknown"] = _UNKNOWN
    return Point(name=name, unit="word", label=Label(zh=zh, en=en), words=MappingProxyType(labels))


_YES_NO = {"yes": ("是", "yes"), "no": ("否", "no")}
_OPEN = {"closed": ("已关", "closed"), "open": ("打开", "open")}
_READER = {
    "ready": ("正常", "ready"),
    "fault": ("故障", "fault"),
    "absent": ("未检测到", "absent"),
}
"""What a card reader or the like may be; absent: it was there when the machine was set up, and is not now."""

_TABLE: tuple[Point, ...] = (
    # --- host: the computer on which the agent runs -------------------------------------------------------------------
    _n("host.cpu_percent", "percent", "CPU 使用率", "CPU use"),
    _n("host.load_1m", "ratio", "系统负载 (1 分钟)", "load average, 1 minute"),
    _n("host.memory_percent", "percent", "内存使用率", "memory use"),
    _n("host.swap_percent", "percent", "交换区使用率", "swap use"),
    _n("host.uptime_s", "seconds", "已运行时间", "time since boot"),
    _n("disk[].used_percent", "percent", "磁盘 {instance} 使用率", "disk {instance} use"),
    _n("disk[].free_mb", "megabytes", "磁盘 {instance} 剩余空间", "disk {instance} free space"),
    _n("disk[].inodes_percent", "percent", "磁盘 {instance} inode 使用率", "disk {instance} inode use"),
    _w("disk[].readonly", "磁盘 {instance} 只读", "disk {instance} read-only", **_YES_NO),
    _n("temperature[].celsius", "celsius", "温度 {instance}", "temperature {instance}"),
    _w("clock.synchronised", "时钟已同步", "clock synchronised", **_YES_NO),
    _n("clock.max_error_ms", "milliseconds", "时钟最大误差", "largest possible clock error"),
    _n("clock.wrong_by_s", "seconds", "时钟偏差", "how wrong the clock is"),
    _n("net.rx_bytes", "bytes", "累计接收流量", "bytes received since boot"),
    _n("net.tx_bytes", "bytes", "累计发送流量", "bytes sent since boot"),
    _n("net.errors", "count", "累计网卡错误", "network interface errors since boot"),
    _n("net.drops", "count", "累计网卡丢包", "network interface drops since boot"),
    _w("net[].link", "网卡 {instance} 链路", "link of {instance}", up=("已连接", "up"), down=("未连接", "down")),
    _w(
        "host.last_stop",
        "上次停机方式",
        "how it stopped last",
        clean=("正常关机", "shut down"),
        unclean=("异常掉电或死机", "lost power or crashed"),
    ),
    _w("host.throttled", "CPU 降频", "processor throttled", **_YES_NO),
    _w(
        "disk[].smart",
        "磁盘 {instance} SMART 自检",
        "SMART verdict of disk {instance}",
        passed=("通过", "passed"),
        warning=("有坏块或预警", "warning"),
        failing=("即将损坏", "failing"),
    ),
    _n("disk[].celsius", "celsius", "磁盘 {instance} 温度", "disk {instance} temperature"),
    _n("disk[].power_on_hours", "hours", "磁盘 {instance} 通电时间", "disk {instance} hours of operation"),
    _n("disk[].reallocated", "count", "磁盘 {instance} 重映射扇区数", "disk {instance} sectors moved"),
    _n("disk[].pending", "count", "磁盘 {instance} 待映射扇区数", "disk {instance} sectors waiting to be moved"),
    _n("disk[].wear_percent", "percent", "磁盘 {instance} 寿命已用", "disk {instance} life used up"),
    # --- what the agent's own looking costs ---------------------------------------------------------------------------
    _n("probe[].took_ms", "milliseconds", "探测 {instance} 最长耗时", "slowest visit of probe {instance}"),
    _n("probe[].failures", "count", "探测 {instance} 累计失败次数", "failed visits of probe {instance}"),
    _n("probe[].bytes", "bytes", "探测 {instance} 累计流量", "bytes moved by probe {instance}"),
    _n("line.bytes_today", "bytes", "上报线路今日流量", "bytes on the agent's line today"),
    _n("line.bytes_month", "bytes", "上报线路本月流量", "bytes on the agent's line this month"),
    _n("line.forecast_month_bytes", "bytes", "上报线路本月预计流量", "forecast of the agent's line for this month"),
    # --- the business program and what a customer touches -------------------------------------------------------------
    _w(
        "app[].state",
        "业务程序 {instance}",
        "program {instance}",
        running=("运行中", "running"),
        hung=("无响应", "hangs"),
        dead=("已退出", "not running"),
    ),
    _n("app[].idle_min", "minutes", "业务程序 {instance} 距上次交易", "since the last transaction of {instance}"),
    _n("app[].restarts", "count", "业务程序 {instance} 近 1 小时重启次数", "restarts of {instance} within an hour"),
    _w("screen.state", "显示屏", "screen", on=("点亮", "on"), off=("黑屏", "dark"), absent=("未检测到", "absent")),
    _w("touch.state", "触摸屏", "touch panel", ready=("正常", "ready"), lost=("失灵", "lost")),
    _w(
        "cash.state",
        "纸币器",
        "bill acceptor",
        ready=("正常", "ready"),
        disabled=("停用", "disabled"),
        stacker_full=("钞箱满", "stacker full"),
        stacker_removed=("钞箱被取出", "stacker removed"),
        jam=("卡钞", "jam"),
        cheated=("疑似欺诈", "cheated"),
        fault=("故障", "fault"),
        lost=("无应答", "does not answer"),
    ),
    _w(
        "coin.state",
        "硬币器",
        "coin acceptor",
        ready=("正常", "ready"),
        disabled=("停用", "disabled"),
        jam=("卡币", "jam"),
        fault=("故障", "fault"),
        lost=("无应答", "does not answer"),
    ),
    _w(
        "hopper[].level",
        "找零箱 {instance} 余量",
        "hopper {instance}",
        ok=("充足", "enough"),
        low=("不足", "low"),
        empty=("已空", "empty"),
    ),
    _w("card.state", "读卡器", "card reader", **_READER),
    _w("idreader.state", "身份证阅读器", "ID card reader", **_READER),
    _w("scanner.state", "扫码器", "code scanner", **_READER),
    _w("pinpad.state", "密码键盘", "PIN pad", **_READER),
    _w("camera.state", "摄像头", "camera", **_READER),
    _w(
        "usb[].state",
        "USB 设备 {instance}",
        "USB device {instance}",
        present=("在位", "present"),
        absent=("未检测到", "absent"),
    ),
    # --- printer: ESC/POS receipt printers and network printers -------------------------------------------------------
    _w("printer.paper", "打印纸", "paper", ok=("正常", "ok"), near_end=("纸将尽", "near end"), end=("缺纸", "end")),
    _w("printer.cover", "打印机上盖", "cover", closed=("已合", "closed"), open=("未合", "open")),
    _w("printer.state", "打印机状态", "printer", online=("联机", "online"), offline=("脱机", "offline")),
    _w(
        "printer.error",
        "打印机错误",
        "printer error",
        none=("无", "none"),
        cutter=("切刀故障", "auto-cutter"),
        mechanical=("机械故障", "mechanical"),
        unrecoverable=("不可恢复错误", "unrecoverable"),
        recoverable=("可自动恢复 (打印头温度)", "recovers by itself (head temperature)"),
        jam=("卡纸", "jam"),
        service=("请求维修", "service requested"),
        output_full=("出纸口满", "output full"),
    ),
    _w("printer.toner", "墨粉", "toner", ok=("正常", "ok"), low=("不足", "low"), end=("用尽", "end")),
    _w(
        "printer.activity",
        "打印机活动",
        "printer activity",
        idle=("空闲", "idle"),
        printing=("打印中", "printing"),
        warmup=("预热", "warming up"),
        other=("其他", "other"),
    ),
    _w(
        "printer.condition",
        "打印机自评",
        "printer's own verdict",
        running=("运行", "running"),
        warning=("有警告", "warning"),
        testing=("测试中", "testing"),
        down=("不可用", "down"),
    ),
    _n("printer.pages", "count", "累计打印页数", "pages printed in its life"),
    _n("supply[].percent", "percent", "耗材 {instance} 余量", "supply {instance} left"),
    # --- ups: UPS-MIB -------------------------------------------------------------------------------------------------
    _w(
        "ups.output_source",
        "UPS 输出来源",
        "UPS output source",
        normal=("市电", "mains"),
        battery=("电池", "battery"),
        bypass=("旁路", "bypass"),
        booster=("升压", "booster"),
        reducer=("降压", "reducer"),
        none=("无输出", "none"),
        other=("其他", "other"),
    ),
    _w(
        "ups.battery_state",
        "UPS 电池状态",
        "UPS battery",
        normal=("正常", "normal"),
        low=("电量低", "low"),
        depleted=("耗尽", "depleted"),
        fault=("故障", "failed"),
        absent=("未接电池", "no battery"),
    ),
    _w(
        "ups.test_result",
        "UPS 自检结果",
        "UPS self-test",
        passed=("通过", "passed"),
        warning=("有警告", "warning"),
        error=("未通过", "failed"),
        aborted=("中止", "aborted"),
        in_progress=("进行中", "in progress"),
        none=("未做过", "none yet"),
    ),
    _w("ups.battery_replace", "UPS 电池需更换", "UPS battery wants to be replaced", **_YES_NO),
    _w("ups.failed", "UPS 自报故障", "UPS says that it has failed", **_YES_NO),
    _w("ups.overloaded", "UPS 自报过载", "UPS says that it carries too much", **_YES_NO),
    _n("ups.charge_percent", "percent", "UPS 电池电量", "UPS charge"),
    _n(
        "ups.charge_estimated_percent",
        "percent",
        "UPS 电池电量 (按电压估算)",
        "UPS charge, estimated from the voltage",
    ),
    _n("ups.runtime_min", "minutes", "UPS 预计续航", "UPS runtime left"),
    _n("ups.on_battery_s", "seconds", "UPS 电池供电时长", "UPS time on battery"),
    _n("ups.load_percent", "percent", "UPS 负载率 (最高相)", "UPS load, highest phase"),
    _n("ups.battery_volts", "volts", "UPS 电池电压", "UPS battery voltage"),
    _n("ups.battery_celsius", "celsius", "UPS 电池温度", "UPS battery temperature"),
    _n("ups.input_bads", "count", "市电异常累计次数", "mains failures counted by the UPS"),
    _n("ups.alarms", "count", "UPS 当前告警数", "UPS alarms present"),
    _n("ups.output_hertz", "hertz", "UPS 输出频率", "UPS output frequency"),
    _n("ups.uptime_s", "seconds", "UPS 网卡已运行时间", "uptime of the UPS network card"),
    _n("input[].volts", "volts", "输入电压 第{instance}路", "input voltage, line {instance}"),
    _n("input[].hertz", "hertz", "输入频率 第{instance}路", "input frequency, line {instance}"),
    _n("output[].volts", "volts", "输出电压 第{instance}路", "output voltage, line {instance}"),
    _n("output[].amperes", "amperes", "输出电流 第{instance}路", "output current, line {instance}"),
    _n("output[].watts", "watts", "输出功率 第{instance}路", "output power, line {instance}"),
    _n("output[].load_percent", "percent", "负载率 第{instance}路", "load, line {instance}"),
    # --- nvr and camera: Hikvision ------------------------------------------------------------------------------------
    _w(
        "nvr.state",
        "录像机状态",
        "recorder",
        online=("在线", "online"),
        absent=("不在线", "absent"),
        fault=("自报故障", "says that it has failed"),
    ),
    _n("nvr.cpu_percent", "percent", "录像机 CPU 使用率", "recorder CPU use"),
    _n("nvr.memory_percent", "percent", "录像机内存使用率", "recorder memory use"),
    _n("nvr.disks", "count", "录像机硬盘数", "disks in the recorder"),
    _n("nvr.disks_expected", "count", "录像机应有硬盘数", "disks that the recorder should have"),
    _w("nvr.overwrite", "录像循环覆盖", "old recordings are overwritten", **_YES_NO),
    _n("nvr.uptime_s", "seconds", "录像机已运行时间", "recorder uptime"),
    _w(
        "disk[].state",
        "硬盘 {instance} 状态",
        "disk {instance}",
        normal=("正常", "normal"),
        unformatted=("未格式化", "not formatted"),
        abnormal=("异常", "abnormal"),
        smart_failed=("SMART 故障", "SMART failure"),
        mismatch=("不匹配", "mismatch"),
        idle=("休眠", "idle"),
        not_online=("不在线", "not online"),
        repairing=("修复中", "being repaired"),
        formatting=("格式化中", "being formatted"),
    ),
    _n("disk[].capacity_mb", "megabytes", "硬盘 {instance} 容量", "disk {instance} capacity"),
    _n("camera.cpu_percent", "percent", "摄像机 CPU 使用率", "camera CPU use"),
    _n("camera.memory_percent", "percent", "摄像机内存使用率", "camera memory use"),
    _n("camera.uptime_s", "seconds", "摄像机已运行时间", "camera uptime"),
    _n("camera.storage_percent", "percent", "摄像机存储使用率", "camera storage use"),
    # --- channels: what a recorder or a camera shows and keeps --------------------------------------------------------
    _w(
        "channel[].state",
        "通道 {instance} 状态",
        "channel {instance}",
        online=("在线", "online"),
        connecting=("连接中", "connecting"),
        offline=("离线", "offline"),
        unreachable=("网络不可达", "unreachable"),
        conflict=("IP 地址冲突", "address conflict"),
        no_stream=("无码流", "no stream"),
        bad_credentials=("用户名或密码错误", "bad credentials"),
        empty=("未配置", "not configured"),
    ),
    _w(
        "channel[].video",
        "通道 {instance} 视频信号",
        "video of channel {instance}",
        ok=("正常", "ok"),
        lost=("丢失", "lost"),
        covered=("遮挡", "covered"),
    ),
    _w(
        "channel[].image",
        "通道 {instance} 图像",
        "picture of channel {instance}",
        ok=("正常", "ok"),
        black=("黑屏", "black"),
        white=("过亮", "white"),
        frozen=("冻结", "frozen"),
        cast=("偏色", "colour cast"),
        blurred=("模糊", "blurred"),
    ),
    _n(
        "channel[].recorded_percent",
        "percent",
        "通道 {instance} 昨日录像完整率",
        "yesterday's recordings of channel {instance}",
    ),
    _n("channel[].retained_days", "days", "通道 {instance} 录像保存天数", "recordings kept of channel {instance}"),
    _n(
        "channel[].required_days",
        "days",
        "通道 {instance} 要求保存天数",
        "how long recordings of channel {instance} must be kept",
    ),
    # --- network: switches, routers, modems ---------------------------------------------------------------------------
    _w(
        "port[].state",
        "端口 {instance} 状态",
        "port {instance}",
        up=("已连接", "up"),
        down=("断开", "down"),
        disabled=("已关闭", "switched off"),
    ),
    _n("port[].mbit", "mbit", "端口 {instance} 速率", "speed of port {instance}"),
    _n("port[].changes", "count", "端口 {instance} 近 1 小时通断次数", "changes of port {instance} within an hour"),
    _n("port[].error_percent", "percent", "端口 {instance} 误码率", "bad frames of port {instance}"),
    _w(
        "port[].poe",
        "端口 {instance} PoE 供电",
        "PoE of port {instance}",
        delivering=("供电中", "delivering"),
        searching=("检测中", "searching"),
        fault=("故障", "fault"),
        disabled=("已关闭", "switched off"),
    ),
    _n("switch.ports", "count", "交换机在用端口数", "ports of the switch that are watched"),
    _n("switch.uptime_s", "seconds", "交换机已运行时间", "switch uptime"),
    _n("ping.ms", "milliseconds", "PING 时延", "ping"),
    _n("ping.loss_percent", "percent", "PING 丢包率", "pings lost"),
    _w(
        "tcp[].state",
        "TCP 端口 {instance}",
        "TCP port {instance}",
        open=("已开放", "open"),
        silent=("已连接但无应答", "takes the connection and says nothing"),
        wrong=("应答不符", "says something else"),
    ),
    _n("tcp[].ms", "milliseconds", "TCP 端口 {instance} 连接用时", "connecting to TCP port {instance}"),
    _w(
        "web[].state",
        "网页服务 {instance}",
        "web page {instance}",
        ok=("正常", "ok"),
        wrong_status=("状态码不符", "wrong status"),
        wrong_content=("内容不符", "wrong content"),
        bad_certificate=("证书无效", "bad certificate"),
    ),
    _n("web[].status", "ratio", "网页服务 {instance} 状态码", "status of web page {instance}"),
    _n("web[].ms", "milliseconds", "网页服务 {instance} 响应时间", "response time of web page {instance}"),
    _n(
        "web[].certificate_days",
        "days",
        "网页服务 {instance} 证书剩余天数",
        "days left of the certificate of {instance}",
    ),
    _w(
        "uplink.state",
        "上联线路",
        "uplink",
        up=("正常", "up"),
        backup=("备用线路", "on the backup"),
        down=("中断", "down"),
    ),
    _w(
        "modem.sim",
        "SIM 卡",
        "SIM card",
        ready=("正常", "ready"),
        missing=("无卡", "missing"),
        locked=("被锁定", "locked"),
        fault=("故障", "failed"),
    ),
    _w(
        "modem.network",
        "移动网络",
        "mobile network",
        registered=("已注册", "registered"),
        searching=("搜索中", "searching"),
        denied=("注册被拒", "denied"),
        none=("未注册", "not registered"),
    ),
    _n("modem.signal_dbm", "dbm", "移动网络信号强度", "mobile signal"),
    _n("modem.rsrp_dbm", "dbm", "LTE 参考信号功率 RSRP", "LTE RSRP"),
    _n("modem.rsrq_db", "db", "LTE 参考信号质量 RSRQ", "LTE RSRQ"),
    _n("modem.clock_wrong_by_s", "seconds", "模块时钟偏差", "how wrong the modem's clock is"),
    _w("modem.roaming", "漫游", "roaming", **_YES_NO),
    _w(
        "modem.access",
        "接入制式",
        "access technology",
        _2g=("2G 网络", "2G"),
        _3g=("3G 网络", "3G"),
        _4g=("4G 网络", "4G"),
        _5g=("5G 网络", "5G"),
    ),
    _w(
        "modem.operator",
        "运营商",
        "operator",
        mobile=("中国移动", "China Mobile"),
        unicom=("中国联通", "China Unicom"),
        telecom=("中国电信", "China Telecom"),
        broadnet=("中国广电", "China Broadnet"),
        other=("其他", "another one"),
    ),
    # --- rooms and cabinets -------------------------------------------------------------------------------------------
    _n("air[].celsius", "celsius", "环境温度 {instance}", "air temperature {instance}"),
    _n("air[].humidity_percent", "percent", "环境湿度 {instance}", "air humidity {instance}"),
    _w("water[].state", "水浸 {instance}", "water sensor {instance}", dry=("干燥", "dry"), wet=("有水", "wet")),
    _w("smoke[].state", "烟感 {instance}", "smoke sensor {instance}", clear=("正常", "clear"), smoke=("报警", "smoke")),
    _w("door[].state", "门 {instance}", "door {instance}", **_OPEN),
    _w("contact[].state", "开关量 {instance}", "contact {instance}", on=("接通", "on"), off=("断开", "off")),
    # --- vehicle terminals: JT/T 808 and 1078, the engine's own diagnosis ---------------------------------------------
    _w(
        "terminal.power",
        "终端主电源",
        "terminal's main power",
        ok=("正常", "ok"),
        low=("欠压", "low"),
        lost=("掉电", "lost"),
    ),
    _w("terminal.storage", "终端存储器", "terminal's storage", **_READER),
    _w(
        "onboard[].video",
        "车载摄像头 {instance}",
        "onboard camera {instance}",
        ok=("正常", "ok"),
        lost=("视频丢失", "no video"),
        covered=("遮挡", "covered"),
        fault=("故障", "fault"),
    ),
    _w("vehicle.ignition", "ACC 点火", "ignition", on=("开", "on"), off=("关", "off")),
    _n("vehicle.supply_volts", "volts", "车辆供电电压", "vehicle's supply voltage"),
    _w(
        "vehicle.bus",
        "车辆诊断总线",
        "vehicle's diagnostic bus",
        answers=("有应答", "answers"),
        silent=("无应答 (多为熄火)", "silent, mostly parked"),
        fault=("总线故障", "bus fault"),
    ),
    _w("vehicle.engine", "发动机", "engine", on=("运转", "running"), off=("停转", "off")),
    _n("engine.trouble_codes", "count", "发动机故障码数", "trouble codes of the engine"),
    _n("engine.pending_codes", "count", "发动机待定故障码数", "pending trouble codes of the engine"),
    _w(
        "trouble_code[].state",
        "故障码 {instance}",
        "trouble code {instance}",
        stored=("已存储", "stored"),
        pending=("待定", "pending"),
    ),
    _w("engine.lamp", "发动机故障灯", "malfunction lamp", on=("亮", "on"), off=("灭", "off")),
    _n("engine.lamp_km", "kilometres", "故障灯亮后行驶里程", "driven with the lamp on"),
    _n("engine.rpm", "rpm", "发动机转速", "engine speed"),
    _n("engine.coolant_celsius", "celsius", "冷却液温度", "coolant temperature"),
    _n("engine.module_volts", "volts", "控制模块电压", "control module voltage"),
    # --- gnss: NMEA 0183 receivers ------------------------------------------------------------------------------------
    _w(
        "gnss.fix",
        "定位状态",
        "fix",
        none=("未定位", "none"),
        _2d=("二维定位", "2D"),
        _3d=("三维定位", "3D"),
        fixed=("已定位", "fixed, kind not told"),
        dead_reckoning=("惯性推算", "dead reckoning"),
    ),
    _n("gnss.fix_percent", "percent", "定位有效率", "share of valid fixes"),
    _n("gnss.satellites_used", "count", "参与定位卫星数", "satellites used"),
    _n("gnss.hdop", "ratio", "水平精度因子", "HDOP"),
    _n("gnss.snr_db", "db_hz", "最强 4 星平均信噪比", "mean SNR of the best four"),
    _n("gnss.checksum_errors_percent", "percent", "校验错误率", "sentences with a wrong checksum"),
    _n("gnss.sentences_per_s", "ratio", "每秒语句数", "sentences per second"),
    _w(
        "gnss.antenna",
        "天线",
        "antenna",
        ok=("正常", "ok"),
        open=("开路 (或无源天线)", "open (or passive)"),
        short=("短路", "short circuit"),
    ),
    _w("gnss.module", "定位模块", "receiver", ok=("正常", "ok"), fault=("故障", "fault")),
    _n("gnss.drift_percent", "percent", "定位漂移率", "share of positions that jump"),
    _n("satellites[].used", "count", "{instance} 参与定位卫星数", "{instance} satellites used"),
    _n("satellites[].in_view", "count", "{instance} 可见卫星数", "{instance} satellites in view"),
    _n("gnss.latitude", "degrees", "纬度", "latitude"),
    _n("gnss.longitude", "degrees", "经度", "longitude"),
)

POINTS: Mapping[str, Point] = MappingProxyType({point.name: point for point in _TABLE})
"""Every reading our probes may give, by its name with empty brackets."""


def split(reading: str) -> ReadingName:
    """Take ``component[instance].point`` apart; ValueError names what is wrong with anything else."""
    match = _READING.fullmatch(reading)
    if match is None:
        raise ValueError(
            f"reading {reading[:200]!r} is not of the form component[instance].point "
            "(small letters, digits and _; the instance is 1 to 128 characters without ])"
        )
    return ReadingName(component=match["component"], instance=match["instance"], point=match["point"])


def find(reading: str) -> Point | None:
    """The catalogue's row for a reading, or None when the catalogue does not know it."""
    try:
        return POINTS.get(split(reading).pattern)
    except ValueError:
        return None


def label(reading: str, language: Language) -> str:
    """What a person reads instead of the name; a reading that is not in the catalogue keeps its raw name."""
    point = find(reading)
    if point is None:
        return reading
    return point.label.of(language).replace("{instance}", split(reading).instance or "")


def word_label(reading: str, word: str, language: Language) -> str:
    """What a person reads instead of a word of that reading; a word that is not in the catalogue stays as it is."""
    point = find(reading)
    if point is None or word not in point.words:
        return word
    return point.words[word].of(language)


def misfit(reading: str, value: float | int | str | None) -> str | None:
    """Why the value cannot belong to the reading, or None when it can. None (unknown) fits every reading."""
    point = find(reading)
    if point is None:
        return f"{reading} is not in the catalogue"
    if value is None:
        return None
    if point.words:
        if isinstance(value, str) and value in point.words:
            return None
        return f"{reading} is a word ({', '.join(point.words)}), not {value!r}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"{reading} is a number in {point.unit}, not {value!r}"
    return None
