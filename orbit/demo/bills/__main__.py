import argparse
import sys
from pathlib import Path

from .server import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="bills", description="Pretend reports of usage and costs, for tests."
    )
    parser.add_argument("--scenario", type=Path, required=True, help="what was counted, and at which prices")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse-every", type=int, default=0, help="answer 429 to each n-th request")
    parser.add_argument("--parent", type=int, help="stop when this parent process is gone")
    options = parser.parse_args()
    sys.exit(serve(options.scenario, options.port, options.refuse_every, options.parent))
