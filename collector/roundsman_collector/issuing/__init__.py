"""Reports that are issued: which kinds there are, what each is made of, when each is made.

kinds.py    every kind of report as a row: what it can be about, over which periods, how it is gathered and built
about.py    what a report is about: its name, whose it is, its period as a window of time
making.py   makes what is due: gathers, builds, sets, stores; compares what was issued with what is known
clockwork.py   what schedules want now
post.py     sends the letters that wait, one to each recipient
<kind>.py   gathers for one kind, through the doors that the API answers from; reports/<kind>.py builds, purely
"""
