"""What goes wrong in a page while a test looks elsewhere: errors on the console, of scripts, of requests."""

from playwright.sync_api import ConsoleMessage, Page, Request, Response

NO_FAULTS = (
    "net::ERR_ABORTED",  # the page was left while it still loaded
    "net::ERR_CACHE_MISS",  # going back to what a form brought and nobody may keep: the browser asks first
)


def watched(page: Page) -> list[str]:
    """What goes wrong in a page from now on, a sentence each; violations of its security policy are console errors."""
    faults: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(f"{page.url} says on the console: {message.text}")

    def failed(request: Request) -> None:
        if request.failure not in NO_FAULTS:
            faults.append(f"{page.url} does not get {request.url}: {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            faults.append(f"{page.url} gets {response.status} from {response.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(f"{page.url} has an error in a script: {error}"))
    page.on("requestfailed", failed)
    page.on("response", answered)
    return faults
