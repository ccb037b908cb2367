"""What Alembic runs for each command: on the connection, and in the transaction, that parental.store.revisions has
begun."""

from alembic import context

from parental.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by making the table again
    transactional_ddl=True,  # both do; Alembic thinks SQLite does not, since Python's driver once hid it
)
context.run_migrations()
