"""Adds confirmed addresses, deleted accounts, and mails about accounts with the tokens of their links."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# For the API, whose user has just marked its own account as deleted: of the lines of that user alone, and of
# these only what is personal. Locks the chain as a new line does.
ERASE = """
CREATE FUNCTION erase_audit() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE me uuid := public.acting_user();
BEGIN
    IF NOT EXISTS (SELECT FROM public.users WHERE user_id = me AND deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the audit lines of an account are erased with the account'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM public.audit_heads WHERE chain = me::text FOR UPDATE;
    PERFORM set_config('app.erasing', me::text, true);
    UPDATE public.audit SET ip = 'erased', agent = 'erased',
        object = CASE WHEN action LIKE 'broker%' THEN 'erased' ELSE object END,
        reason = CASE WHEN action LIKE 'channel%' THEN 'erased' ELSE reason END
        WHERE user_id = me;
    PERFORM set_config('app.erasing', '', true);
END $$
"""
# No role may write an address: one that could would log in as anybody. What takes its place is no e-mail, so
# that nothing logs in by it, and frees the address.
ERASE_ADDRESS = """
CREATE FUNCTION erase_address() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE public.users SET email = 'deleted ' || gen_random_uuid()
    WHERE user_id = public.acting_user() AND deleted_at IS NOT NULL
$$
"""
# As in 0007, but for what `erase_audit` does: no other field of a line changes, and no role but the owner,
# as whom it runs, may update one at all.
REFUSE = """
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' THEN
        IF current_setting('app.erasing', true) = OLD.user_id::text
            AND NEW.ip = 'erased' AND NEW.agent = 'erased'
            AND NEW.object IN (OLD.object, 'erased') AND NEW.reason IN (OLD.reason, 'erased')
            AND (to_jsonb(NEW) - ARRAY['ip', 'agent', 'object', 'reason'])
                = (to_jsonb(OLD) - ARRAY['ip', 'agent', 'object', 'reason'])
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""
BEFORE = """
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    op.add_column("users", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    create_mails()
    create_tokens()
    op.create_table(
        "mail_state",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sends", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_mail_state_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_mail_state")),
    )
    op.execute("INSERT INTO mail_state DEFAULT VALUES")
    op.execute(REFUSE)
    op.execute(ERASE)
    op.execute("REVOKE ALL ON FUNCTION erase_audit() FROM PUBLIC")
    op.execute(ERASE_ADDRESS)
    op.execute("REVOKE ALL ON FUNCTION erase_address() FROM PUBLIC")


def create_mails() -> None:
    now = sa.text("clock_timestamp()")
    op.create_table(
        "account_mails",
        sa.Column("mail_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("status", sa.String(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_as", sa.String(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_account_mails")),
    )
    op.create_index(
        "ix_account_mails_due", "account_mails", ["due_at"], postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_index("ix_account_mails_email", "account_mails", ["email", "claimed_at"])


def create_tokens() -> None:
    op.create_table(
        "mail_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_mail_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_mail_tokens")),
    )
    op.create_index(op.f("ix_mail_tokens_user_id"), "mail_tokens", ["user_id"], unique=False)
    op.execute("ALTER TABLE mail_tokens ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE mail_tokens FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON mail_tokens TO CURRENT_USER USING (true) WITH CHECK (true)")


def downgrade() -> None:
    op.execute("DROP FUNCTION erase_address()")
    op.execute("DROP FUNCTION erase_audit()")
    op.execute(BEFORE)
    for table in ("mail_state", "mail_tokens", "account_mails"):
        op.drop_table(table)
    op.drop_column("users", "deleted_at")
    op.drop_column("users", "verified_at")
