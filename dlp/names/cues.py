"""Words in front of a name, or behind it, beside which a little of the model's share is enough: greetings, kin, and that somebody is
called so. English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Turkish."""

from __future__ import annotations

import re

LOOKED_AT = 40  # characters in front of a word

_GREETINGS = (
    r"hi|hello|hey|dear|thanks|thank you|cheers|hallo|guten (?:tag|morgen)|liebe[rs]?|danke|moin|salut|bonjour|ch[eè]re?|merci|hola|estimad[oa]|querid[oa]|gracias|ciao|buongiorno|car[oa]|grazie|ol[áa]|prezad[oa]|obrigad[oa]|"
    r"hoi|beste|bedankt|cze[śs][ćc]|drog[ia]|dzi[ęe]kuj[ęe]|hej|hejsan|tack|k[äa]ra|merhaba|selam|sevgili|say[ıi]n|te[şs]ekk[üu]rler"
)
_CALLED = (
    r"call(?:s|ed)? (?:me|him|her)|named|name is|name's|i['’]m|i am|says|said|asked|signed|ich bin|hei[ßs]+[et]|namens|sagte?|je suis|s['’]appelle|nomm[ée]e?|soy|se llama|llamad[oa]|dijo|sono|si chiama|di nome|"
    r"sou|se chama|chamad[oa]|disse|ik ben|heet|genaamd|zei|jestem|nazywa si[ęe]|imieniem|jag heter|heter|ad[ıi]m|ad[ıi]"
)
_KIN = (
    r"son|daughter|kid|child|brother|sister|wife|husband|mother|father|mum|mom|dad|boss|colleague|coworker|friend|boyfriend|girlfriend|cousin|uncle|aunt|neighbou?r|nephew|niece|partner|"
    r"sohn|tochter|kind|bruder|schwester|frau|mann|mutter|vater|chef(?:in)?|kolleg(?:e|in)|freund(?:in)?|nachbar(?:in)?|fils|fille|fr[èe]re|s[œo]e?ur|femme|mari|m[èe]re|p[èe]re|coll[èe]gue|amie?|voisine?|"
    r"hij[oa]|herman[oa]|espos[oa]|madre|padre|jef[ea]|compa[ñn]er[oa]|amig[oa]|vecin[oa]|figli[oa]|fratello|sorella|moglie|marito|capo|amic[oa]|filh[oa]|irm[ãa]o?|m[ãa]e|pai|marido|chefe|"
    r"zoon|dochter|broer|zus|vrouw|man|moeder|vader|baas|collega|vriend(?:in)?|syn|c[óo]rka|brat|siostra|[żz]ona|m[ąa][żz]|matka|ojciec|szef|kolega|przyjaciel|dotter|bror|syster|fru|mor|far|kollega|v[äa]n"
)
_OWN = r"my|our|his|her|their|your|mein[es]?[mnrs]?|unser[es]?[mnrs]?|sein[es]?[mnrs]?|ihr[es]?[mnrs]?|m[aeo][ns]?|mes|s[aoe]n?|mi|su|mio|mia|suo|sua|meu|minha|seu|mijn|onze|zijn|haar|m[óo]j|moja|jego|jej|min|hans|hennes"
_FRONT = re.compile(
    rf"(?:^|[^\w])(?:(?:{_GREETINGS}),?|{_CALLED}|(?:{_OWN}) (?:{_KIN}),?) ['\"“]?$", re.IGNORECASE
)
_BEHIND = re.compile(r",? (?:says|said|asked|wrote|replied|sagte|schrieb|a dit|dijo|ha detto|disse|zei|powiedziała?|sade)\b")  # fmt: skip


def cued(text: str, start: int, end: int) -> bool:
    """Whether a word stands where names do."""
    return (
        _FRONT.search(text[max(0, start - LOOKED_AT) : start]) is not None
        or _BEHIND.match(text, end) is not None
    )
