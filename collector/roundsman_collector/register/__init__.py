"""The register as a file: one row per device, in CSV or XLSX, read, checked, compared, entered, and written again.

    sheet = sheets.read(body, "devices.xlsx")            bytes -> rows of text; SheetError for a file that is none
    found = plan.planned(view, sheet, scope=...)         what would be added or changed; every error, row by row
    entering.enter(office, view, found, deed=...)        all of it or nothing; devices by the engine's own hand
    files.template_xlsx() · files.csv_lines(view, ...)   the empty form, and the register in the same form

Nothing here writes but entering.py.
"""
