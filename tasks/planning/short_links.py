"""Own short links in the texts of a draft: each message that holds one gets a code of its own.

Texts are rendered and checked with a placeholder of the same length, so that every unit and part is counted right; the
codes come afterwards, for all messages at once. The same campaign, occurrence, variant and person give the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chuda.campaign.model import Campaign
from chuda.errors import Refused
from chuda.keys import Keys, hmac_blocks
from chuda.records.channel import ChannelRecord
from chuda.short_links import (
    ALPHABET,
    CODE_LENGTH,
    CODES,
    PLACEHOLDER,
    is_allowed_target,
    link_identity,
    link_key,
    make_link,
)

if TYPE_CHECKING:
    from tasks.planning.briefing import Briefing

_ROUNDS = 20
_DIGITS = ", ".join(
    f"substr('{ALPHABET}', ((number // {len(ALPHABET) ** place}) % {len(ALPHABET)})::integer + 1, 1)"
    for place in reversed(range(CODE_LENGTH))
)
_MACROS = f"""
CREATE OR REPLACE TEMP MACRO link_number(said) AS ('0x' || sha256(getvariable('link_outer')
    || unhex(sha256(getvariable('link_inner') || encode(said))))[1:16])::ubigint;
CREATE OR REPLACE TEMP MACRO link_code(number) AS concat({_DIGITS});
"""
# Grain: one row per text that holds the placeholder.
_DRAW = """
CREATE OR REPLACE TEMP TABLE link_drawn AS
SELECT token, variant, 0 AS round, link_code(number) AS code FROM (
    SELECT r.token, i.variant, link_number(i.said || r.token || chr(10) || '0') % $codes::ubigint AS number
    FROM message_rendered r JOIN link_said i ON i.variant = coalesce(r.variant, '')
    WHERE contains(r.text, $placeholder)
)
"""
# Of messages with one code the first by token keeps it.
_TAKEN = """
CREATE OR REPLACE TEMP TABLE link_taken AS
SELECT token, variant FROM link_drawn QUALIFY row_number() OVER (PARTITION BY code ORDER BY round, token, variant) > 1
"""
_DRAW_AGAIN = """
UPDATE link_drawn SET round = again.round, code = link_code(link_number(again.said || again.round) % $codes::ubigint)
FROM (SELECT d.token, d.variant, i.said || d.token || chr(10) AS said, d.round + 1 AS round FROM link_drawn d
      JOIN link_said i ON i.variant = d.variant
      JOIN link_taken t ON t.token = d.token AND t.variant = d.variant) again
WHERE link_drawn.token = again.token AND link_drawn.variant = again.variant
"""
_WRITE = """
CREATE OR REPLACE TABLE message_rendered AS
SELECT r.token, r.variant, if(d.code IS NULL, r.text, replace(r.text, $placeholder, $start || d.code)) AS text,
    r.units, r.parts
FROM message_rendered r LEFT JOIN link_drawn d ON d.token = r.token AND d.variant = coalesce(r.variant, '')
"""


def link_in_texts(campaign: Campaign, channel: ChannelRecord) -> str | None:
    """What stands for the link while texts are rendered; None where the campaign's own link is sent as it is.

    Raises:
        Refused: the campaign's link is none of those that the channel's short links may lead to.
    """
    target = campaign.template.link
    if channel.short_links is None or target is None:
        return None
    if not is_allowed_target(target, channel.link_targets):
        raise Refused(
            f"{campaign.id}: template.link {target} 不在渠道 {channel.name} 的 link_targets 里 / is none of the "
            f"link_targets of the channel {channel.name} ({', '.join(channel.link_targets)}); add it there or change it"
        )
    return make_link(channel.short_links, PLACEHOLDER)


def write_short_links(connection: Any, briefing: Briefing, keys: Keys, codes: int = CODES) -> None:
    """Replace the placeholder in `message_rendered` by a code per message; no two messages of the draft share one.

    Args:
        connection: a writing transaction of the draft.
        briefing: the campaign, on a channel with short links.
        keys: the workspace's.
        codes: how many codes there are.
    """
    base, campaign = briefing.channel.short_links, briefing.campaign
    if base is None:
        return
    inner, outer = hmac_blocks(link_key(keys))
    connection.execute("SET VARIABLE link_inner = $1", [inner])
    connection.execute("SET VARIABLE link_outer = $1", [outer])
    connection.execute(_MACROS)
    said = [(name or "", link_identity(campaign.id, briefing.occurrence, name)) for name in briefing.wordings]
    connection.execute("CREATE OR REPLACE TEMP TABLE link_said (variant VARCHAR, said VARCHAR)")
    connection.executemany("INSERT INTO link_said VALUES (?, ?)", said)
    connection.execute(_DRAW, {"placeholder": make_link(base, PLACEHOLDER), "codes": codes})
    for _ in range(_ROUNDS):
        connection.execute(_TAKEN)
        if not connection.execute("SELECT count(*) FROM link_taken").fetchone()[0]:
            break
        connection.execute(_DRAW_AGAIN, {"codes": codes})
    else:
        raise Refused(f"{campaign.id}: no free codes for short links; plan again in smaller parts")
    connection.execute(_WRITE, {"placeholder": make_link(base, PLACEHOLDER), "start": make_link(base, "")})
