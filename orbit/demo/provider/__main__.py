import argparse
import sys

from .server import add_arguments, options_from, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="demo_provider", description="A pretend OpenAI and Anthropic for demo, tests, bench."
    )
    add_arguments(parser)
    sys.exit(run(options_from(parser.parse_args())))
