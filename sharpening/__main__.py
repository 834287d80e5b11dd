"""`python -m sharpening` is the same as `sharpening`."""

from __future__ import annotations

from sharpening.cli import main

if __name__ == "__main__":
    main()
