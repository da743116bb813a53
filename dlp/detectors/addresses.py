"""Streets and house numbers as twelve languages write them, with what follows of postcode and town."""

from __future__ import annotations

from dlp.detectors import letters
from dlp.detectors.letters import HAN, HANGUL, KANA, LETTER, UPPER

_CAP = letters.CAPITALIZED
_LINE = r",?[ \n]{1,2}"
_US_TAIL = rf"(?:{_LINE}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.? ?[{LETTER}0-9-]{{1,6}})?(?:{_LINE}{_CAP}(?: {_CAP}){{0,2}},? [A-Z]{{2}} \d{{5}}(?:-\d{{4}})?|{_LINE}{_CAP}(?: {_CAP}){{0,2}},? [A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}})?"
_CODE_TOWN = rf"(?:{_LINE}(?:[A-Z]{{1,2}}-)?\d{{2,3}}[- ]?\d{{2,3}}(?: [A-Z]{{2}})? {_CAP}(?:[ -](?:am |an der |sur |la |le |de |di |del |do |da )?{_CAP}){{0,3}})?"
_NO = r"\d{1,5}[a-zA-Z]?(?:[-/]\d{1,4}[a-zA-Z]?)?"
_WORDS = rf"(?:(?:de|del|de la|la|las|los|du|des|de l['’]|della|delle|dei|degli|di|da|do|dos|das|van|van de|van der|el|le|les|św\.|gen\.|ks\.) ?|{_CAP} |\d{{1,2}} )"
_EN_STREET = r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Square|Sq|Parkway|Pkwy|Highway|Hwy|Close|Crescent|Circle|Cir|Trail|Gardens|Row|Mews|Hill|Grove)\b\.?"
# In any language: towns, a postcode, perhaps a country. Without a postcode, what follows may be the sentence.
_TOWN = rf"{_CAP}(?:[ -]{_CAP}){{0,3}}"
# Canada's, Britain's, Poland's, Portugal's and Brazil's, Sweden's, the Netherlands', all others'.
_POSTCODE = r"(?:[A-Z]\d[A-Z] ?\d[A-Z]\d\b|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|(?:[A-Z]{1,2}[- ]?)?(?:\d{2}-\d{3}|\d{4,5}-\d{3}|\d{3} \d{2}|\d{3,6}(?: ?[A-Z]{2})?)\b)"
_COUNTRY = rf"{letters.UNDOTTED}(?: {letters.UNDOTTED}){{0,2}}"  # a dot ends the sentence
_ANY_TAIL = rf"(?:(?:, ?{_TOWN}){{1,2}},? {_POSTCODE}(?:, {_COUNTRY})?)?"
# Without a word for a street: a name and a number, a town, a postcode and a country, with commas between.
_ANY = rf"(?:\d{{1,5}}[A-Za-z]? (?:{_CAP}[ -]){{0,4}}{_CAP}|(?:{_CAP}[ -](?:(?:de|do|da|di|del|van|der|den|la|le) )?){{0,4}}{_CAP} \d{{1,5}}[A-Za-z]?),(?: {_TOWN},){{1,2}} {_POSTCODE}, {_COUNTRY}"
_POSTCODE_AND_COUNTRY = r"[A-Z0-9]{2}, [A-Z]"


def patterns() -> list[tuple[str, str, str]]:
    """Name, cue and pattern."""
    return [
        ("any", _POSTCODE_AND_COUNTRY, _ANY),
        *((name, cue, pattern + _ANY_TAIL) for name, cue, pattern in _streets()),
    ]


def _streets() -> list[tuple[str, str, str]]:
    return [
        ("en", r"\b(?:St|Ave|Road|Rd|La?n|Dr|Bou|Bl|C|Way|Pl|Ter|Sq|Park|Pk|H|T|G|Row|Mews)", rf"\b\d{{1,5}}[A-Za-z]?(?:-\d{{1,4}})? (?:[NSEW]\.? |North |South |East |West )?(?:{_CAP} |\d{{1,3}}(?:st|nd|rd|th) ){{1,4}}{_EN_STREET}{_US_TAIL}"),
        ("box", r"(?i)box \d|postfach \d", r"(?i)\bP\.? ?O\.? ?Box \d{1,6}\b|\bPostfach \d{1,3}(?: ?\d{2}){0,3}\b"),
        ("de", r"(?:stra|Stra|tr\.|weg|Weg|latz|allee|Allee|gasse|Gasse|ring|Ring|damm|ufer|chaussee|steig|graben|markt|Am|Im|An der|Auf der|Zu[mr]|Alte|Neue|Gro|Kleine)", rf"(?:\b(?:{_CAP} |{_CAP}-){{0,2}}{_CAP}(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee|steig|graben|markt)|\b(?:Am|Im|An der|Auf der|Zum|Zur|Alte|Neue|Große|Kleine) {_CAP}(?: {_CAP})?|\b{_CAP}(?:[ -]{_CAP}){{0,2}}[ -](?:Stra(?:ß|ss)e|Str\.|Weg|Platz|Allee|Ring|Gasse)) {_NO}{_CODE_TOWN}"),
        ("fr", r"(?i)(?:rue|aven|av\.|boul|bd|place|all|chemin|impasse|quai|cours|route|square|passage|faub)", rf"(?i:\b\d{{1,4}}(?: ?(?:bis|ter|quater))?,? (?:rue|avenue|av\.|boulevard|bd|place|allée|chemin|impasse|quai|cours|route|square|passage|faubourg)) (?:{_WORDS}){{0,4}}{_CAP}(?:[- ]{_CAP}){{0,2}}{_CODE_TOWN}"),
        ("es", r"(?:[Cc]alle|CALLE|C/|Avenida|Avda|Av\.|Plaza|Pza|Paseo|Pº|Carrera|Ronda|Camino|Traves|Gran V)", rf"(?:\b(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Pza\.|Paseo|Pº|Carrera|Ronda|Camino|Travesía|Gran Vía)|(?i:\bcalle)) ?(?:{_WORDS}){{0,4}}(?:{_CAP})?,? ?(?:n[º°o]\.? ?|núm\.? ?|# ?|No\. ?)?{_NO}(?:,? \d{{1,2}}[ºª°]? ?[A-Z]?\b)?{_CODE_TOWN}"),
        ("it", r"(?:[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]orso|Vicolo|Largo|Strada|Lungomare)[ l]", rf"\b(?:Via|Viale|Piazza|Piazzale|Corso|Vicolo|Largo|Strada|Lungomare|via|viale|piazza|corso) (?:{_WORDS}){{0,4}}{_CAP},? (?:n\. ?)?{_NO}{_CODE_TOWN}(?: \([A-Z]{{2}}\))?"),
        ("pt", r"(?:[Rr]ua|R\.|Avenida|Av\.|Travessa|Pra|Alameda|Estrada|Largo|Rodovia) ", rf"\b(?:Rua|R\.|Avenida|Av\.|Travessa|Praça|Alameda|Estrada|Largo|Rodovia|rua) (?:{_WORDS}){{0,4}}{_CAP},? (?:n[º°o]\.? ?)?{_NO}(?:,? (?:apto?\.?|ap\.|andar|bloco|sala) ?[{LETTER}0-9]{{1,4}})?(?:{_LINE}\d{{4,5}}-\d{{3}} {_CAP}(?: {_CAP}){{0,2}})?"),
        ("nl", r"(?:straat|laan|weg|plein|gracht|kade|dijk|singel|steeg|hof|dreef|pad) ", rf"\b(?:{_CAP} |van |de |der ){{0,3}}{_CAP}(?:straat|laan|weg|plein|gracht|kade|dijk|singel|steeg|hof|dreef|pad) {_NO}(?:-?[IVX]{{1,3}}\b)?(?:{_LINE}\d{{4}} ?[A-Z]{{2}} {_CAP}(?: {_CAP})?)?"),
        ("pl", r"(?:\b(?:ul|al|pl|os)\.|[Uu]lic|[Aa]leja|[Pp]lac|[Oo]siedle)", rf"(?:\b(?:ul|al|pl|os)\.|\b(?:[Uu]lica|[Uu]licy|[Aa]leja|[Pp]lac|[Oo]siedle)) ?(?:{_WORDS}){{0,3}}{_CAP} {_NO}(?:(?:/| m\. ?)\d{{1,4}})?(?:{_LINE}\d{{2}}-\d{{3}} {_CAP}(?: {_CAP})?)?"),
        ("sv", r"(?:gatan|vägen|gränd|torget|stigen|backen|allén|plan|veien|gata|vej|gade|katu|tie) ", rf"\b(?:{_CAP} ){{0,2}}{_CAP}(?:gatan|vägen|gränd|torget|stigen|backen|allén|plan|veien|gata|vej|gade|katu|tie) {_NO}(?: (?:lgh|läg) ?\d{{1,4}})?(?:{_LINE}\d{{3}} ?\d{{2}} {_CAP})?"),
        ("tr", r"Mah|Cad|Sok|Bulvar|Blv", rf"\b(?:{_CAP} ){{1,3}}(?:Mah(?:allesi|\.)|Cad(?:desi|\.)|Sok(?:ak|ağı|\.)|Bulvarı|Blv\.)(?:,? (?:{_CAP} ){{1,3}}(?:Cad(?:desi|\.)|Sok(?:ak|ağı|\.)|Bulvarı))?,? (?:No ?: ?|No\.? ?)?{_NO}(?:,? (?:D(?:aire)?|Kat)[:.]? ?\d{{1,3}})?(?:{_LINE}(?:\d{{5}} )?{_CAP}(?:/{_CAP})?)?"),
        ("ru", r"(?:ул|Ул|пр-т|просп|Просп|пер|Пер|бульв|Бульв|б-р|шоссе|наб|Наб|площ|пл\.)", rf"(?:\b|[^{LETTER}])((?i:ул\.|улица|улице|пр-т|просп\.|проспект|пер\.|переулок|бульвар|б-р|шоссе|наб\.|набережная|площадь|пл\.) ?(?:\d{{1,2}}-[йя] )?[{UPPER}][{LETTER}.-]*(?: [{LETTER}.-]{{2,20}})?,? (?i:д\.? ?|дом )?\d{{1,4}}[а-я]?(?:(?:/|к| корп\.? ?)\d{{1,3}})?(?:,? (?i:кв\.|квартира|офис) ?\d{{1,4}})?)"),
        ("ja", r"[東北都道府県]", rf"(?:〒? ?\d{{3}}-\d{{4}} ?)?(?:東京都|北海道|(?:京都|大阪)府|[{HAN}]{{2,3}}県)[{HAN}{KANA}]{{2,20}}\d{{1,4}}(?:(?:丁目|番地?|号|-|の)\d{{0,4}}){{0,4}}号?"),
        ("zh", r"号", rf"(?:[{HAN}]{{2,3}}省)?[{HAN}]{{2,4}}市(?:[{HAN}]{{1,4}}[区县])?[{HAN}]{{1,8}}(?:路|街|大道|巷|道)\d{{1,5}}号(?:[{HAN}]{{0,8}}\d{{1,4}}(?:室|号楼|单元|栋|座))?(?:\d{{1,5}}室)?"),
        ("ko", r"(?:로|길|동) ?\d", rf"(?:[{HANGUL}]{{2,4}}(?:시|도) )?[{HANGUL}]{{1,4}}(?:구|군|시) [{HANGUL}]{{1,8}}(?:로|길|동) ?\d{{1,4}}(?:-\d{{1,4}})?"),
    ]  # fmt: skip
