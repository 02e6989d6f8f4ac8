"""Passwords that are guessed first: words of every published list of the most used, with their usual endings.

Not a list of breached passwords, which would be a service or many megabytes: at ten guesses a quarter hour it
is the first few hundred that matter.
"""

from itertools import product

_WORDS = """
password passw0rd p@ssword p@ssw0rd passwort pass admin administrator root user guest login welcome
letmein qwerty qwertyuiop qwerty123 qwer asdf asdfgh asdfghjkl zxcv zxcvbn zxcvbnm qazwsx qazwsxedc
1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc q1w2e3r4 zaq12wsx abc abcd abcde abcdef abcdefg abcdefgh
a1b2c3 a1b2c3d4 aa iloveyou ilove loveyou lovely love sweetheart princess sunshine shadow dragon monkey
master superman batman spiderman pokemon naruto starwars football baseball basketball soccer cricket
liverpool chelsea arsenal barcelona manchester hockey yankees michael jordan jessica jennifer michelle
charlie thomas daniel andrew joshua matthew robert anthony ashley nicole hannah samantha computer
internet samsung google facebook apple iphone android whatever trustno killer pepper ginger cookie cheese
chocolate banana orange purple summer winter spring autumn flower butterfly diamond silver golden freedom
secret test testing temp demo hello changeme default access system india indian bharat hindustan mumbai
delhi bangalore chennai kolkata krishna ganesh shiva hanuman sairam omsairam jaimatadi jaishreeram
bismillah allah jesus christ waheguru lakshmi durga mahadev radhe radheradhe radhakrishna sachin
tendulkar dhoni virat kohli rohit rahul amit priya pooja neha sanjay vijay suresh ramesh rajesh mahesh
zerodha kite nifty sensex banknifty trading trader trade stock stocks stockmarket market money rupee
crorepati stopwatch stoploss intraday
"""
_ENDINGS = """
1 12 123 1234 12345 123456 12345678 007 01 69 99 100 111 786 321 000 1! 123! ! @ @1 @12 @123 @1234 @12345
#123 _123 @2020 @2021 @2022 @2023 @2024 @2025 @2026 2020 2021 2022 2023 2024 2025 2026
"""
_DIGITS = """
12345678 123456789 1234567890 0123456789 01234567 87654321 987654321 9876543210 0987654321 12341234
12344321 11223344 1122334455 11112222 12121212 10101010 123123123 123321123 123454321 147258369 159753456
741852963 789456123 31415926 14141414 13131313 69696969 20202020 12312312 98765432 123698745 147852369
"""
_ENDED = ("", *_ENDINGS.split())
_COMMON = frozenset(
    [
        *(word + ending for word, ending in product(_WORDS.split(), _ENDED)),
        *_DIGITS.split(),
        *(letter * times for letter in "0123456789abcdeqxz" for times in (8, 9, 10)),
    ]
)


def is_easy_to_guess(password: str, email: str) -> bool:
    """Tell whether a stranger would try this password early: a common one, or made of the e-mail alone."""
    guess = password.casefold()
    local, _, domain = email.casefold().partition("@")
    own = {f"{local}@{domain}", f"{local}{domain}", *(local + ending for ending in _ENDED)}
    return guess in _COMMON or guess in own
