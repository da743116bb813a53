"""Portuguese: Portugal and Brazil."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Conceição, Inês, Matilde, Graça, Leonor, Filipa, Jussara, Benedita, Luciana, Raquel, Iracema, Beatriz, Constança, Juliana,
    Rosângela, Madalena, Tatiana, Fátima, Lurdes, Gisele, Isabel, Mafalda, Patrícia, Sônia, Thaís, Vitória, Adriana,
    Cátia, Débora, Eduarda, Maria do Carmo, Ana Rita
""")
_MEN = listed("""
    Gonçalo, Tiago, Duarte, Anselmo, Caetano, Wellington, Nuno, Henrique, Raimundo, Joaquim, Vasco, Otávio, Simão, Rui,
    Leandro, Afonso, Baltazar, César, Diogo, Edson, Fábio, Gilberto, Heitor, Ivo, Jorge, Laércio, Martim, Norberto,
    Paulo, Renato, João Pedro, José Carlos
""")
_FAMILIES = listed("""
    Figueiredo, Carvalho, Magalhães, Teixeira, Assunção, Vasconcelos, Nogueira, Sampaio, Brandão, Mesquita, Pacheco, Cardoso,
    Coutinho, Fonseca, Guimarães, Lacerda, Moreira, Pinheiro, Queirós, Rebelo, Siqueira, Tavares, Valente, Xavier, Zagalo,
    Almeida, Barbosa, Cabral, Damasceno, Esteves, Falcão, Gouveia, Henriques, Junqueira, Leitão, Machado, Neves, Oliveira,
    Peixoto, Ramalho, Seixas, Toledo, Ventura, Amaral, Bastos, Cunha, Dantas, Évora, Freitas, Garcez, Lobato, Meireles,
    Nóbrega, Paiva, Quaresma, Rangel, Simões, Torres, Viegas, da Silva, dos Santos, de Souza
""")
_PORTUGUESE = Place(
    streets=listed("""
        Rua das Flores, Avenida da Liberdade, Travessa do Carmo, Largo do Rato, R. de Santa Catarina, Praceta Bento de Jesus,
        Rua Engenheiro Duarte Pacheco, Estrada da Luz
    """),
    houses=("%", "%#", "%##, 3.º Esq.", "n.º %#", "%#, r/c Dto."),
    towns=("1250-%## Lisboa", "4000-%## Porto", "3000-%## Coimbra", "4700-%## Braga", "8000-%## Faro"),
    lines=("{street}, {house}{br}{town}", "{street} {house}{br}{town}"),
)
_BRAZILIAN = Place(
    streets=listed("Rua Augusta, Av. Paulista, Rua Sete de Setembro, Alameda dos Anjos, Av. Getúlio Vargas"),
    houses=("%##", "%###", "%##, apto %#", "%### - bloco B"),
    towns=(
        "São Paulo - SP, 013##-0%0",
        "Belo Horizonte - MG, 301##-%00",
        "Recife/PE, CEP 500##-0%0",
        "Curitiba - PR, 802##-%10",
    ),
    lines=("{street}, {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Pedido de apoio {{ticket}}

A cliente {{PERSON:full1}} diz que lhe cobraram duas vezes a encomenda {{order}}. O cartão é o {{CREDIT_CARD}} e quer a
devolução para {{IBAN_CODE}}. Contactos: {{PHONE_NUMBER}} ou {{EMAIL_ADDRESS:1}}. Mudou de casa, a morada nova é
{{ADDRESS}}.

Fica com o {{PERSON:given2}}; fatura {{invoice}}.
====
mail
De: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
Para: {{PERSON:full3}} <{{EMAIL_ADDRESS:3}}>
Assunto: documentos para o contrato de arrendamento

Cara Dra. {{PERSON:family3}},

Conforme combinado, seguem os meus dados:

Nome: {{PERSON:full2}}
Data de nascimento: {{DATE_OF_BIRTH:long2}}
NIF: {{NATIONAL_ID:pt_nif2}}
Cartão de Cidadão: {{NATIONAL_ID:pt_card2}}
Morada:
{{ADDRESS:block}}

A caução sai da conta com o NIB {{BANK_ACCOUNT:a}}. Qualquer dúvida, o meu telemóvel é {{PHONE_NUMBER}}.

Com os melhores cumprimentos,
{{PERSON:full2}}
====
chat
{{PERSON:given1}}: gente, alguém lembra a senha do ambiente de homologação?
{{PERSON:given2}}: {{SECRET:password}} mas tá pra trocar
{{PERSON:given1}}: valeu!! e a chave da api?
{{PERSON:given2}}: {{SECRET:huggingface}}
{{PERSON:given1}}: show. o {{PERSON:full4}} do financeiro pediu pra vc ligar, {{PHONE_NUMBER}}
{{PERSON:given2}}: blz, ligo depois do feriado de Tiradentes kkk
====
code
# Mantido por {{PERSON:full1}} <{{EMAIL_ADDRESS:1}}>
require "net/http"

CONEXAO = "{{URL_CREDENTIALS}}"
SENHA = ENV.fetch("SENHA", "{{SECRET:password}}")
TOKEN_VAULT = "{{SECRET:vault}}"
VERSAO = "{{version}}"
RESUMO = "{{sha1}}"

def tentar(vezes = 3)
  vezes.times { |n| puts "tentativa #{n}" }
end
====
json
{
  "cadastro": "{{uuid}}",
  "criado_em": "{{iso}}",
  "cliente": {
    "nome": "{{PERSON:full1}}",
    "nascimento": "{{DATE_OF_BIRTH:iso1}}",
    "cpf": "{{NATIONAL_ID:br_cpf1}}",
    "endereco": "{{ADDRESS}}",
    "celular": "{{PHONE_NUMBER:intl}}",
    "email": "{{EMAIL_ADDRESS:1}}"
  },
  "pagamento": {"cartao": "{{CREDIT_CARD:plain}}", "valor": "{{amount}}", "pedido": "{{digits:9}}"},
  "ip": "{{IP_ADDRESS}}",
  "hash": "{{md5}}"
}
====
log
{{iso}} INFO  sessao iniciada utilizador={{EMAIL_ADDRESS:2}} origem={{IP_ADDRESS}}
{{iso}} AVISO dispositivo desconhecido mac={{MAC_ADDRESS}} vlan={{number:300}}
{{iso}} ERRO  pagamento recusado cartao={{CREDIT_CARD:plain}} encomenda={{order}}
{{iso}} DEBUG GET /relatorios?periodo=2026-09&chave={{SECRET:token}} 200
{{iso}} INFO  consulta ao cliente cpf={{NATIONAL_ID:br_cpf2}} duracao={{digits:3}}ms
====
table
| Processo | Nome | Nascimento | NIF | IBAN | Telefone |
|---|---|---|---|---|---|
| {{digits:5}} | {{PERSON:full1}} | {{DATE_OF_BIRTH:short1}} | {{NATIONAL_ID:pt_nif1}} | {{IBAN_CODE}} | {{PHONE_NUMBER}} |
| {{digits:5}} | {{PERSON:full2}} | {{DATE_OF_BIRTH:short2}} | {{NATIONAL_ID:pt_nif2}} | {{IBAN_CODE}} | {{PHONE_NUMBER}} |
| {{digits:5}} | {{PERSON:full3}} | {{DATE_OF_BIRTH:short3}} | {{NATIONAL_ID:pt_nif3}} | {{IBAN_CODE}} | {{PHONE_NUMBER}} |
====
medical
HOSPITAL DE SANTA LUZIA – Nota de alta

Doente: {{PERSON:full2}}
Data de nascimento: {{DATE_OF_BIRTH:short2}}
N.º de processo clínico: {{MEDICAL_RECORD}}
Residência: {{ADDRESS}}

Internado a {{date}} por pneumonia adquirida na comunidade. TA 132/80, FC 90, SatO2 94%, PCR {{digits:2}} mg/L. Doença de
Parkinson estável. Fez ceftriaxone 2 g/dia (lote {{batch}}), com boa evolução. Contacto da filha, {{PERSON:full1}}:
{{PHONE_NUMBER}}. Reavaliação em consulta dentro de um mês.

A médica, Dra. {{PERSON:full3}}
====
hr
FICHA DE ADMISSÃO – CONFIDENCIAL

Nome completo: {{PERSON:full1}}
Nascida em {{DATE_OF_BIRTH:short1}}
CPF: {{NATIONAL_ID:br_cpf1}}
Passaporte: {{PASSPORT}}
Endereço: {{ADDRESS}}
Conta salário: agência 1{{digits:3}}, conta {{BANK_ACCOUNT:b}}
E-mail pessoal: {{EMAIL_ADDRESS:1}}
Em caso de emergência: {{PERSON:full2}} (marido), {{PHONE_NUMBER}}

Cargo {{part}}, matrícula {{digits:6}}, gestor {{PERSON:full4}}, início {{date}}. Vale-transporte: sim.
====
ticket
Assunto: computador sem rede

Bom dia, sou a {{PERSON:full3}}, da contabilidade. O portátil deixou de ligar: endereço físico {{MAC_ADDRESS}}, endereço IP
{{IP_ADDRESS:four}}, versão {{build}}. A palavra-passe do administrador continua a ser {{SECRET:password}}? Extensão não
tenho, liguem para {{PHONE_NUMBER}}.
====
mail
Olá {{PERSON:given2}}, tudo bem?

Para a viagem preciso do teu passaporte. O meu é {{PASSPORT}} e o de {{PERSON:full3}} é {{PASSPORT}}; ela nasceu a
{{DATE_OF_BIRTH:long3}}. Podes pagar tudo com o meu cartão {{CREDIT_CARD}} e depois transfiro para o teu IBAN,
{{IBAN_CODE}}, certo? Reserva {{upper:6}}.

Beijinhos,
{{PERSON:given1}}
====
clean ticket
{{ticket}}: desde a versão {{version}} o relatório mensal não abre. Afeta a encomenda {{order}} e a guia {{reference}}. A soma
de verificação {{sha1}} não confere. Sem pressa: no São João e no Santo António o escritório da Rua Camões está fechado.
====
clean mail
Estimado cliente,

A sua encomenda {{order}} na {{company}} já seguiu, com o código {{tracking}}. Artigo: {{product}}, ref. {{part}}, lote
{{batch}}, EAN {{ean}}. Livro: «Os Lusíadas», ISBN {{isbn}}. Total {{amount}} €, fatura {{invoice}}, vencimento {{date}}.
CNPJ/NIPC do vendedor: {{digits:9}}.

Mensagem automática, por favor não responda.
====
clean code
// exemplo: preencha antes de executar
const config = {
  chave: "{{placeholder}}",
  senha: process.env.SENHA_BANCO,
  servidor: "http://127.0.0.1:4000",
  imagem: "registo.example/amalia@sha256:{{sha256}}",
  versao: "{{version}}",
  pedido: "{{uuid}}",
};
====
clean log
{{iso}} INFO  {{product}} iniciado na versao {{version}}, porta 8080, escuta 0.0.0.0
{{iso}} INFO  lote {{batch}} processado, {{digits:4}} linhas, rasto {{trace}}
{{iso}} AVISO tarefa {{uuid}} adiada para {{epoch}}
====
clean table
codigo;descricao;lote;qtd;ean
{{part}};{{product}};{{batch}};{{number:50}};{{ean}}
{{part}};Goiabada com queijo Romeu e Julieta;{{batch}};{{number:50}};{{ean}}
{{part}};Bolo Maria Mole;{{batch}};{{number:50}};{{ean}}
operacao {{sixteen}};;;;
"""

LANGUAGE = Language(
    code="pt",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_PORTUGUESE, _BRAZILIAN),
    phones=(
        "91# ### ###", "96#######", "+351 93# ### ###", "21 %## ## ##", "22# ### ###", "00351 91# ### ###",
        "(11) 9%###-####", "(21) %###-####", "+55 11 9%### ####", "+55 (31) 9%###-####", "11 9%#######",
    ),
    providers=("sapo.pt", "uol.com.br", "gmail.com", "hotmail.com", "bol.com.br", "outlook.pt"),
    firms=("quintadorio.pt", "clinicasantaluzia.pt", "aurora-sistemas.com.br", "mareazul.com.br", "ferragensbraga.pt"),
    months=listed("janeiro, fevereiro, março, abril, maio, junho, julho, agosto, setembro, outubro, novembro, dezembro"),
    dates={"short": "{d:02}/{m:02}/{y}", "long": "{d} de {month} de {y}", "dashed": "{d:02}-{m:02}-{y}"},
    ibans=("PT",),
    accounts=("PT", "%####-#", "%#.###-#"),
    passports=("C@######", "FZ######", "GA######"),
    records=("%######", "P%#####/26", "%#####-%"),
    companies=listed("Casa Pedrosa Lda., Jerónimo Martins, Quinta do Rio, Magazine Luiza, Irmãos Costa, Dona Benta"),
    products=listed("Cadeira Amélia, Liquidificador Walita Rita, Candeeiro Zeca, Galo Tobias, Máquina Olívia, Magalu Lu"),
    words=listed("praia, sardinha, verao, girafa, cafezinho, lisboa, montanha, tucano, sol, pastel, janela, chuva"),
    templates=templates(_TEXTS.strip("\n")),
    second_family=" ",
    doubled=0.4,
)  # fmt: skip
