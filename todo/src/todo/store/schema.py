"""Migrates the schema, safely for several processes at once."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
)

from todo.store import SchemaTooNew, StoreRefused
from todo.store.tables import INDEXES, metadata, todos

#: The newest migration.
HEAD = "0002"

_MIGRATIONS = Path(__file__).with_name("migrations")
#: Any number that nobody else locks in this database.
_LOCK = 7_0361_2049

#: Alembic's own, as Alembic makes it.
versions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def upgrade(connection: Connection) -> str:
    """Bring the schema up to date in this connection's transaction; what was done, "" for nothing."""
    if _version(connection) == HEAD:
        return _checked(connection)
    _lock(connection)
    version = _version(connection)
    if version == HEAD:
        return _checked(connection)
    if not version and inspect(connection).has_table(todos.name):
        raise StoreRefused(
            f"it has a table {todos.name} that this program did not make, or lost what says which version of "
            "the schema it has; name another database, or restore it from a backup"
        )
    if version is None:
        _create(connection)
        return "a new one, without items"
    _migrate(connection)
    return "schema updated"


def _version(connection: Connection) -> str | None:
    """The migration that the database is at: "" before the first, None where it is new."""
    if not inspect(connection).has_table(versions.name):
        return None
    return connection.scalar(select(versions.c.version_num)) or ""


def _checked(connection: Connection) -> str:
    """Nothing was to be done, if the schema is what its version says."""
    if not inspect(connection).has_table(todos.name):
        raise StoreRefused(
            f"it has version {HEAD} of the schema and no table {todos.name}; restore it from a backup, or "
            "name another"
        )
    return ""


def _create(connection: Connection) -> None:
    """Make the newest schema at once. A test holds that the migrations lead to the same."""
    metadata.create_all(connection)
    for statement in INDEXES:
        connection.exec_driver_sql(statement)
    versions.create(connection)
    connection.execute(versions.insert().values(version_num=HEAD))


def _lock(connection: Connection) -> None:
    """Hold off everyone else until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _migrate(connection: Connection) -> None:
    # Imported here: it costs 12 MB and 0.2 s, and is needed only after an update of this program.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaTooNew(
            f"a newer release of this program made its schema, {_version(connection)}, and this one knows "
            f"{HEAD}; run the newer release (in Compose, TODO_VERSION names it)"
        ) from error
