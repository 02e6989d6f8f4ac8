"""Adds the append-only audit log, each line chained to the one before by its hash."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXTS = ("writer", "role", "actor", "action", "object", "reason", "ip", "agent", "version")

# As the owner: the roles may add lines, and may neither choose their hashes nor touch the heads. Locking the
# head is what keeps one user's lines in one chain; lines of others do not wait for it.
CHAIN = """
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head public.audit_heads%ROWTYPE;
BEGIN
    NEW.chain := coalesce(NEW.user_id::text, 'system');
    INSERT INTO public.audit_heads (chain, seq, hash) VALUES (NEW.chain, 0, sha256(''))
        ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM public.audit_heads WHERE chain = NEW.chain FOR UPDATE;
    NEW.seq := head.seq + 1;
    NEW.prev_hash := head.hash;
    NEW.at := clock_timestamp();
    NEW.writer := session_user;
    NEW.hash := sha256(NEW.prev_hash || convert_to(jsonb_build_array(
        NEW.chain, NEW.seq, (extract(epoch FROM NEW.at) * 1000000)::bigint, NEW.writer, NEW.role, NEW.actor,
        NEW.action, NEW.object, NEW.reason, NEW.ip, NEW.agent, NEW.version)::text, 'UTF8'));
    UPDATE public.audit_heads SET seq = NEW.seq, hash = NEW.hash WHERE chain = NEW.chain;
    RETURN NEW;
END $$
"""
REFUSE = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_user_id_seq", "audit", ["user_id", "seq"], unique=False)
    op.execute("ALTER TABLE audit ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON audit TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(CHAIN)
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER audit_chained BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit()"
    )
    op.execute(
        "CREATE TRIGGER audit_unchanged BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()"
    )
    for table, kinds in (("audit", "TRUNCATE"), ("audit_heads", "DELETE OR TRUNCATE")):
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE {kinds} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("audit_heads")
    op.execute("DROP FUNCTION chain_audit")
    op.execute("DROP FUNCTION refuse_audit_change")
