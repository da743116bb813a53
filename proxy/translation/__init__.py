"""Between wire formats: a package for each direction; what has no counterpart is refused by name."""

from collections.abc import Mapping

from proxy.translation.base import Translate
from proxy.translation.chat_to_messages import chat_to_messages
from proxy.translation.composed import composed
from proxy.translation.messages_to_chat import messages_to_chat
from proxy.translation.responses_to_chat import responses_to_chat, responses_to_our_chat

# (the client's format, the provider's)
TRANSLATIONS: Mapping[tuple[str, str], Translate] = {
    ("chat/completions", "messages"): chat_to_messages,
    ("messages", "chat/completions"): messages_to_chat,
    ("responses", "chat/completions"): responses_to_chat,
    ("responses", "messages"): composed(responses_to_our_chat, chat_to_messages),
}
