"""The collector: decides what reports mean, keeps the uptime ledger, opens and closes tickets."""
