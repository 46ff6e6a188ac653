"""The database's migrations, run by Alembic on a connection that the store hands over."""
