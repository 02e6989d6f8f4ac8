"""The exchange's holidays on weekdays: as published, and beyond that as estimated.

Written by `python -m local.exchange_days`; do not edit.
Published: exchange_calendars 4.13.2 (XBOM); circulars NSE/CMTR/65587 (2025), 71775 and 72260 (2026).
Estimated: holidays 0.109 (XNSE).
"""

from collections.abc import Mapping
from datetime import date

FIRST_DAY = date(2025, 1, 1)
PUBLISHED_TO = date(2026, 12, 31)
ESTIMATED_TO = date(2028, 12, 31)
PUBLISHED: Mapping[date, str] = {
    date(2025, 2, 26): "Maha Shivaratri",
    date(2025, 3, 14): "Holi",
    date(2025, 3, 31): "Id-Ul-Fitr (Ramadan Eid)",
    date(2025, 4, 10): "Mahavir Jayanti",
    date(2025, 4, 14): "Dr. Baba Saheb Ambedkar Jayanti",
    date(2025, 4, 18): "Good Friday",
    date(2025, 5, 1): "Maharashtra Day",
    date(2025, 8, 15): "Independence Day",
    date(2025, 8, 27): "Ganesh Chaturthi",
    date(2025, 10, 2): "Dussehra; Mahatma Gandhi Jayanti",
    date(2025, 10, 21): "Diwali Laxmi Pujan",
    date(2025, 10, 22): "Diwali Balipratipada",
    date(2025, 11, 5): "Guru Nanak Jayanti",
    date(2025, 12, 25): "Christmas Day",
    date(2026, 1, 15): "announced separately",
    date(2026, 1, 26): "Republic Day",
    date(2026, 3, 3): "Holi",
    date(2026, 3, 26): "Ram Navami",
    date(2026, 3, 31): "Mahavir Jayanti",
    date(2026, 4, 3): "Good Friday",
    date(2026, 4, 14): "Dr. Baba Saheb Ambedkar Jayanti",
    date(2026, 5, 1): "Maharashtra Day",
    date(2026, 5, 28): "Bakri Id",
    date(2026, 6, 26): "Muharram",
    date(2026, 9, 14): "Ganesh Chaturthi",
    date(2026, 10, 2): "Mahatma Gandhi Jayanti",
    date(2026, 10, 20): "Dussehra",
    date(2026, 11, 10): "Diwali Balipratipada",
    date(2026, 11, 24): "Guru Nanak Jayanti",
    date(2026, 12, 25): "Christmas Day",
}
ESTIMATED: Mapping[date, str] = {
    date(2027, 1, 26): "Republic Day",
    date(2027, 3, 10): "Id-Ul-Fitr (Ramadan Eid) (estimated)",
    date(2027, 3, 22): "Holi",
    date(2027, 3, 26): "Good Friday",
    date(2027, 4, 14): "Dr. Baba Saheb Ambedkar Jayanti",
    date(2027, 4, 15): "Ram Navami",
    date(2027, 5, 17): "Bakri Id (estimated)",
    date(2027, 6, 16): "Muharram (estimated)",
    date(2027, 10, 29): "Diwali Laxmi Pujan",
    date(2028, 1, 26): "Republic Day",
    date(2028, 2, 23): "Maha Shivaratri",
    date(2028, 4, 3): "Ram Navami",
    date(2028, 4, 7): "Mahavir Jayanti",
    date(2028, 4, 14): "Dr. Baba Saheb Ambedkar Jayanti; Good Friday",
    date(2028, 5, 1): "Maharashtra Day",
    date(2028, 8, 15): "Independence Day",
    date(2028, 8, 23): "Ganesh Chaturthi",
    date(2028, 9, 27): "Dussehra",
    date(2028, 10, 2): "Mahatma Gandhi Jayanti",
    date(2028, 10, 17): "Diwali Laxmi Pujan",
    date(2028, 10, 18): "Diwali Balipratipada",
    date(2028, 11, 2): "Guru Nanak Jayanti",
    date(2028, 12, 25): "Christmas Day",
}
