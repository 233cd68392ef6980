"""What people do with tasks: a command -> is it allowed now? -> one commit with the line and the answer.

    take(engine, command, now_ms)     args {task, step, seen?, text?, data?, may_overrule?}: a step of core/tasks.py

Who acts on an older version than the newest (`seen`) is told so, and nothing is done; as for tickets (steps.py).
"""

from roundsman_collector.core import tasks as rules
from roundsman_collector.core.lifecycle import Refusal, Wish
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.steps import StepRefused
from roundsman_collector.engine.tasks import LEADING
from roundsman_collector.store import batch as stored
from roundsman_collector.store.commands import CommandDone, CommandRow
from roundsman_collector.store.tasks import TaskFound, TaskLine, TaskSettled

STEP = "task"
"""The verb of such a command: `assign` and others are verbs of the register, too."""


def take(engine: Engine, command: CommandRow, now_ms: int) -> None:
    """Take a step, or raise StepRefused."""
    found = engine.store.task(int(command.args["task"]))
    task = found.task
    wish = Wish(
        verb=str(command.args["step"]),
        now_ms=now_ms,
        who=command.who,
        text=str(command.args.get("text", "")),
        data=dict(command.args.get("data") or {}),
        may_overrule=command.args.get("may_overrule") is True,
    )
    _same_version(found, command.args.get("seen"))
    refused = rules.refusal(task, wish)
    if refused is not None:
        raise StepRefused(str(task.id), refused, what="task")
    row = found.row
    line = TaskLine(task=row.id, at_ms=now_ms, verb=wish.verb, who=wish.who, text=wish.text, data=wish.data)
    again = TaskSettled(
        task=row.id, due_ms=row.due_ms, report_due_ms=row.report_due_ms, mark=row.mark, wake_at_ms=now_ms
    )
    answer = CommandDone(command=command.id, ok=True, done_ms=now_ms, result={"task": row.id})
    engine.store.commit(stored.Batch(now_ms=now_ms, tasks=[line, again], commands_done=[answer]))
    if wish.verb in LEADING:
        engine.plans.follow(row.kind)


def _same_version(found: TaskFound, seen: object) -> None:
    if seen is None or seen == found.row.version:
        return
    newer = next((one for one in reversed(found.log) if one.id == found.row.version), found.log[-1])
    step = rules.STEPS[newer.verb]
    refused = Refusal(
        "newer",
        f"{newer.who} 刚刚{step.zh}，请查看后再操作",
        f"{newer.who} was faster ({step.en}): look at the task and decide again",
    )
    raise StepRefused(str(found.row.id), refused, {"version": found.row.version}, what="task")
