"""`python -m qloop.cli` is `qloop`."""

from qloop.cli.app import main

raise SystemExit(main())
