"""Keys, tokens and passwords: by their vendors' formats, and by the names that they are assigned to."""

from __future__ import annotations

import re

import orjson

from dlp.detectors import letters
from dlp.detectors.encoded import decoded
from dlp.detectors.entropy import bits_per_sign, kinds_of_signs
from dlp.detectors.placeholding import is_placeholder
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.kinds import Kind

SURE = 0.98
_UNSPACED = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]")
_STANDS_FOR = re.compile(
    r"(?i)example|x{6}|your|\*{3}|0{10}|1234567890abcdef|placeholder|redacted|dummy|changeme"
)

# Vendor, and its format. What follows a prefix is random, so that most want some variety below.
_FORMATS: tuple[tuple[str, str], ...] = (
    ("aws.key_id", r"\b(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z2-7]{16}\b"),
    ("google.api_key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("google.oauth", r"\bya29\.[0-9A-Za-z_-]{20}[0-9A-Za-z_-]*"),
    ("google.client", r"\bGOCSPX-[0-9A-Za-z_-]{28}"),
    ("github", r"\b(?:gh[pousr]_[0-9A-Za-z]{36}[0-9A-Za-z]*|github_pat_[0-9A-Za-z_]{22}[0-9A-Za-z_]*)"),
    ("gitlab", r"\bgl(?:pat|ptt|dt|rt|cbt|soat|imt|ft|agent|oas|ffct)-[0-9A-Za-z_-]{20}[0-9A-Za-z_.-]*"),
    ("slack", r"\b(?:xox[abeoprs]-[0-9A-Za-z-]{10}[0-9A-Za-z-]*|xapp-\d-[0-9A-Za-z-]{20}[0-9A-Za-z-]*)"),
    ("slack.webhook", r"https://hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z/_+-]{20}[0-9A-Za-z/_+-]*"),
    ("stripe", r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16}[0-9A-Za-z]*|\bwhsec_[0-9A-Za-z+/=]{24}[0-9A-Za-z+/=]*"),
    ("twilio", r"\b(?:SK|AC)[0-9a-f]{32}\b"),
    ("sendgrid", r"\bSG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{30}[0-9A-Za-z_-]*"),
    ("mailgun", r"\bkey-[0-9a-f]{32}\b"),
    ("mailchimp", r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    ("anthropic", r"\bsk-ant-[0-9A-Za-z]{2,8}-?[0-9A-Za-z_-]{20}[0-9A-Za-z_-]*"),
    ("openai", r"\bsk-(?:proj-|svcacct-|admin-|None-)?[0-9A-Za-z_-]{20}[0-9A-Za-z_-]*"),
    ("openrouter", r"\bsk-or-v1-[0-9a-f]{40}[0-9a-f]*"),
    ("huggingface", r"\b(?:hf|api_org)_[A-Za-z]{30}[0-9A-Za-z]*"),
    ("groq", r"\bgsk_[0-9A-Za-z]{40}[0-9A-Za-z]*"),
    ("xai", r"\bxai-[0-9A-Za-z]{40}[0-9A-Za-z]*"),
    ("perplexity", r"\bpplx-[0-9A-Za-z]{32}[0-9A-Za-z]*"),
    ("replicate", r"\br8_[0-9A-Za-z]{30}[0-9A-Za-z]*"),
    ("nvidia", r"\bnvapi-[0-9A-Za-z_-]{40}[0-9A-Za-z_-]*"),
    ("digitalocean", r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    ("npm", r"\bnpm_[0-9A-Za-z]{36}\b"),
    ("pypi", r"\bpypi-AgE[0-9A-Za-z_-]{40}[0-9A-Za-z_-]*"),
    ("rubygems", r"\brubygems_[0-9a-f]{48}\b"),
    ("docker", r"\bdckr_(?:pat|oat)_[0-9A-Za-z_-]{20}[0-9A-Za-z_-]*"),
    ("shopify", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    ("square", r"\b(?:sq0[a-z]{3}-[0-9A-Za-z_-]{22}[0-9A-Za-z_-]*|EAAA[0-9A-Za-z_-]{60})"),
    ("azure.storage", r"(?i)\bAccountKey=([0-9a-z+/]{86}==)"),
    ("azure.sas", r"[?&]sig=([0-9A-Za-z%]{43}[0-9A-Za-z%]*)"),
    ("azure.client", r"\b[0-9A-Za-z_~.]{3}\dQ~[0-9A-Za-z_~.-]{31,34}"),
    ("databricks", r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),
    ("newrelic", r"\bNR(?:AK|JS|II|RA|BR)-[0-9A-Za-z]{19}[0-9A-Za-z]*"),
    ("sentry", r"\bsntry[su]_[0-9A-Za-z_=+/-]{40}[0-9A-Za-z_=+/-]*"),
    ("grafana", r"\bgl(?:sa|c)_[0-9A-Za-z+/=_]{30}[0-9A-Za-z+/=_]*"),
    ("vault", r"\bhv[sbr]\.[0-9A-Za-z_-]{24}[0-9A-Za-z_-]*"),
    ("terraform", r"\b[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{60}[0-9A-Za-z_=-]*"),
    ("telegram", r"\b\d{8,10}:AA[0-9A-Za-z_-]{33}"),
    ("discord.webhook", r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/\d+/[0-9A-Za-z_-]{60}[0-9A-Za-z_-]*"),
    ("discord", r"\b[MNO][0-9A-Za-z_-]{23,27}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27}[0-9A-Za-z_-]*"),
    ("linear", r"\blin_(?:api|oauth)_[0-9A-Za-z]{40}[0-9A-Za-z]*"),
    ("notion", r"\b(?:ntn_|secret_)[0-9A-Za-z]{40}[0-9A-Za-z]*"),
    ("airtable", r"\bpat[0-9A-Za-z]{14}\.[0-9a-f]{64}\b"),
    ("figma", r"\bfig[dourh]_[0-9A-Za-z_-]{40}[0-9A-Za-z_-]*"),
    ("atlassian", r"\bATATT3[0-9A-Za-z_=-]{60}[0-9A-Za-z_=-]*"),
    ("postman", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b"),
    ("pulumi", r"\bpul-[0-9a-f]{40}\b"),
    ("planetscale", r"\bpscale_(?:tkn|pw|oauth)_[0-9A-Za-z_.=-]{30}[0-9A-Za-z_.=-]*"),
    ("supabase", r"\bsb(?:p_[0-9a-f]{40}|_secret_[0-9A-Za-z_-]{20}[0-9A-Za-z_-]*)"),
    ("netlify", r"\bnf[pocub]_[0-9A-Za-z]{36}[0-9A-Za-z]*"),
    ("heroku", r"\bHRKU-[0-9A-Za-z_-]{36}[0-9A-Za-z_-]*"),
    ("doppler", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[0-9A-Za-z.]{40}[0-9A-Za-z.]*"),
    ("onepassword", r"\bops_eyJ[0-9A-Za-z+/=_-]{60}[0-9A-Za-z+/=_-]*"),
    ("age", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    ("orbit", r"\borb_[0-9A-Za-z]{49}\b"),
    ("plaid", r"\baccess-(?:sandbox|development|production)-[0-9a-f-]{36}\b"),
    ("facebook", r"\bEAA[CM][0-9A-Za-z]{60}[0-9A-Za-z]*"),
)  # fmt: skip

_PEM = (
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"[A-Za-z0-9+/=:.,\s\\-]*?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
_CUT_PEM = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n)*[A-Za-z0-9+/=\s\\]*"
_JWT = r"\beyJ[0-9A-Za-z_-]{8}[0-9A-Za-z_-]*\.eyJ[0-9A-Za-z_-]{8}[0-9A-Za-z_-]*\.[0-9A-Za-z_-]*"
_HEADER = r"(?i)\b(?:authorization|proxy-authorization)[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token|apikey)\s+([0-9a-z+/=._~-]{8,}[0-9a-z+/=._~-]*)"
_PASSWORDS = (
    r"passwords?|passwd|passphrase|passcode|\bpwd|_pwd|\bpass|_pass|passwort|kennwort|zugangscode|mot de passe|\bmdp|contrase[ñn]a|\bclave|senha|palavra-passe|wachtwoord|has[łl]o|l[öo]senord|parola|[şs]ifre|adgangskode|salasana|heslo|"
    r"пароль|パスワード|密码|密碼|口令|비밀번호"
)
_KEYS = r"secret|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|auth[ _-]?key|client[ _-]?secret|signing[ _-]?key|encryption[ _-]?key|credentials?|webhook[ _-]?secret|account[ _-]?key|license[ _-]?key"
# Literals that each of them holds.
_PASSWORD_CUE = r"(?i)(?:pass|pwd|kennwort|zugangscode|mdp|contrase|clave|senha|palavra|wachtw|has[lł]o|senord|sifre|ifre|parola|adgangs|salas|heslo)|ароль|АРОЛЬ|ПАРОЛЬ|パスワード|密码|密碼|口令|비밀번호"
_KEY_CUE = r"(?i)(?:secret|token|key|credential)"
_JOIN = (
    rf"(?:[ _][{letters.LETTER}]{{1,12}}){{0,5}}"
    r"(?:[\"'`*]{0,2}\s{0,3}(?::=|=>|[:=]|：)\s{0,3}|[\"'`*]{0,2}\s{1,2}(?:is|ist|lautet|est|es|é|è|e|wynosi|är|ar)\s{1,2}:?|は|为|是|\s+-\s+)"
)
_QUOTED = r"[`\"'*“„«]{0,3}"
_PASSWORD = rf"(?i)(?:{_PASSWORDS})[A-Z0-9_]{{0,16}}{_JOIN}{_QUOTED}([^\s\"'`<>“”„«»,;\\]{{5,64}})"
_KEY = rf"(?i)(?:{_KEYS})[A-Z0-9_]{{0,24}}{_JOIN}{_QUOTED}([0-9A-Za-z+/=_.~:!@#%^&*$-]{{12,200}})"
_OPTION = (
    r"(?:\s--?(?:password|pass|token|secret|api-key)[= ]|\s-u ?\w+:|sshpass -p ?)[\"']?([^\s\"'`]{5,80})"
)


def rules() -> list[Rule]:
    vendors = [
        Rule(f"secret.{name}", Kind.SECRET, pattern, SURE, judge=_is_real, edge=Edge.NONE, bulky=True)
        for name, pattern in _FORMATS
    ]
    return [
        *vendors,
        Rule("secret.pem", Kind.SECRET, _PEM, SURE, edge=Edge.NONE, bulky=True, cue=r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
        Rule("secret.pem_cut", Kind.SECRET, _CUT_PEM, 0.9, check=lambda value: len(value) > 60, edge=Edge.NONE, bulky=True, cue=r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
        Rule("secret.jwt", Kind.SECRET, _JWT, SURE, check=_is_jwt, edge=Edge.NONE, bulky=True),
        Rule("secret.header", Kind.SECRET, _HEADER, 0.94, judge=_is_key, edge=Edge.NONE, bulky=True),
        Rule("secret.password", Kind.SECRET, _PASSWORD, 0.86, judge=_is_password, trim=_without_full_stop, edge=Edge.NONE, cue=_PASSWORD_CUE),
        Rule("secret.assigned", Kind.SECRET, _KEY, 0.85, judge=_is_key, trim=_without_full_stop, edge=Edge.NONE, bulky=True, cue=_KEY_CUE),
        Rule("secret.option", Kind.SECRET, _OPTION, 0.84, judge=_is_password, trim=_without_full_stop, edge=Edge.NONE, cue=r"\s-[-u]|sshpass"),
    ]  # fmt: skip


def _is_real(hit: Hit) -> bool:
    return _STANDS_FOR.search(hit.value) is None and len(set(hit.value[4:])) > 5


def _is_jwt(value: str) -> bool:
    """Its header is a JSON object."""
    try:
        header = orjson.loads(decoded(value.partition(".")[0]))
    except ValueError:
        return False
    return isinstance(header, dict) and ("alg" in header or "typ" in header)


def _without_full_stop(value: str) -> int:
    """Signs that end a sentence or a bracket are no part of a password, unless an opening one is; nor are the words
    behind it where no blank parts them."""
    unspaced = _UNSPACED.search(value, 1)
    value = value[: unspaced.start()] if unspaced and value[0].isascii() else value
    bare = value.rstrip(".?:)]}") if value[-1:] in ".?:" or not set(value) & set("([{") else value
    return len(bare)


def _is_password(hit: Hit) -> bool:
    value = hit.value
    if is_placeholder(value) or len(value) < 5 or hit.after.startswith("("):
        return False
    if "://" in value or value.startswith(("/", "./", "--")):
        return False
    return kinds_of_signs(value) >= 2 and (any(map(str.isdigit, value)) or kinds_of_signs(value) >= 3)


def _is_key(hit: Hit) -> bool:
    value = hit.value
    if is_placeholder(value) or _STANDS_FOR.search(value) is not None or hit.after.startswith("("):
        return False
    if len(value) < 16 and kinds_of_signs(value) < 3:
        return False
    words = re.split(r"[-_./:]", value)
    if all(word.isalpha() and (word.islower() or word.isupper() or word.istitle()) for word in words if word):
        return False
    return bits_per_sign(value) >= 3.0 and any(map(str.isdigit, value))
