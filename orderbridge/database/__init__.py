"""Tables, migrations, and the unit of work with its inbox and outbox."""
