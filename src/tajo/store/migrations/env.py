"""Alembic's entry: migrations run on the connection that `Database.migrate` hands over, in its transaction."""

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"],
    target_metadata=given["schema"].tables,
    version_table=given["schema"].version_table,
    transactional_ddl=True,
)
context.run_migrations()
