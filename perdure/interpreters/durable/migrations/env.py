"""What alembic runs: the versions, on a connection whose transaction is the caller's."""

from alembic import context

# alembic's own transactions do not enclose DDL on SQLite: a kill would leave half a schema.
context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
