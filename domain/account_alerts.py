"""Words the alerts and timeline lines about an account that shows something else than is held in it."""

from datetime import timedelta
from uuid import UUID

from domain.account_state import Claim, Finding, Noted
from domain.run import Alarm


def noted(claim: Claim, finding: Finding) -> Noted:
    """Return what is to be written on a strategy."""
    return Noted(finding.missing, _note(claim, finding), finding.oversold)


def difference_alarm(claim: Claim, finding: Finding) -> Alarm | None:
    """Return the alert for a finding that is settled; None where the account shows all that is held."""
    text = noted(claim, finding).note
    if text is None:
        return None
    if finding.oversold:
        data = {"quantity": str(finding.oversold)}
        return Alarm("oversold", text, claim.user_id, claim.strategy_id, data)
    data = {"missing": str(finding.missing), "newer_missing": str(finding.newer_missing)}
    return Alarm("account_differs", text, claim.user_id, claim.strategy_id, data)


def difference_line(claim: Claim, finding: Finding) -> str | None:
    """Return the timeline's line for a finding that is settled; None where there is nothing to say."""
    if (text := noted(claim, finding).note) is not None:
        return text
    symbol, product = claim.terms.symbol, claim.terms.product
    if claim.noted.oversold:
        return f"The account at the broker is no longer short of {symbol} ({product})."
    if claim.noted.missing:
        return (
            f"The account at the broker shows all {claim.held} {symbol} ({product}) of this strategy again."
        )
    return None


def unread_alarm(user_id: UUID, account: str, failing: timedelta, why: str) -> Alarm:
    """Return the alert for an account that holds shares and could not be read for `failing`."""
    name = account or "at the broker"
    text = (
        f"The account {name} holds shares of running strategies and could not be read "
        f"for {failing.total_seconds():.0f} s ({why}): shares that are sold by hand are not noticed, and a "
        "stop sells without a look at the account. Log in again, or see whether the broker answers."
    )
    return Alarm("account_unread", text, user_id, data={"account": account})


def _note(claim: Claim, finding: Finding) -> str | None:
    symbol, product = claim.terms.symbol, claim.terms.product
    if finding.oversold:
        return (
            f"The account is short of {finding.oversold} {symbol} ({product}) since they were sold here: "
            "more was sold than it had, by hand at the same moment. Buy them back at the broker, unless the "
            "short position is meant."
        )
    if finding.missing:
        left = claim.held - finding.missing
        then = f"the {left} that are left are sold as planned" if left else "nothing is left to sell"
        return (
            f"The account at the broker shows {left} of the {claim.held} {symbol} ({product}) that this "
            f"strategy holds: {finding.missing} were sold by hand, squared off or converted there; {then}."
        )
    if finding.newer_missing:
        return (
            f"The account at the broker shows {finding.newer_missing} {symbol} ({product}) fewer than your "
            f"strategies hold. They count as a newer strategy's: this one bought first and keeps its "
            f"{claim.held}."
        )
    return None
