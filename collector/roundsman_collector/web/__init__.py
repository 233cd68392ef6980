"""Our own pages: plain HTML that works without scripts, offline, on a phone, in two languages, in light and dark.

site.py     the whole application: API and pages behind one gate
fleet.py · device.py · ticket.py · reference.py      what one page shows, as plain values for its template
strip.py    the uptime strip as numbers        drawing.py   the same as SVG        words.py   every word of the pages
"""
