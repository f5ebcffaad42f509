"""Long checks with figures: `python -m tests.soak.NAME` prints them; the tests run short ones."""
