"""``fitprint db``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitprint_postgres.driver import PostgresDriver

__all__ = ["COMMAND", "Upkeep"]


class Upkeep:
    """`fitprint db status` shows the version of the tables of a PostgreSQL store, and the version
    that this fitprint needs. `fitprint db upgrade` brings the tables up to date, in one
    transaction; programs that use the store wait meanwhile. Make a backup first (pg_dump), and
    upgrade fitprint everywhere afterwards: older versions continue to work if the new tables allow
    it, and say so if not.

    The exit status is 1 if an upgrade is needed.
    """

    name = "db"
    help = "Check the tables of a PostgreSQL store, or bring them up to date."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", choices=("status", "upgrade"), help="what to do")
        parser.add_argument(
            "--store",
            metavar="URI",
            help="the store; by default the one in which runs are recorded",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="upgrade: only print the statements"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        # `fitprint --help` asks for this command, and shall not wait for these
        from fitprint.cli.terminal import tell
        from fitprint.recording.workspace import current
        from fitprint.stores.addresses import whole
        from fitprint_postgres.driver import PostgresDriver

        uri = arguments.store or current().destination.whole_uri or current().store_uri
        if not uri.startswith(("postgresql://", "postgres://")):
            tell(f"{uri} is not a PostgreSQL store; other stores bring themselves up to date")
            return 2
        driver = PostgresDriver(whole(uri))
        try:
            status, told = _upkeep(driver, arguments.action, dry=arguments.dry_run)
        finally:
            driver.close()
        tell(f"{driver.uri}{told}")
        return status


def _upkeep(driver: PostgresDriver, action: str, *, dry: bool) -> tuple[int, str]:
    """Do it, and return the exit status and what is to be said of the store."""
    missing = driver.missing()
    if action == "upgrade" and not dry:
        driver.upgrade()
        done = f": {len(missing)} statements were executed" if missing else ""
        return 0, f" is up to date{done}"
    if action == "upgrade":
        # what the command is for
        print("".join(f"{statement};\n" for statement in missing), end="")  # noqa: T201
    return int(bool(missing)), f": {driver.described()}"


COMMAND = Upkeep()
