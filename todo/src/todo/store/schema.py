"""Brings the schema up to date, whoever else may be doing so."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from todo.store import SchemaTooNew

#: The newest migration. A database that is there needs none, and Alembic is not even imported.
HEAD = "0001"

_MIGRATIONS = Path(__file__).with_name("migrations")
#: Any number that nobody else locks in this database.
_LOCK = 7_0361_2049


def upgrade(connection: Connection) -> bool:
    """Run the migrations that are missing, in this connection's transaction; False if there were none."""
    if version(connection) == HEAD:
        return False
    _lock(connection)
    if version(connection) == HEAD:
        return False
    _migrate(connection)
    return True


def version(connection: Connection) -> str | None:
    """The migration that the database is at; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(
        select(column("version_num")).select_from(table("alembic_version"))
    )
    return found


def _lock(connection: Connection) -> None:
    """Hold off everyone else until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _migrate(connection: Connection) -> None:
    # Imported here: it costs 10 MB and a tenth of a second, and is needed once in a database's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaTooNew(str(error)) from error
