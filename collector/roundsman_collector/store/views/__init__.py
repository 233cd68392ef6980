"""What View (reads.py) offers, by subject: a file for each, with a class that the door is composed of."""
