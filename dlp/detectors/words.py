"""Words beside which a value means something, in the languages of the evaluation and some more.

English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Turkish, Russian, Japanese, Chinese; in
part Danish, Norwegian, Finnish, Czech, Romanian, Korean. Each is an alternation in RE2's syntax; letters' case is not looked
at, `_` may stand for a blank as in keys, and short words carry their own edges.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from dlp.detectors.engine import compiled

PHONE = (
    r"\b(?:my|his|her|our|their|your)(?: new| direct| private| work| home)? number(?: is|['’]s|:)|meine (?:neue )?nummer (?:ist|lautet)|mon (?:nouveau )?num[ée]ro (?:est|c['’]est)|mi (?:nuevo )?n[úu]mero es|il mio (?:nuovo )?numero [èe]|"
    r"meu (?:novo )?n[úu]mero [ée]|mijn (?:nieuwe )?nummer is|m[óo]j (?:nowy )?numer to|mitt (?:nya )?nummer [äa]r|numaram|мой (?:новый )?номер|"
    # On cards and below letters a word for a place is one for its telephone, with a colon alone.
    r"\b(?:desk|office|direct(?: line)?|home|work|landline|land line|switchboard|reception|pager|büro|zentrale|privat|dienstlich|durchwahl|bureau|domicile|fixe|oficina|casa|fijo|centralita|ufficio|fisso|centralino|escrit[óo]rio|fixo|"
    r"kantoor|thuis|werk|biuro|dom|praca|kontor|hem|arbete|v[äa]xel|ofis|sabit)[.]?(?: ?\([\w ]{1,12}\))? ?[:：]|(?:офис|домашний|рабочий|раб\.|会社|自宅|勤務先|座机|办公|家庭) ?[:：]|"
    r"phone|\bph[.:]|\btlf\b|\bfon[.:]|\bcontact[: ]|\btel\b|\btel[.:]|_tel\b|mobile|\bmob[.:]|\bcell|\bcall\b|\bcall (?:me|us|him|her)|\bsms\b|text me|whatsapp|fax|hotline|contact n|reach (?:me|him|her|us)|ring me|dial|"
    r"telefon|telefoon|handy|mobil|rufnummer|r[uü]ckruf|anruf|erreich|durchwahl|t[ée]l[ée]phone|t[ée]l\.|t[ée]l |portable|appele|joindre|tel[eé]fono|m[oó]vil|celular|ll[aá]m[ae]|cellulare|"
    r"chiam[ai]|recapito|telefone|telem[oó]vel|ligue|liga(?:r|-me)?\b|contacto|contato|bellen?\b|bereikbaar|mobiel|numer kontaktowy|zadzwo|kom[oó]rk|mobilnummer|ring\b|n[åa]s p[åa]|cep tel|ara(?:y[ıi]n|mak)|gsm|"
    r"телефон|моб\.|тел\.|тел:|звон|позвон|電話|携帯|連絡先|电话|手机|联系方式|致电|전화|휴대폰|puhelin|telefonnummer|тел "
)
ID = (
    r"national[ _-]?(?:id|identi|insurance|number)|\bid[ _-]?(?:no|number|card|nr|code)\b|\bids?[:#]|identity|identification|citizen|social[ _-]?(?:security|insurance)|tax(?:payer)?[ _-]?(?:id|no|number|code|file|ref)|"
    r"\bssn\b|_ssn|\bssn_|\btin\b|\bitin\b|\bnin\b|personal[ _-]?(?:id|number|code|no)|fiscal|government[ _-]?id|insurance[ _-]?n|"
    r"steuer|sozialversicherung|versicherungs(?:nummer|nr)|rentenversicherung|personalausweis|ausweis|identifikationsnummer|id-nummer|s[ée]curit[ée] sociale|num[ée]ro (?:de )?s[ée]cu|num[ée]ro fiscal|\bnir\b|\binsee\b|carte d.identit|registre national|"
    r"\bdni\b|\bnie\b|\bnif\b|\bnit\b|c[ée]dula|identificaci[óo]n|documento|\bcurp\b|\brfc\b|\brut\b|\brun\b|\bcuit\b|\bcuil\b|seguro social|codice[ _]?fiscale|\bc\.?f\.|tessera sanitaria|identit|"
    r"\bcpf\b|\brg\b|contribuinte|cart[ãa]o de cidad|identifica[çc][ãa]o|\bbsn\b|burgerservice|sofi|rijksregister|pesel|\bnip\b|dow[óo]d|identyfikac|personnummer|person-?nr|samordnings|f[øo]dselsnummer|personnr|\bcpr\b|kennitala|hetu|henkil[öo]tunnus|"
    r"t\.?c\.? ?kimlik|kimlik|\btckn\b|vatanda[şs]|инн|снилс|паспорт|личн|идентификац|удостоверен|ідентифік|егн|マイナンバー|個人番号|身份证|身分證|证件号|公民|주민등록|주민번호|"
    r"\bcnp\b|rodn[ée]|\br[čc]\b|osobn|\boib\b|emso|jmbg|\begn\b|asmens|isikukood|personas kods|\btaj\b|amka|αμκα|aadhaar|aadhar|\bpan\b|\bnric\b|\bhkid\b|\bcnic\b|mykad|\bnik\b|\bktp\b|\btfn\b|\bird\b|\bsin\b|\bnhs\b|\bnino\b|\bpps\b|\bppsn\b|\bahv\b|\bavs\b|\butr\b|\bsnils\b|\binn\b"
)
PASSPORT = r"passport|reisepass|\bpass(?:nummer|-?nr)|passeport|pasaporte|passaporto|passaporte|paspoort|paszport|\bpass(?:et)?\b|pasaport|паспорт|загранпаспорт|パスポート|旅券|护照|護照|여권|travel[ _-]?doc|personalausweis|ausweis(?:nummer|-?nr)"
BIRTH = (
    r"\bborn\b|birth|\bdob\b|_dob\b|\bdob_|\bd\.o\.b|bday|\bgeb\.|geboren|geburt|\bn[ée]e? le\b|\bn[ée]\(?e?\)? le|naissance|naci[óo]|nacid[oa]|nacimiento|nat[oa] (?:il|a)\b|nat[oa] |nascita|nascimento|nascid[oa]|nasceu|"
    r"geboorte|\bgeb\b|urodz|\bur\. |\bur\.|f[öo]dd|f[öo]delse|f[øo]dt|f[øo]dsels|do[ğg]um|do[ğg]ru?m|d\.t[.:]|дата рожд|родил|рожден|г\.\s?р\.|生年月日|生まれ|誕生|出生|生日|생년월일|syntym|narozen|n[ăa]scut|na[sș]ter"
)
MEDICAL = (
    r"\bmrn\b|_mrn\b|medical[ _-]?rec|patient[ _-]?(?:id|no|nr|number|identifier|file|ref|#)|health[ _-]?record|hospital[ _-]?(?:no|number|id)|chart[ _-]?(?:no|number|#|id)|patienten-?(?:nummer|nr|id|akte)|fall-?(?:nummer|nr)|krankenakte|aktenzeichen|"
    r"dossier (?:m[ée]dical|patient)|num[ée]ro (?:de |du )?(?:patient|dossier)|n° (?:de |du )?(?:patient|dossier)|\bipp\b|historia cl[íi]nica|\bnhc\b|expediente (?:m[ée]dico|cl[íi]nico)|n[úu]mero de paciente|cartella clinica|n[uú]mero? (?:di |del )?paziente|codice paziente|prontu[áa]rio|processo cl[íi]nico|n[úu]mero (?:do |de )?(?:utente|paciente)|"
    r"pati[ëe]nt-?(?:nummer|nr|id)|dossiernummer|numer (?:pacjenta|kartoteki|historii)|nr (?:pacjenta|kartoteki|historii)|kartotek|historia choroby|journalnummer|patientnummer|patient-?nr|hasta (?:no|numara)|protokol no|dosya no|истори[ия] болезни|медкарт|медицинск\w+ карт|номер (?:пациента|карты)|カルテ番号|患者番号|患者id|診察券|病历号|病歷號|就诊号|住院号|患者编号|환자번호"
)
BANK = (
    r"account[ _-]?(?:no|nr|num|number|#)|\bacct\b|\ba/c\b|bank[ _-]?account|routing|sort[ _-]?code|\baba\b|\bbsb\b|kontonummer|konto-?nr|\bkto\b|konto|bankverbindung|bankleitzahl|\bblz\b|(?:num[ée]ro de )?compte|\brib\b|cuenta|\bclabe\b|\bccc\b|conto (?:corrente|bancario)|numero (?:di |del )?conto|conta (?:corrente|banc[áa]ria|n)|n[úu]mero da conta|ag[êe]ncia|"
    r"rekening|rachun|nr konta|numer konta|bankkonto|clearing|hesap|банковск|расч[её]тн|р/с|номер сч[её]та|сч[её]т|口座|銀行|银行|账号|帳號|账户|계좌|[úu][čc]et"
)
IP = r"\bip\b|\bip[ _-]?addr|_ip\b|\bip_|remote|client|host|\bsrc\b|login|from"
ADDRESS = r"address|street|adresse|anschrift|wohnhaft|direcci[óo]n|domicilio|indirizzo|residente|endere[çc]o|morada|adres|zamieszka|адрес|住所|地址|住址|주소|wohnt|lives? at|habite|vive en|ship(?:ped|ping)? to|deliver"
TOKEN = r"token|secret|key|passw|credential|auth|bearer"


@cache
def spotter(words: str) -> Any:
    """A compiled alternation of such words, for bytes in any case."""
    return compiled(f"(?i){words}", 16 << 20)
