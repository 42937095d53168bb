"""Kafka, PostgreSQL and MQTT as child processes of `casestream up`."""
