"""The meaning of reports, pure: no I/O, no log, no clock."""
