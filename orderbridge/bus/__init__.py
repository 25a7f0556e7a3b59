"""Everything that knows Kafka: workers (Faust), topics, publishing, dead letters, the embedded broker."""
