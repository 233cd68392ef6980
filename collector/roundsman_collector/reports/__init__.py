"""What is handed to people on paper. Pure: from what is known of a thing to a document; the web sets it in type.

dossier.py       what is known of a ticket, read from its log
document.py      what a form is made of: facts, tables, signatures; and what it still lacks
forms/           a file for each form
"""
