"""Run the steps on the connection that the store hands over, in its transaction: all of them or none."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
