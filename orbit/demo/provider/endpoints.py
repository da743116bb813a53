"""OpenAI's endpoints beside chat, embeddings and models: which path is served by whom."""

from collections.abc import Callable
from urllib.parse import unquote

from .completions import Completions
from .desk import Desk, Work
from .exchange import Exchange
from .images import Images
from .moderations import Moderations
from .responses import Responses
from .speech import Speech
from .transcripts import Transcripts

Endpoint = Callable[[Exchange], Work]


class Endpoints:
    def __init__(self, desk: Desk) -> None:
        self._responses = Responses(desk)
        images, transcripts = Images(desk), Transcripts(desk)
        self._fixed: dict[str, Endpoint] = {
            "/v1/audio/speech": Speech(desk).create,
            "/v1/audio/transcriptions": transcripts.transcribe,
            "/v1/audio/translations": transcripts.translate,
            "/v1/completions": Completions(desk).create,
            "/v1/images/edits": images.edit,
            "/v1/images/generations": images.generate,
            "/v1/images/variations": images.vary,
            "/v1/moderations": Moderations(desk).create,
            "/v1/responses": self._responses.create,
            "/v1/responses/input_tokens": self._responses.count_input,
        }

    def find(self, method: str, path: str) -> Endpoint | None:
        if method == "POST" and (endpoint := self._fixed.get(path)):
            return endpoint
        found, responses = path.removeprefix("/v1/responses/"), self._responses
        if found == path:
            return None
        response_id, _, what = found.partition("/")
        response_id = unquote(response_id)
        match method, what:
            case "GET", "":
                return lambda exchange: responses.retrieve(exchange, response_id)
            case "DELETE", "":
                return lambda exchange: responses.delete(exchange, response_id)
            case "POST", "cancel":
                return lambda exchange: responses.cancel(exchange, response_id)
            case "GET", "input_items":
                return lambda exchange: responses.input_items(exchange, response_id)
        return None
