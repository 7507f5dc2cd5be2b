"""`python -m onnxlint`."""

from onnxlint.cli.main import main

if __name__ == "__main__":
    main()
