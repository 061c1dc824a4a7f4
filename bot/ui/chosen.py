"""The Settings tab: what the bot is set to, and how that is changed, as HTML; pure."""

from collections.abc import Mapping
from html import escape

from pydantic import JsonValue

SHOWN = {
    "llm.model": "Language model",
    "llm.server": "Language model's server",
    "embed.model": "Embedder",
    "retrieve.characters": "Passages: characters that the model is shown, at most",
    "answer.min_answerable": "Strictness: refuse below this probability of an answer",
    "answer.check": "The model is asked first whether a question can be answered",
    "answer.quick": "Quick: no sentence is read again unless nothing came of it",
    "cite.unsupported": "Sentences that the articles do not support",
    "chat.history_turns": "Earlier questions and answers that the model is shown",
    "chat.keep_conversations": "Conversations are kept",
    "chat.add_by_url": "Web pages may be added by their address",
    "chat.login": "Log-in",
    "chat.mcp": "MCP server",
}
SAID = {
    True: "yes",
    False: "no",
    None: "–",
    "leave_out": "left out",
    "mark": "marked",
    "auto": "where it may refuse",
    "always": "always",
}


def table(settings: Mapping[str, JsonValue]) -> str:
    """Those of the settings that readers ask about, by their dotted names; nothing of those that are not given."""
    rows = "".join(
        f'<tr><th scope="row">{escape(meaning)}</th><td>{escape(_said(settings[name]))}</td>'
        f"<td><code>{name}</code></td></tr>"
        for name, meaning in SHOWN.items()
        if name in settings and not (name == "llm.server" and settings[name] is None)
    )
    return (
        f'<div class="cb-settings"><table><tbody>{rows}</tbody></table>'
        "<p>They are changed where the bot is started: in its settings file, by variables such as "
        "<code>BOT_ANSWER_MIN_ANSWERABLE</code>, or with <code>bot --set NAME=VALUE chat</code>; "
        "<code>bot config show</code> lists all. Buttons and fields speak the browser's language as far as Gradio, "
        "which the page is made with, knows it.</p></div>"
    )


def _said(value: JsonValue) -> str:
    return SAID.get(value, str(value)) if isinstance(value, (bool, str)) or value is None else str(value)
