"""Planted in what keeps an account its owner's: links by mail, deletion, and addresses that are called."""

from tests.planted.bug import Bug

FORGOTTEN = "tests/attacks/test_forgotten_passwords.py"
LINKS = "tests/attacks/test_mailed_links.py"
DELETION = "tests/attacks/test_account_deletion.py"
ADDRESSES = "tests/attacks/test_outgoing_addresses.py"

PEOPLE_BUGS: tuple[Bug, ...] = (
    Bug(
        "a link for a new password works twice",
        "Who reads the mailbox later sets a password of their own by the same link.",
        "services/auth/mail_links.py",
        "    if email != owner.email or not await MailTokens(session).use_up(token_hash, purpose):\n",
        "    if email != owner.email:\n",
        (f"{LINKS}::test_link_used_by_six_at_once_is_used_by_one",),
    ),
    Bug(
        "every link but the one that was used goes on working",
        "A thief's link, asked for before, takes the account back.",
        "services/auth/mail_links.py",
        "        await tokens.end_all(owner.user_id)\n",
        "        assert tokens\n",
        (f"{LINKS}::test_every_other_link_dies_with_the_first_that_is_used",),
    ),
    Bug(
        "a new password leaves logins open",
        "The thief whom the reset was to lock out goes on trading.",
        "services/auth/mail_links.py",
        "        ended = await UserLogins(session, owner.user_id).end_all(deps.clock.now())\n",
        "        ended: list[UUID] = [] if UserLogins else []\n",
        (f"{LINKS}::test_link_sets_a_new_password_once_and_ends_every_login",),
    ),
    Bug(
        "an address that nobody confirmed is mailed a way in",
        "Who owns a mistyped address takes over the account of who mistyped it.",
        "domain/account_mail.py",
        "    if not asked.verified:\n        return MailPurpose.VERIFY\n",
        "",
        (f"{FORGOTTEN}::test_table_of_what_is_mailed",),
    ),
    Bug(
        "an account is deleted while it holds",
        "Nothing sells the shares of a failed exit any more: the broker login is gone.",
        "adapters/postgres/strategies.py",
        "        busy = or_(StrategyRow.status == Status.RUNNING, left, unanswered)\n",
        "        busy = or_(StrategyRow.status == Status.RUNNING, and_(left, unanswered))\n",
        (f"{DELETION}::test_account_is_not_deleted_while_shares_of_a_failed_exit_are_held",),
    ),
    Bug(
        "what is left of erased audit lines is not proven",
        "A clerk changes what a deleted account did, and the check says nothing.",
        "domain/audit.py",
        "entry.reason == self._erasure.proof():",
        "entry.reason:",
        (f"{DELETION}::test_what_is_left_of_a_deleted_accounts_lines_cannot_be_changed_unseen",),
    ),
    Bug(
        "a stored address of a service is believed",
        "A changed row makes the worker call a host of the inner network.",
        "adapters/notifications/services.py",
        "            service = await asyncio.to_thread(service_of, address, self._services)\n",
        '            service = self._services[address.partition("://")[0].lower()]\n',
        (f"{ADDRESSES}::test_stored_service_that_names_a_host_of_ours_is_not_called",),
    ),
)
