"""Names of countries, in English and some of the languages around them, and the region of their telephone numbers."""

from __future__ import annotations

import re
from types import MappingProxyType

_NAMES = MappingProxyType(
    {
        "ES": r"spain|españa|spanien|espagne|spagna|spanje|hiszpania|espanha",
        "PT": r"portugal|portogallo",
        "FR": r"france|frankreich|francia|frankrijk|francja|frankrike|frança|fransa",
        "DE": r"germany|deutschland|allemagne|alemania|germania|alemanha|duitsland|niemcy|tyskland|almanya",
        "AT": r"austria|österreich|autriche|áustria|oostenrijk|österrike|avusturya",
        "CH": r"switzerland|schweiz|suisse|svizzera|suiza|suíça|zwitserland|szwajcaria|isviçre",
        "IT": r"italy|italia|italien|italie|itália|włochy|italië|italya",
        "GB": r"united kingdom|great britain|england|scotland|wales|großbritannien|royaume-uni|reino unido|regno unito",
        "IE": r"ireland|irland|irlande|irlanda|ierland",
        "NL": r"netherlands|nederland|niederlande|pays-bas|países bajos|paesi bassi|holandia|nederländerna",
        "BE": r"belgium|belgien|belgique|bélgica|belgio|belgië|belgia",
        "DK": r"denmark|danmark|dänemark|danemark|dinamarca|danimarca|denemarken|dania",
        "NO": r"norway|norge|norwegen|norvège|noruega|norvegia|noorwegen|norwegia",
        "SE": r"sweden|sverige|schweden|suède|suecia|svezia|suécia|zweden|szwecja",
        "FI": r"finland|finnland|suomi|finlande|finlandia",
        "IS": r"iceland|island|islande|islandia",
        "EE": r"estonia|eesti|estland|estonie",
        "LV": r"latvia|latvija|lettland|lettonie",
        "LT": r"lithuania|lietuva|litauen|lituanie",
        "PL": r"poland|polska|polen|pologne|polonia|polônia",
        "CZ": r"czech republic|czechia|česko|česká republika|tschechien|tchéquie|czechy",
        "SK": r"slovakia|slovensko|slowakei|slovaquie",
        "HU": r"hungary|magyarország|ungarn|hongrie|hungría|ungheria|węgry",
        "SI": r"slovenia|slovenija|slowenien|slovénie",
        "HR": r"croatia|hrvatska|kroatien|croatie|croacia",
        "RO": r"romania|românia|rumänien|roumanie",
        "BG": r"bulgaria|bulgarien|bulgarie",
        "GR": r"greece|griechenland|grèce|grecia",
        "CY": r"cyprus|zypern|chypre|chipre",
        "TR": r"türkiye|turkey|türkei|turquie|turquía",
        "UA": r"ukraine|ucrania|ukraina",
        "TN": r"tunisia|tunisie|tunesien|túnez",
        "MA": r"morocco|maroc|marokko|marruecos",
        "ZA": r"south africa|südafrika|sudáfrica",
        "BR": r"brazil|brasil|brasilien|brésil|brasile",
        "AR": r"argentina|argentinien",
        "UY": r"uruguay",
        "CL": r"chile",
        "MX": r"mexico|méxico|mexiko|mexique",
        "US": r"united states|\busa\b|u\.s\.a\.",
        "CA": r"canada|kanada|canadá",
        "AU": r"australia|australien|australie",
        "NZ": r"new zealand|neuseeland|nouvelle-zélande",
        "IN": r"india|indien|inde\b",
        "SG": r"singapore|singapur|singapour",
        "GL": r"greenland|grönland|kalaallit nunaat",
    }
)
WORDS = "|".join(_NAMES.values())
_BY_NAME = tuple((re.compile(names, re.IGNORECASE), region) for region, names in _NAMES.items())


def region(word: str) -> str | None:
    """Of a word that WORDS found."""
    return next((region for names, region in _BY_NAME if names.fullmatch(word)), None)
