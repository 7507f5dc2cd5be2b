"""How tests start Chromium: without a window, and without what it does beside showing a page."""

QUIETLY = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-extensions", "--disable-quic", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
