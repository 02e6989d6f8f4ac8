"""Checks that row-level security keeps tenants apart for the API's database role."""

from sqlalchemy import text

from adapters.postgres.engine import Store

_ROLE = text(
    "SELECT rolsuper OR rolbypassrls AS above, EXISTS (SELECT FROM pg_tables WHERE "
    "schemaname = current_schema() AND pg_has_role(current_user, tableowner, 'MEMBER')) AS owner, "
    "EXISTS (SELECT FROM pg_policies, unnest(roles) AS other WHERE schemaname = current_schema() "
    "AND other NOT IN ('public', current_user) AND pg_has_role(current_user, other, 'MEMBER')) AS member "
    "FROM pg_roles WHERE rolname = current_user"
)
_OPEN = text(
    "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
    "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND a.attname = 'user_id' "
    "AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY c.relname"
)


class RowSecurityMissing(Exception):
    """The API must not serve: Postgres does not keep its tenants apart. The message says what to do."""


async def check_row_security(store: Store) -> None:
    """Return when Postgres keeps tenants apart for this role.

    Raises `RowSecurityMissing`, `StoreUnavailable`.
    """
    async with store.statement() as connection:
        role = (await connection.execute(_ROLE)).one()
        unguarded = list(await connection.scalars(_OPEN))
    if role.above or role.owner or role.member:
        raise RowSecurityMissing(
            "The database user of STOPWATCH_DATABASE_URL_API owns the schema, bypasses row-level "
            "security or is a member of a role that sees more, so it would see the rows of every user: "
            "name another user there and run `stopwatch migrate`, which makes it."
        )
    if unguarded:
        raise RowSecurityMissing(
            f"The tables {', '.join(unguarded)} have no forced row-level security, which keeps users apart: "
            "run `stopwatch migrate`."
        )
