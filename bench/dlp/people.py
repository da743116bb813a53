"""Names, streets, towns and forms of numbers for each language of the evaluation.

In a mask `#` is a digit, `%` one that is not 0, `@` a letter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    titles: tuple[str, ...]
    phones: tuple[str, ...]
    ids: tuple[tuple[str, str], ...]  # a module of python-stdnum, and a mask
    passports: tuple[str, ...]
    dates: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[str, ...]
    addresses: tuple[str, ...]


PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (("James", "Olivia", "Priya", "Noah", "Grace", "Samuel"), ("Carter", "O'Neill", "Patel", "Walker", "Bennett", "Hughes")),
    "de": (("Lukas", "Hannah", "Jürgen", "Mia", "Ayşe", "Ulrich"), ("Schneider", "Müller", "Weiß", "Hoffmann", "Krüger", "Yılmaz")),
    "fr": (("Chloé", "Lucas", "Amélie", "Jean-Pierre", "Nadia", "Hugo"), ("Dubois", "Lefèvre", "Moreau", "Benali", "Girard", "Petit")),
    "es": (("Lucía", "Javier", "María", "Álvaro", "Carmen", "Diego"), ("García", "Fernández López", "Muñoz", "Ortega", "Ruiz", "Castillo")),
    "it": (("Giulia", "Marco", "Francesca", "Luca", "Chiara", "Paolo"), ("Rossi", "Esposito", "Bianchi", "Greco", "Conti", "Ferrari")),
    "pt": (("Beatriz", "João", "Inês", "Rafael", "Camila", "Tiago"), ("Silva", "Oliveira", "Gonçalves", "Ribeiro", "Almeida", "Costa")),
    "nl": (("Daan", "Sanne", "Femke", "Bram", "Lotte", "Joris"), ("de Vries", "Bakker", "van den Berg", "Visser", "Smit", "Meijer")),
    "pl": (("Zofia", "Jakub", "Małgorzata", "Paweł", "Łukasz", "Ewa"), ("Kowalski", "Wiśniewska", "Zieliński", "Lewandowska", "Wójcik", "Dąbrowski")),
    "sv": (("Elsa", "Oskar", "Åsa", "Erik", "Linnéa", "Nils"), ("Andersson", "Lindström", "Öberg", "Nilsson", "Bergqvist", "Sjögren")),
    "ja": (("花子", "太郎", "健一", "美咲", "翔太", "由美"), ("山田", "佐藤", "鈴木", "高橋", "渡辺", "小林")),
}  # fmt: skip

MONTHS: dict[str, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    "it": ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
    "pt": ("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
    "nl": ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"),
    "pl": ("stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia"),
    "sv": ("januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"),
    "ja": tuple(str(month) for month in range(1, 13)),
}  # fmt: skip

COUNTRIES: dict[str, Country] = {
    "en": Country(
        ("Mr", "Ms", "Mrs.", "Dr."), ("(202) 555-01##", "212-555-01##", "+1 415 555 01##", "+44 20 7946 0###", "020 7946 0###", "07700 900###"),
        (("us.ssn", "%##-##-####"), ("us.ssn", "%##-##-####")), ("#########", "@########"), ("{month} {d.day}, {d.year}", "{d:%m/%d/%Y}", "{d.day} {month} {d.year}", "{d:%Y-%m-%d}"),
        ("Maple", "Oak Hill", "King", "Victoria"), ("Springfield", "Leeds", "Portland"),
        ("%## {street} Street, {town}, IL 6####", "%# {street} Road", "%### {street} Ave, Apt %#, {town}, OR 9####", "%# {street} Lane, {town}"),
    ),
    "de": Country(
        ("Frau", "Herr Dr.", "Herr"), ("030 %######", "+49 151 2#######", "0171/%######", "+49 (0)89 %######", "0221-%######"),
        (("de.idnr", "%# ### ### ###"), ("de.idnr", "%##########")), ("C0%X00T4#", "C%#HJKLM#"), ("{d:%d.%m.%Y}", "{d.day}. {month} {d.year}"),
        ("Goethe", "Linden", "Bahnhof"), ("Berlin", "Köln", "Leipzig"),
        ("{street}straße %#, 1#### {town}", "{street}weg %, 5#### {town}", "Am {street}platz %#a", "{street}allee %##"),
    ),
    "fr": Country(
        ("Monsieur", "Madame", "Mme"), ("06 12 34 ## ##", "01 42 68 ## ##", "+33 6 98 76 ## ##", "0145678###"),
        (("fr.nir", "1 %# 0% 75 1## ### ##"), ("fr.nir", "2%#0%751#######")), ("##FV#####", "##AB#####"), ("{d:%d/%m/%Y}", "{d.day} {month} {d.year}"),
        ("Victor Hugo", "la République", "Lille"), ("Paris", "Lyon", "Nantes"),
        ("%# rue de {street}, 75### {town}", "%# avenue {street}, 69### {town}", "%##, boulevard {street}", "% bis rue {street}"),
    ),
    "es": Country(
        ("Sr.", "Sra.", "Don"), ("612 34 ## ##", "91 123 ## ##", "+34 655 12 ## ##", "934 12 3# ##"),
        (("es.dni", "########@"), ("es.nie", "X#######@")), ("PAB######", "XDC######"), ("{d:%d/%m/%Y}", "{d.day} de {month} de {d.year}"),
        ("Mayor", "Cervantes", "Gran Capitán"), ("Madrid", "Sevilla", "Bilbao"),
        ("Calle {street}, %#, 28### {town}", "Avenida de {street} %##, 4#### {town}", "C/ {street} %#, %º B", "Plaza {street}, %"),
    ),
    "it": Country(
        ("Signora", "Dott.", "Sig."), ("347 12#####", "+39 06 698 #####", "02 1234####", "+39 333 1######"),
        (("it.codicefiscale", "@@@@@@%#H15F205@"), ("it.codicefiscale", "@@@@@@%#C4%H501@")), ("YA%######", "AA%######"), ("{d:%d/%m/%Y}", "{d.day} {month} {d.year}"),
        ("Garibaldi", "Giuseppe Verdi", "Roma"), ("Milano", "Torino", "Napoli"),
        ("Via {street} %#, 20### {town}", "Viale {street} %##", "Piazza {street}, %, 10### {town}", "Corso {street} %#"),
    ),
    "pt": Country(
        ("Sr.", "Sra.", "Dr."), ("(11) 9%###-####", "+55 21 9%###-####", "+351 912 ### ###", "(31) 3%##-####"),
        (("br.cpf", "###.###.###-##"), ("br.cpf", "###########")), ("FZ######", "CB######"), ("{d:%d/%m/%Y}", "{d.day} de {month} de {d.year}"),
        ("Augusta", "das Flores", "Dom Pedro"), ("São Paulo", "Curitiba", "Porto"),
        ("Rua {street}, %##, 01###-### {town}", "Avenida {street}, %###", "Rua {street} %#, apto %#", "Travessa {street}, %#"),
    ),
    "nl": Country(
        ("mevrouw", "Dhr.", "Mevr."), ("06 12 34 5# ##", "020 123 4###", "+31 6 1#######", "06-1234####"),
        (("nl.bsn", "%########"), ("nl.bsn", "%########")), ("NXA%B2C4%", "NP%B5D6F%"), ("{d:%d-%m-%Y}", "{d.day} {month} {d.year}"),
        ("Kerk", "Beatrix", "Molen"), ("Amsterdam", "Utrecht", "Den Haag"),
        ("{street}straat %#, 10## AB {town}", "{street}laan %##", "{street}weg %-A", "{street}gracht %##, 35## XK {town}"),
    ),
    "pl": Country(
        ("Pani", "Pani Dr"), ("601 234 ###", "+48 512 345 ###", "22 621 ## ##", "+48 22 621 ## ##"),
        (("pl.pesel", "{ymd}#####"), ("pl.pesel", "{ymd}#####")), ("EH#######", "AE#######"), ("{d:%d.%m.%Y}", "{d.day} {month} {d.year}", "{d:%d.%m.%Y}"),
        ("Długa", "Mickiewicza", "Leśna"), ("Warszawa", "Kraków", "Gdańsk"),
        ("ul. {street} %#/%, 00-### {town}", "ul. {street} %#, 31-### {town}", "al. {street} %##", "os. {street} %/%#"),
    ),
    "sv": Country(
        ("Herr", "Fru", "Dr"), ("070-123 4# ##", "08-123 45 ##", "+46 70 123 4# ##", "031-12 34 5#"),
        (("se.personnummer", "{ymd}-####"), ("se.personnummer", "{Ymd}-####")), ("########", "AA######"), ("{d:%Y-%m-%d}", "{d.day} {month} {d.year}"),
        ("Stor", "Drottning", "Skol"), ("Stockholm", "Göteborg", "Lund"),
        ("{street}gatan %#, 11# 2# {town}", "{street}vägen %", "{street}gatan %#B", "{street}gränd %"),
    ),
    "ja": Country(
        ("",), ("090-1234-####", "03-1234-####", "+81 90 1234 ####", "080-9876-####"),
        (("jp.in_", "############"), ("jp.in_", "#### #### ####")), ("TK#######", "TZ#######"), ("{d.year}年{d.month}月{d.day}日", "{d:%Y/%m/%d}"),
        ("新宿", "桜木町", "本町"), ("新宿区", "渋谷区"),
        ("東京都{town}{street}%-%-%#", "東京都{town}{street}%丁目%番%号", "大阪府大阪市北区{street}%-%#", "〒160-00## 東京都{town}{street}%-%"),
    ),
}  # fmt: skip
