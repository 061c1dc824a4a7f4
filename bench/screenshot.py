"""Takes a picture of a running page after it has answered a question.

    python bench/screenshot.py http://127.0.0.1:7860 "Where did they meet?" docs/page.png [--dark] [--phone]

Needs the `test` extra and Debian's chromium.
"""

import argparse

from playwright.sync_api import sync_playwright


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes a picture of a running page after it has answered a question.")
    parser.add_argument("address")
    parser.add_argument("question")
    parser.add_argument("picture")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--marker", type=int, default=1, help="the marker to choose; 0 = none")
    chosen = parser.parse_args()
    size = {"width": 390, "height": 844} if chosen.phone else {"width": 1280, "height": 800}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport=size, color_scheme="dark" if chosen.dark else "light")
        page.goto(chosen.address)
        page.get_by_placeholder("Ask your articles").fill(chosen.question)
        page.keyboard.press("Enter")
        page.locator("[role=log][aria-busy=false] .cb-exchange").wait_for(timeout=300_000)
        if chosen.marker:
            page.locator(f'.cb-answer p button[data-marker="{chosen.marker}"]').click()
            page.locator(f'mark.cb-here[data-number="{chosen.marker}"]').wait_for()
            page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # for the scrolling to end
        page.screenshot(path=chosen.picture)
        browser.close()


if __name__ == "__main__":
    main()
