"""The parts that tests run against: Kafka and PostgreSQL, found or started here."""
