"""The store keeps the promises of every store."""

from fitprint_postgres.conformance import PostgresConformance as TestPostgres
from fitprint_postgres.conformance import PostgresShortConformance as TestPostgresShort

__all__ = ["TestPostgres", "TestPostgresShort"]
