"""Between wire formats: a module for each direction; what has no counterpart is refused by name."""

from collections.abc import Mapping

from proxy.translation.base import Translate
from proxy.translation.chat_to_messages import chat_to_messages
from proxy.translation.messages_to_chat import messages_to_chat

# (the client's format, the provider's)
TRANSLATIONS: Mapping[tuple[str, str], Translate] = {
    ("chat/completions", "messages"): chat_to_messages,
    ("messages", "chat/completions"): messages_to_chat,
}
