"""Makes the pictures of the page: the bot with the sample articles in a real browser. `make pictures`.

Files: docs/page-WIDTH-SCHEME.png. It needs the models, and Chromium; the articles go to a temporary folder.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
PORT = 7961
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
QUESTION = "Why did the mayor switch off the chatbot?"
FOLDER = Path(__file__).resolve().parent.parent / "docs"


def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        bot = [sys.executable, "-m", "bot", "--data-dir", data]
        subprocess.run([*bot, "ingest", "--samples"], check=True)
        subprocess.run([*bot, "warm"], check=True)
        page = subprocess.Popen([*bot, "chat", "--port", str(PORT)], stdout=subprocess.PIPE, text=True)
        try:
            wait_for(page)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                for size in SIZES:
                    for scheme in ("light", "dark"):
                        take(browser, size, scheme)
                browser.close()
        finally:
            page.terminate()
            page.wait()


def wait_for(page: subprocess.Popen[str]) -> None:
    for line in page.stdout or ():
        if "The page is on" in line:
            return
    raise SystemExit("The page did not start; its message is above.")


def take(browser: Browser, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{PORT}")
    page.get_by_placeholder("Ask your articles").fill(QUESTION)
    page.get_by_placeholder("Ask your articles").press("Enter")
    expect(page.locator(".cb-sources")).to_be_attached(timeout=120_000)
    expect(page.locator("mark.cb-here")).to_be_attached()
    page.locator(".cb-answer p .cb-marker").first.hover()
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / f"page-{size}-{scheme}.png")
    context.close()


if __name__ == "__main__":
    main()
