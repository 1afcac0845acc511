"""The store keeps the promises of every store."""

from fitprint_postgres.conformance import PostgresConformance as TestPostgres

__all__ = ["TestPostgres"]
