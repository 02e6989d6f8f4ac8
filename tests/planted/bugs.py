"""All the planted bugs."""

from tests.planted.account import ACCOUNT_BUGS
from tests.planted.account_limits import ACCOUNT_LIMIT_BUGS
from tests.planted.books import BOOK_BUGS
from tests.planted.bug import Bug
from tests.planted.calendar import CALENDAR_BUGS
from tests.planted.charges import CHARGE_BUGS
from tests.planted.days import DAY_BUGS
from tests.planted.doors import DOOR_BUGS
from tests.planted.edits import EDIT_BUGS
from tests.planted.entries import ENTRY_BUGS
from tests.planted.house import HOUSE_BUGS
from tests.planted.identity import IDENTITY_BUGS
from tests.planted.kept_stops import KEPT_STOP_BUGS
from tests.planted.orders import ORDER_BUGS
from tests.planted.other_hands import HAND_BUGS
from tests.planted.own_keys import OWN_KEY_BUGS
from tests.planted.paper import PAPER_BUGS
from tests.planted.people import PEOPLE_BUGS
from tests.planted.ports import PORT_BUGS
from tests.planted.prices import PRICE_BUGS
from tests.planted.resting import RESTING_BUGS
from tests.planted.rounds import ROUND_BUGS
from tests.planted.series import SERIES_BUGS
from tests.planted.standing import STANDING_BUGS
from tests.planted.tenants import TENANT_BUGS
from tests.planted.triggers import TRIGGER_BUGS
from tests.planted.users import USER_BUGS
from tests.planted.watchers import WATCHER_BUGS
from tests.planted.ways_out import WAYS_OUT_BUGS
from tests.planted.words import WORD_BUGS

BUGS: tuple[Bug, ...] = (
    *ORDER_BUGS,
    *ACCOUNT_BUGS,
    *HAND_BUGS,
    *DAY_BUGS,
    *HOUSE_BUGS,
    *USER_BUGS,
    *EDIT_BUGS,
    *ENTRY_BUGS,
    *ROUND_BUGS,
    *TENANT_BUGS,
    *CALENDAR_BUGS,
    *WATCHER_BUGS,
    *WAYS_OUT_BUGS,
    *IDENTITY_BUGS,
    *DOOR_BUGS,
    *PRICE_BUGS,
    *OWN_KEY_BUGS,
    *PAPER_BUGS,
    *PEOPLE_BUGS,
    *PORT_BUGS,
    *STANDING_BUGS,
    *RESTING_BUGS,
    *KEPT_STOP_BUGS,
    *TRIGGER_BUGS,
    *WORD_BUGS,
    *CHARGE_BUGS,
    *ACCOUNT_LIMIT_BUGS,
    *BOOK_BUGS,
    *SERIES_BUGS,
)
