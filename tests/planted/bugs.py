"""All the planted bugs."""

from tests.planted.bug import Bug
from tests.planted.days import DAY_BUGS
from tests.planted.house import HOUSE_BUGS
from tests.planted.orders import ORDER_BUGS
from tests.planted.prices import PRICE_BUGS
from tests.planted.users import USER_BUGS

BUGS: tuple[Bug, ...] = (*ORDER_BUGS, *DAY_BUGS, *HOUSE_BUGS, *PRICE_BUGS, *USER_BUGS)
