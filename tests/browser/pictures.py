"""Pictures of pages, for people to look at: FLOODGATE_SCREENSHOTS=folder pytest tests/browser."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

HEIGHT = 900
LOOKS = (("light", 1280), ("dark", 1280), ("phone", 390))


@dataclass(frozen=True, slots=True)
class Pictures:
    """A folder with a folder for each look; without a folder, nothing is kept."""

    folder: Path | None

    def take(self, page: Page, name: str) -> None:
        """Keep the whole page in every look, however long it is."""
        if self.folder is None:
            return
        before = page.viewport_size
        for look, width in LOOKS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            set_theme(page, "dark" if look == "dark" else "light")
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(HEIGHT, height)})  # so that nothing sticks over it
            page.screenshot(path=self.folder / look / f"{name}.png")
        if before:
            page.set_viewport_size(before)


def set_theme(page: Page, theme: str) -> None:
    """Show the open page light or dark, as Unfold does by a class: it looks at what the system prefers only once."""
    page.evaluate("theme => document.documentElement.classList.toggle('dark', theme == 'dark')", theme)
    page.evaluate("document.getAnimations().forEach(animation => animation.finish())")  # colours that still fade
