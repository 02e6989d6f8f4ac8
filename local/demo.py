from local.endpoints import Endpoints
from local.terminal import Terminal


async def play(endpoints: Endpoints, terminal: Terminal) -> None:
    terminal.line("demo: to come")
