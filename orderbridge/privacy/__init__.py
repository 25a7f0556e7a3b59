"""When personal data dies, how its death, early or on its day, is asked for, and where it lies.

- ``clock``: the one rule that says when an order's personal data must be gone
- ``asking``: the events by which importer and redactor are asked
- ``places``, ``seals_in``: every place that holds or held an order's; they read tables, topics and the key ring, and
  open no seal
"""
