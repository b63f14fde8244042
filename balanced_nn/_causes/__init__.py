"""Why did a network fail, and what repairs it? Evidence, rules, remedies and the report."""
