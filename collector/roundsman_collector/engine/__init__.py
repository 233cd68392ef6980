"""The engine: takes what agents say, lets the core judge it, and commits what it means in one transaction.

    unit.py      what is remembered of an agent, in memory and as JSON; a Draft of it that a batch works on
    intake.py    one arrival -> a draft: who may say it, which numbers are new, when it was
    engine.py    a batch of arrivals -> one commit -> acknowledgements owed; a poisonous one is found and set aside
    timely.py    what time means: silence, rebuilds of late evidence, people's commands, memory swept to disk
    errands.py   what agents are asked to do: out, and their results
    tickets.py   the core's ticket actions as rows

Nothing here knows MQTT. Nothing here asks the time: `now_ms` is an argument.
"""
