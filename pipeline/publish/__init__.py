"""What publishes on Kafka what PostgreSQL holds."""
