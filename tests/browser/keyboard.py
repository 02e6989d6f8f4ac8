"""Whoever uses no pointer: Tab from one thing to the next, typing, Enter."""

from dataclasses import dataclass

from playwright.async_api import Page, expect

from tests.browser.phone import READING

_FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.labels?.[0]?.firstChild?.textContent ?? one.getAttribute("aria-label");
  return (label ?? one.textContent ?? "").trim();
}"""
MOST_STEPS = 60


@dataclass
class Keyboard:
    """The keys of one page."""

    page: Page

    async def to(self, words: str) -> None:
        """Press Tab until what reads so has the focus."""
        passed = []
        for _ in range(MOST_STEPS):
            await self.page.keyboard.press("Tab")
            passed.append(await self.page.evaluate(_FOCUSED))
            if passed[-1] == words:
                return
        raise AssertionError(f"no way to {words!r} by Tab; passed {passed}")

    async def press(self, words: str) -> None:
        """Go to a button or link and press Enter."""
        await self.to(words)
        await self.page.keyboard.press("Enter")

    async def write(self, label: str, words: str) -> None:
        """Go to a field and type; what it held is replaced."""
        await self.to(label)
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(words)

    async def answer(self, words: str) -> None:
        """Choose a button of the open question."""
        dialog = self.page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await self.page.wait_for_timeout(READING)
        await self.press(words)
        await expect(dialog).to_be_hidden()
