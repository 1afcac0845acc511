"""``fitprint db``."""

from __future__ import annotations

import argparse

from fitprint.cli.terminal import tell
from fitprint.recording.workspace import current
from fitprint.stores.addresses import whole
from fitprint_postgres.driver import PostgresDriver

__all__ = ["COMMAND", "Upkeep"]


class Upkeep:
    """`fitprint db status` says of which version the tables of a store in PostgreSQL are, and which
    this fitprint needs. `fitprint db upgrade` brings them up to date, in one transaction; programs
    that use the store wait meanwhile. Make a backup before (pg_dump), and upgrade fitprint
    everywhere after: an older one goes on where the new version lets it, and says so where not.

    The exit status is 1 where there is something to do.
    """

    name = "db"
    help = "Look at the tables of a store in PostgreSQL, or bring them up to date."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", choices=("status", "upgrade"), help="what to do")
        parser.add_argument(
            "--store",
            metavar="URI",
            help="the store; by default the one in which runs are recorded",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="upgrade: print the statements, and do nothing"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        uri = arguments.store or current().destination.whole_uri or current().store_uri
        if not uri.startswith(("postgresql://", "postgres://")):
            tell(f"{uri} is no store in PostgreSQL; other stores bring themselves up to date")
            return 2
        driver = PostgresDriver(whole(uri))
        try:
            return self._run(driver, arguments.action, dry=arguments.dry_run)
        finally:
            driver.close()

    def _run(self, driver: PostgresDriver, action: str, *, dry: bool) -> int:
        missing = driver.missing()
        if action == "upgrade" and not dry:
            driver.upgrade()
            tell(
                f"{driver.uri} is up to date"
                + (f": {len(missing)} statements were executed" if missing else "")
            )
            return 0
        if action == "upgrade":
            # what the command is for
            print("".join(f"{statement};\n" for statement in missing), end="")  # noqa: T201
        tell(f"{driver.uri}: {driver.described()}")
        return int(bool(missing))


COMMAND = Upkeep()
