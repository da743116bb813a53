"""French: France, Belgium and French-speaking Switzerland."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Solène, Clémence, Maëlle, Bénédicte, Ségolène, Océane, Mireille, Anaïs, Capucine, Fatoumata, Margaux, Josiane, Apolline,
    Éléonore, Ghislaine, Aurélie, Léa, Noémie, Odile, Perrine, Inès, Solange, Yasmina, Coralie, Héloïse, Amandine,
    Marie-Laure, Anne-Sophie, Huguette, Flavie, Salomé, Nadège
""")
_MEN = listed("""
    Thibault, Gaël, Bastien, Corentin, Loïc, Fabrice, Théophile, Guillaume, Rémi, Ousmane, Mathis, Yannick, Aurélien, Hervé,
    Baptiste, Jean-Marc, Pierre-Yves, Didier, Enzo, Sofiane, Gaspard, Ludovic, Cédric, Augustin, Marius, Karim, Étienne,
    Raphaël, Tanguy, Bertrand, Quentin, Mamadou
""")
_FAMILIES = listed("""
    Lefebvre, Marchand, Delacroix, Bouchard, Guérin, Peltier, Vasseur, Benali, Chevallier, Roussel, Diallo, Montfort, Garnier,
    Thévenet, Lacombe, Beaufils, Carpentier, Dumoulin, Esnault, Fontaine, Gauthier, Hamdani, Imbert, Jacquemin, Kerviel,
    Lemaître, Mercier, Nguyen, Ollivier, Pasquier, Quéméneur, Rivière, Sauvage, Traoré, Urbain, Verdier, Weber, Zidi, Aubry,
    Boisseau, Charpin, Desjardins, Ferrand, Gillet, Hoarau, Joly, Leclercq, Maillard, Noblet, Pichon, Renaudin, Schmitt,
    Texier, Vandamme, Le Goff, de Villeneuve, Brunel, Cordier, Lambert, Morvan, Tessier, Poulain
""")
_FRENCH = Place(
    streets=listed("""
        rue des Lilas, avenue Jean-Jaurès, bd Voltaire, place de la République, chemin du Moulin, impasse des Tanneurs,
        rue Victor-Hugo, allée des Platanes, quai de la Fosse, rue du Général de Gaulle
    """),
    houses=("%", "%#", "%##", "% bis", "%# ter"),
    towns=(
        "750%# Paris",
        "69003 Lyon",
        "44000 Nantes",
        "13006 Marseille",
        "31### Toulouse",
        "67000 Strasbourg",
        "35700 Rennes",
        "33### Bordeaux Cedex",
    ),
    lines=("{house}, {street}{br}{town}", "{house} {street}{br}{town}", "Bât. C, {house} {street}{br}{town}"),
)
_BELGIAN = Place(
    streets=listed("rue de la Station, chaussée de Waterloo, avenue Louise, Grand-Rue"),
    houses=("%", "%#", "%## bte %"),
    towns=("1050 Ixelles", "4000 Liège", "5000 Namur", "1003 Lausanne", "1204 Genève"),
    lines=("{street} {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Demande {{ticket}} – service après-vente
Bonjour, je suis {{PERSON:full1}}, numéro de commande {{order}}. Le colis {{tracking}} est indiqué livré mais je n'ai rien
reçu. J'habite au {{ADDRESS}} et j'étais chez moi toute la journée. Vous pouvez me joindre au {{PHONE_NUMBER}} ou par
courriel : {{EMAIL_ADDRESS:1}}.

Note interne ({{PERSON:given2}}) : remboursement à faire sur {{IBAN_CODE}}, pas sur la carte.
====
mail
De : {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
À : {{EMAIL_ADDRESS:3}}
Objet : RE: Dossier de location – pièces manquantes

Madame {{PERSON:family3}},

Suite à notre échange de ce matin, voici les éléments demandés pour mon dossier :
– né le {{DATE_OF_BIRTH:long2}} à Limoges ;
– n° de sécurité sociale : {{NATIONAL_ID:fr_nir2}} ;
– passeport n° {{PASSPORT}} ;
– adresse actuelle :

{{ADDRESS:block}}

Le garant est ma sœur, {{PERSON:full1}} ({{PHONE_NUMBER}}).

Bien cordialement,
{{PERSON:full2}}
====
chat
{{PERSON:given1}} : coucou, t'as le mdp du compte presse stp ?
{{PERSON:given2}} : {{SECRET:password}}
{{PERSON:given1}} : mercii. et Monsieur {{PERSON:family4}} demande qu'on le rappelle, son 06 c'est {{PHONE_NUMBER}}
{{PERSON:given2}} : noté. sinon la prod est en vrac depuis la {{version}}, j'ai relancé avec {{URL_CREDENTIALS}}
{{PERSON:given1}} : tu vas te faire taper sur les doigts par {{PERSON:full3}} 😬
{{PERSON:given2}} : lundi de Pentecôte c'est férié, personne verra
====
code
import { createClient } from "./client.js";

// Auteur : {{PERSON:full1}} <{{EMAIL_ADDRESS:1}}>
const options = {
  cleApi: "{{SECRET:google}}",
  jetonNpm: "{{SECRET:npm}}",
  delaiMs: 4500,
  empreinte: "{{sha256}}",
};

export const client = createClient("{{URL_CREDENTIALS}}", options);
export const motDePasse = "{{SECRET:password}}"; // à déplacer dans le coffre
====
json
[
  {"id": {{digits:7}}, "civilite": "Mme", "nom": "{{PERSON:family1}}", "prenom": "{{PERSON:given1}}", "naissance":
   "{{DATE_OF_BIRTH:iso1}}", "tel": "{{PHONE_NUMBER}}", "mail": "{{EMAIL_ADDRESS:1}}", "iban": "{{IBAN_CODE:plain}}",
   "reference": "{{invoice}}"},
  {"id": {{digits:7}}, "civilite": "M.", "nom": "{{PERSON:family2}}", "prenom": "{{PERSON:given2}}", "naissance":
   "{{DATE_OF_BIRTH:iso2}}", "tel": "{{PHONE_NUMBER}}", "mail": "{{EMAIL_ADDRESS:2}}", "nir": "{{NATIONAL_ID:fr_nir2}}",
   "adresse": "{{ADDRESS}}", "trace": "{{trace}}"}
]
====
log
{{iso}} INFO connexion identifiant={{EMAIL_ADDRESS:1}} ip={{IP_ADDRESS}} agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"
{{iso}} ERREUR paiement refusé carte={{CREDIT_CARD:plain}} commande={{order}} motif=51
{{iso}} AVERT. équipement inconnu {{MAC_ADDRESS}} sur le vlan {{number:400}}
{{iso}} INFO appel sortant vers le {{PHONE_NUMBER:intl}} durée=184s
{{iso}} DEBUG en-tête X-Api-Key: {{SECRET:hex}}
====
table
| Matricule | Nom et prénom | Date de naissance | N° de sécurité sociale | Téléphone |
|:--|:--|:--|:--|:--|
| {{digits:4}} | {{PERSON:full1}} | {{DATE_OF_BIRTH:short1}} | {{NATIONAL_ID:fr_nir1}} | {{PHONE_NUMBER}} |
| {{digits:4}} | {{PERSON:full2}} | {{DATE_OF_BIRTH:short2}} | {{NATIONAL_ID:fr_nir2}} | {{PHONE_NUMBER}} |
| {{digits:4}} | {{PERSON:full3}} | {{DATE_OF_BIRTH:short3}} | {{NATIONAL_ID:fr_nir3}} | {{PHONE_NUMBER}} |
====
medical
CENTRE HOSPITALIER DE LA VALLÉE – Service de cardiologie
Compte rendu d'hospitalisation

Patient : M. {{PERSON:full2}}, né le {{DATE_OF_BIRTH:short2}}
IPP : {{MEDICAL_RECORD}}
N° SS : {{NATIONAL_ID:fr_nir2}}
Demeurant {{ADDRESS}}

Cher confrère,
Votre patient a été hospitalisé pour un syndrome coronarien. TA 15/9, FC 78 bpm, FEVG 55 %. Troponine {{digits:2}} ng/l.
Traitement de sortie : Kardégic 75 mg, atorvastatine 40 mg, bisoprolol 1,25 mg (lot {{batch}}). Maladie de Raynaud connue.
Personne à prévenir : son épouse, Mme {{PERSON:full1}}, {{PHONE_NUMBER}}.

Dr {{PERSON:full3}}
====
hr
FICHE DE RENSEIGNEMENTS – NOUVELLE EMBAUCHE

Nom, prénom : {{PERSON:filed1}}
Date et lieu de naissance : {{DATE_OF_BIRTH:short1}}, Dijon
Numéro de sécurité sociale : {{NATIONAL_ID:fr_nir1}}
Passeport : {{PASSPORT}}
Adresse : {{ADDRESS}}
RIB : {{BANK_ACCOUNT}}
Courriel personnel : {{EMAIL_ADDRESS:1}}
Responsable hiérarchique : {{PERSON:full4}}

Coefficient {{digits:3}}, convention Syntec, SIRET {{digits:14}}, prise de poste le {{date}}.
====
ticket
Objet : virement non reçu

Je travaille à Bruxelles mais j'habite Lille. Mon numéro national belge : {{NATIONAL_ID:be_nn2}}. L'indemnité devait
arriver sur {{IBAN_CODE}} avant l'Ascension. Mon gestionnaire, {{PERSON:full4}}, ne répond plus. Merci de m'appeler au
{{PHONE_NUMBER:intl}}. Dossier {{digits:10}}, signé {{PERSON:initial2}}
====
mail
Salut {{PERSON:given1}},

Je te transfère la clé avant de partir en congé (oui, je sais...) :

{{SECRET:pem}}

Le jeton GitLab c'est {{SECRET:gitlab}}, il expire à la Toussaint. La machine répond en {{IP_ADDRESS}}.
Si ça coince, vois avec {{PERSON:full2}}.

Bises
====
clean ticket
{{ticket}} : l'export PDF échoue depuis la version {{version}} (build {{build}}). Empreinte attendue {{sha1}}. Le devis
{{reference}} et la facture {{invoice}} sont concernés. Pas d'urgence avant le lundi de Pâques ; la Saint-Jean et le
14 juillet sont chômés à l'agence de la place Clichy.
====
clean mail
Bonjour,

Votre commande {{order}} passée chez {{company}} est prête. Article : {{product}}, réf. {{part}}, lot {{batch}}, code-barres
{{ean}}. En cadeau : « Madame Bovary », ISBN {{isbn}}.
Montant : {{amount}} €. Suivi : {{tracking}}. TVA intracommunautaire FR{{digits:2}} {{digits:9}}.

Ceci est un message automatique.
====
clean code
# docker-compose.override.yml – exemple
services:
  josephine:
    image: registre.example/josephine:{{version}}
    environment:
      MOT_DE_PASSE: "{{placeholder}}"
      JETON: "${JETON:-}"
    ports: ["127.0.0.1:8081:80"]
    labels:
      revision: "{{sha1}}"
      reference: "{{uuid}}"
====
clean log
{{iso}} INFO démarrage {{product}} version={{version}} port=8443 adresse=0.0.0.0
{{iso}} INFO archive {{md5}} vérifiée, {{digits:5}} lignes, lot {{digits:8}}
{{iso}} AVERT. tâche {{uuid}} reportée à {{epoch}}
====
clean chat
[{{time}}] robot : {{product}} répond en {{digits:3}} ms
[{{time}}] robot : fusion {{commit}} déployée (build {{build}}), ticket {{ticket}} fermé
[{{time}}] robot : sauvegarde {{sixteen}} terminée avant le pont du 11 novembre
"""

LANGUAGE = Language(
    code="fr",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_FRENCH, _FRENCH, _BELGIAN),
    phones=(
        "06 ## ## ## ##", "06.##.##.##.##", "07########", "01 %# ## ## ##", "04-%#-##-##-##", "+33 6 ## ## ## ##",
        "+33 (0)2 %# ## ## ##", "+336########", "0033 1 %# ## ## ##", "+32 47% ## ## ##", "+41 22 %## ## ##",
    ),
    providers=("orange.fr", "free.fr", "laposte.net", "gmail.com", "wanadoo.fr", "skynet.be"),
    firms=("moulin-bleu.fr", "cabinet-estuaire.fr", "transports-duclos.com", "lumiere-conseil.be", "chvallee.fr"),
    months=listed("janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre"),
    dates={"short": "{d:02}/{m:02}/{y}", "long": "{d} {month} {y}", "dotted": "{d:02}.{m:02}.{y}"},
    ibans=("FR", "FR", "FR", "BE"),
    accounts=("FR",),
    passports=("1#@@#####", "2#@@#####"),
    records=("8########", "%#######", "IPP%######"),
    companies=listed("Leroy Merlin, Yves Rocher, Moulin Bleu SARL, Galeries Lafayette, Veuve Clicquot, Paul"),
    products=listed("Renault Zoé, Robot Marie, Bureau Camille, Lampe Colette, Peugeot Rifter, Machine Joséphine"),
    words=listed("soleil, fromage, canard, montagne, bretagne, chocolat, papillon, rivage, lundi, citron, velo, hiver"),
    templates=templates(_TEXTS.strip("\n")),
    second_family="-",
    doubled=0.07,
)  # fmt: skip
