import sys

from orbit.cli.main import main

sys.exit(main())
