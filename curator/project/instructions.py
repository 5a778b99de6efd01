"""What annotators are told before they begin: the project's Markdown file and what the classes mean, as HTML."""

from html import escape
from pathlib import Path

from curator.config import Config
from curator.errors import ConfigError

# Label Studio takes all shape off paragraphs, lists and tables, and drops `style` from tags; a sheet it leaves in.
_SHEET = (
    "<style>"
    ".curator-told p,.curator-told ul,.curator-told ol,.curator-told table,.curator-told pre{margin:0 0 8px}"
    ".curator-told h1,.curator-told h2,.curator-told h3{margin:12px 0 8px}"
    ".curator-told ul{list-style:disc;padding-left:24px}"
    ".curator-told ol{list-style:decimal;padding-left:24px}"
    ".curator-told th,.curator-told td{border:1px solid #999;padding:2px 8px}"
    ".curator-told blockquote{border-left:3px solid #999;padding-left:12px}"
    "</style>"
)


def instructions_html(config: Config, folder: Path) -> str:
    """What annotators are told: the Markdown file of the project, and what the classes mean; "" = nothing.

    HTML inside the Markdown is shown as text.

    Raises:
        ConfigError: the file cannot be read.
    """
    parts = []
    if config.labeler.instructions:
        path = folder / config.labeler.instructions
        try:
            parts.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(
                f"[labeler] instructions in curator.toml: {path} cannot be read ({exc}). "
                "Put a Markdown file in UTF-8 there, or remove the setting."
            ) from exc
    if not parts and not config.labeler.descriptions:
        return ""
    from markdown_it import MarkdownIt

    render = MarkdownIt("commonmark", {"html": False}).enable("table")
    meanings = [
        f"<li><b>{escape(name)}</b>: {escape(config.labeler.descriptions[name])}</li>"
        for name in config.project.classes
        if name in config.labeler.descriptions
    ]
    told = "".join(render.render(part) for part in parts)
    told += f"<ul>{''.join(meanings)}</ul>" if meanings else ""
    return f'{_SHEET}<div class="curator-told">{told}</div>'
