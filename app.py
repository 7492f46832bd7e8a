"""``python app.py``: the server on port 5000, configured by the environment."""

from cryptopilot.cli.serve import main

if __name__ == "__main__":
    raise SystemExit(main())
