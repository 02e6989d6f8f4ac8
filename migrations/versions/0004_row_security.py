"""Forces row-level security on every table that belongs to users. Roles get policies when they are made.

The owner keeps its access by a policy: forced security binds it as well where it is no superuser, and
migrations, the operator's commands and the listener's views run as the owner.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("users", "sessions", "broker_keys", "strategies", "orders", "events")


def upgrade() -> None:
    # A setting that was made for an earlier transaction of the connection reads as '' afterwards.
    op.execute(
        "CREATE FUNCTION acting_user() RETURNS uuid LANGUAGE sql STABLE "
        "AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$"
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")


def downgrade() -> None:
    # Those of the roles too, which hold on to the function.
    op.execute(
        "DO $$ DECLARE found record; BEGIN "
        "FOR found IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = current_schema() LOOP "
        "EXECUTE format('DROP POLICY %I ON %I', found.policyname, found.tablename); END LOOP; END $$"
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION acting_user()")
